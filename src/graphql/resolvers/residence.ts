import type { ResidenceResolvers } from '../../__generated__/types.ts';
import { parseRepresentedResidenceId } from '../arguments.ts';
import { listMaintenances } from './query.ts';

export const Residence = {
  // Another subgraph owns Residence and knows whether it exists. Returning its id needs no command and no token.
  __resolveReference: (representation: unknown) => ({ id: parseRepresentedResidenceId(representation) }),

  maintenances: ({ id }, args, { authenticated }) =>
    listMaintenances(authenticated().loaders, { residenceId: id, ...args }),
} satisfies ResidenceResolvers;
