import type { QueryResolvers } from '../__generated__/types.ts';
import { toKey } from '../arguments.ts';
import { listMaintenances } from './residence.ts';

export const Query: QueryResolvers = {
  maintenances: (_, { residenceId, ...selection }, context, info) =>
    listMaintenances(context, info, residenceId, selection),

  async maintenance(_, { id }, context) {
    const { loaders } = context.caller();
    return loaders.details.load(toKey(id));
  },
};
