import type { QueryResolvers } from '../../__generated__/types.ts';
import { type ListArguments, selectMaintenances } from '../../maintenance.ts';
import { checkListArguments, toKey } from '../arguments.ts';
import type { Loaders } from '../loaders.ts';

export const Query: QueryResolvers = {
  maintenances: (_, args, { authenticated }) => listMaintenances(authenticated().loaders, args),

  maintenance: (_, { id }, { authenticated }) => authenticated().loaders.maintenanceByKey.load(toKey(id)),
};

/** Loads the list of a residence, for `Query.maintenances` and `Residence.maintenances`. */
export async function listMaintenances({ loadList }: Loaders, args: ListArguments & { readonly residenceId: string }) {
  checkListArguments(args);
  return selectMaintenances(await loadList(args.residenceId), args);
}
