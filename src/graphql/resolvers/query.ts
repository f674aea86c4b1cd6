import type { QueryResolvers } from '../../__generated__/types.ts';
import { toKey } from '../arguments.ts';
import { listMaintenances } from './residence.ts';

export const Query: QueryResolvers = {
  maintenances: (_, args, { caller }) => listMaintenances(caller(), args),

  maintenance: (_, { id }, { caller }) => caller().maintenanceByKey.load(toKey(id)),
};
