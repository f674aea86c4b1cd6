import type { QueryMaintenancesArgs, ResidenceResolvers } from '../../__generated__/types.ts';
import { selectMaintenances } from '../../maintenance.ts';
import { checkListArguments, toRepresentedResidenceId } from '../arguments.ts';
import type { Caller } from '../context.ts';

export const Residence = {
  // Another subgraph owns Residence and knows whether it exists. Returning its id needs no command and no token.
  __resolveReference: (representation: unknown) => ({ id: toRepresentedResidenceId(representation) }),

  maintenances: ({ id }, args, { caller }) => listMaintenances(caller(), { residenceId: id, ...args }),
} satisfies ResidenceResolvers;

/** Loads the list of a residence, for `Query.maintenances` and `Residence.maintenances`. */
export async function listMaintenances({ loadList }: Caller, args: QueryMaintenancesArgs) {
  checkListArguments(args);
  return selectMaintenances(await loadList(args.residenceId), args);
}
