import type { Resolvers } from '../__generated__/types.ts';
import { DateTime } from '../scalars.ts';
import { Maintenance } from './maintenance.ts';
import { CreateMaintenancePayload, Mutation } from './mutation.ts';
import { Query } from './query.ts';
import { Residence } from './residence.ts';

export const resolvers: Resolvers = { DateTime, Query, Mutation, Maintenance, Residence, CreateMaintenancePayload };
