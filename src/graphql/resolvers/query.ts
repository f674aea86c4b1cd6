import type { QueryResolvers } from '../../__generated__/types.ts';
import { selectMaintenances } from '../../maintenance.ts';
import { checkArguments, type ResidenceListArguments, toKey } from '../arguments.ts';
import type { Loaders } from '../loaders.ts';

export const Query: Required<QueryResolvers> = {
  maintenances: (_, args, { authenticated }) => listMaintenances(authenticated().loaders, args),

  maintenance: (_, { id }, { authenticated }) => authenticated().loaders.maintenanceByKey.load(toKey(id)),
};

/** Loads the list of a residence, for one of the two fields that return it. */
export async function listMaintenances({ loadList }: Loaders, args: ResidenceListArguments) {
  checkArguments(args);
  return selectMaintenances(await loadList(args.residenceId), args);
}
