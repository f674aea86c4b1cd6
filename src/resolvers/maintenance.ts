import type { MaintenanceResolvers } from '../__generated__/types.ts';
import { toRepresentedKey } from '../arguments.ts';

// The other fields are members of the record; one that could not be decoded is an Error there, which fails that field alone.
export const Maintenance: MaintenanceResolvers = {
  __resolveReference: async (representation, context) =>
    context.caller().loaders.details.load(toRepresentedKey(representation)),

  residence: ({ residenceId }) => ({ id: residenceId }),
};
