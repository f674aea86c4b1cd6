import type { CreateMaintenancePayloadResolvers } from '../__generated__/types.ts';
import { formatMaintenanceId } from '../maintenance.ts';

export const createMaintenancePayload: CreateMaintenancePayloadResolvers = {
  id: (key) => formatMaintenanceId(key),

  maintenance: (key, _, context) => context.caller().loaders.details.load(key),
};
