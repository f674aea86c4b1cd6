import type { CreateMaintenancePayloadResolvers, MutationResolvers } from '../__generated__/types.ts';
import { checkNewMaintenance, Refusal, toKey, toKeys } from '../arguments.ts';
import { CommandApiError } from '../command-api/errors.ts';
import { FAILURES } from '../format-error.ts';
import { formatMaintenanceId } from '../maintenance.ts';
import { createMaintenance, deleteMaintenance, deleteMaintenances } from '../writes.ts';

export const Mutation: MutationResolvers = {
  createMaintenance: (_, { input }, context) =>
    asWrite(async () => createMaintenance(context.caller(), checkNewMaintenance(input))),

  deleteMaintenance: (_, { id }, context) =>
    asWrite(async () => {
      const key = await deleteMaintenance(context.caller(), toKey(id));
      return { id: formatMaintenanceId(key), residence: { id: key.residenceId } };
    }),

  deleteMaintenances: (_, { ids }, context) =>
    asWrite(async () => {
      const deletions = await deleteMaintenances(context.caller(), toKeys(ids));
      return {
        deletedIds: deletions.flatMap(({ id, error }) => (error ? [] : id)),
        failures: deletions.flatMap(({ id, error }) =>
          error ? { id, ...FAILURES[error.reason], outcome: error.outcome } : [],
        ),
      };
    }),
};

export const CreateMaintenancePayload: CreateMaintenancePayloadResolvers = {
  id: (key) => formatMaintenanceId(key),

  maintenance: (key, _, context) => context.caller().loaders.details.load(key),
};

/** Makes every error of a write say what is known of it, as a command's own does. */
async function asWrite<T>(resolve: () => Promise<T>): Promise<T> {
  try {
    return await resolve();
  } catch (error) {
    if (error instanceof Error && !(error instanceof CommandApiError)) {
      // A refusal comes before any command is sent; what nobody foresaw may come at any time.
      Object.assign(error, { outcome: error instanceof Refusal ? 'NOT_SENT' : 'UNKNOWN' });
    }
    throw error;
  }
}
