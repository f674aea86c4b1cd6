import type { Resolvers } from '../__generated__/types.ts';
import { DateTime } from '../scalars.ts';
import { createMaintenancePayload } from './create-maintenance-payload.ts';
import { maintenance } from './maintenance.ts';
import { mutation } from './mutation.ts';
import { query } from './query.ts';
import { residence } from './residence.ts';

export const resolvers: Resolvers = {
  DateTime,
  Query: query,
  Mutation: mutation,
  Maintenance: maintenance,
  Residence: residence,
  CreateMaintenancePayload: createMaintenancePayload,
};
