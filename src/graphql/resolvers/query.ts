import type { QueryResolvers } from '../../__generated__/types.ts';
import { selectMaintenances } from '../../maintenance.ts';
import { checkListArguments, type ListField, type ResidenceListArguments, toKey } from '../arguments.ts';
import type { Loaders } from '../loaders.ts';

export const Query: QueryResolvers = {
  maintenances: (_, args, { authenticated }) => listMaintenances(authenticated().loaders, args, 'Query.maintenances'),

  maintenance: (_, { id }, { authenticated }) => authenticated().loaders.maintenanceByKey.load(toKey(id)),
};

/** Loads the list of a residence, for one of the two fields that return it. */
export async function listMaintenances({ loadList }: Loaders, args: ResidenceListArguments, field: ListField) {
  checkListArguments(args, field);
  return selectMaintenances(await loadList(args.residenceId), args);
}
