import type { ResidenceResolvers } from '../__generated__/types.ts';
import { checkResidenceId, checkSelection, toRepresentedResidenceId } from '../arguments.ts';
import type { Context } from '../context.ts';
import { type Maintenance, type Selection, selectMaintenances } from '../maintenance.ts';

export const residence: ResidenceResolvers = {
  // Another subgraph says whether it exists: to know its id costs no command and needs no token.
  __resolveReference: async (representation) => ({ id: toRepresentedResidenceId(representation) }),

  maintenances: ({ id }, selection, context) => listMaintenances(context, id, selection),
};

/** The list of a residence for `Query.maintenances` and `Residence.maintenances` alike. */
export async function listMaintenances(
  context: Context,
  residenceId: string,
  selection: Selection,
): Promise<Maintenance[]> {
  const { loaders } = context.caller();
  checkSelection(selection);
  return selectMaintenances(await loaders.lists.load(checkResidenceId(residenceId)), selection);
}
