import type { QueryResolvers } from '../__generated__/types.ts';
import { toKey } from '../arguments.ts';
import { loadMaintenance } from './maintenance.ts';
import { listMaintenances } from './residence.ts';

export const Query: QueryResolvers = {
  maintenances: (_, args, context, info) => listMaintenances(args, context, info),

  maintenance: async (_, { id }, context, info) => loadMaintenance(() => toKey(id), context, info),
};
