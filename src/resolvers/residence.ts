import type { GraphQLResolveInfo } from 'graphql';
import type { ResidenceResolvers } from '../__generated__/types.ts';
import { checkResidenceId, checkSelection, Refusal, toRepresentedResidenceId } from '../arguments.ts';
import type { Context } from '../context.ts';
import { countEntryFields, LIMITS } from '../limits.ts';
import { type Selection, selectMaintenances } from '../maintenance.ts';

export const Residence: ResidenceResolvers = {
  // Another subgraph says whether it exists: to know its id costs no command and needs no token.
  __resolveReference: async (representation) => ({ id: toRepresentedResidenceId(representation) }),

  maintenances: ({ id }, selection, context, info) => listMaintenances(context, info, id, selection),
};

/** The list of a residence for `Query.maintenances` and `Residence.maintenances` alike. */
export async function listMaintenances(
  context: Context,
  info: GraphQLResolveInfo,
  residenceId: string,
  selection: Selection,
) {
  const { loaders } = context.caller();
  checkSelection(selection);
  const maintenances = selectMaintenances(await loaders.lists.load(checkResidenceId(residenceId)), selection);
  context.listedFields += maintenances.length * countEntryFields(info);
  if (context.listedFields > LIMITS.listedFields) {
    const most = `more than ${LIMITS.listedFields} fields in lists`;
    throw new Refusal('BAD_USER_INPUT', `The answer would have ${most}: ask for fewer of them, or for fewer entries.`);
  }
  return maintenances;
}
