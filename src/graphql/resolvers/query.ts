import type { QueryMaintenancesArgs, QueryResolvers } from '../../__generated__/types.ts';
import { selectMaintenances } from '../../maintenance.ts';
import { parseKey, parseListArguments } from '../arguments.ts';
import type { Loaders } from '../loaders.ts';

export const Query: Required<QueryResolvers> = {
  maintenances: (_, args, { authenticated }) => listMaintenances(authenticated().loaders, args),

  maintenance: (_, { id }, { authenticated }) => authenticated().loaders.maintenanceByKey.load(parseKey(id)),
};

/** Loads the list of a residence, for one of the two fields that return it. */
export async function listMaintenances({ loadList }: Loaders, args: QueryMaintenancesArgs) {
  const { residenceId, ...selection } = parseListArguments(args);
  return selectMaintenances(await loadList(residenceId), selection);
}
