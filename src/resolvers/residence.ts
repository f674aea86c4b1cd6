import type { GraphQLResolveInfo } from 'graphql';
import type { QueryMaintenancesArgs, ResidenceResolvers } from '../__generated__/types.ts';
import { checkResidenceId, checkSelection, tooLarge, toRepresentedResidenceId } from '../arguments.ts';
import type { Context } from '../context.ts';
import { countEntryFields } from '../limits.ts';
import { selectMaintenances } from '../maintenance.ts';

export const Residence = {
  // Another subgraph says whether it exists: to know its id costs no command and needs no token.
  __resolveReference: async (representation: unknown) => ({ id: toRepresentedResidenceId(representation) }),

  maintenances: ({ id }, selection, context, info) =>
    listMaintenances({ residenceId: id, ...selection }, context, info),
} satisfies ResidenceResolvers;

/** The list of a residence for `Query.maintenances` and `Residence.maintenances` alike. */
export async function listMaintenances(args: QueryMaintenancesArgs, context: Context, info: GraphQLResolveInfo) {
  const { loaders } = context.caller();
  checkSelection(args);
  const list = await loaders.loadList(checkResidenceId(args.residenceId));
  // What is only looked through takes its time too.
  if (!context.take(list.length)) throw tooLarge();
  const selected = selectMaintenances(list, args);
  if (!context.take(selected.length * countEntryFields(info))) throw tooLarge();
  return selected;
}
