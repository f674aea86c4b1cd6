import type { GraphQLResolveInfo } from 'graphql';
import type { QueryMaintenancesArgs, ResidenceResolvers } from '../__generated__/types.ts';
import { checkResidenceId, checkSelection, take, toRepresentedResidenceId } from '../arguments.ts';
import type { Context } from '../context.ts';
import { countEntryFields } from '../limits.ts';
import { selectMaintenances } from '../maintenance.ts';

export const Residence: ResidenceResolvers = {
  // Another subgraph says whether it exists: to know its id costs no command and needs no token.
  __resolveReference: async (representation) => ({ id: toRepresentedResidenceId(representation) }),

  maintenances: ({ id }, selection, context, info) =>
    listMaintenances({ residenceId: id, ...selection }, context, info),
};

/** The list of a residence for `Query.maintenances` and `Residence.maintenances` alike. */
export async function listMaintenances(args: QueryMaintenancesArgs, context: Context, info: GraphQLResolveInfo) {
  const { loaders } = context.caller();
  checkSelection(args);
  const list = await loaders.loadList(checkResidenceId(args.residenceId));
  // What is only looked through takes its time too.
  take(context.budget, list.length);
  const selected = selectMaintenances(list, args);
  take(context.budget, selected.length * countEntryFields(info));
  return selected;
}
