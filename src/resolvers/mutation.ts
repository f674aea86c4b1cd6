import type { MutationResolvers } from '../__generated__/types.ts';
import { checkNewMaintenance, toKey, toKeys } from '../arguments.ts';
import { CommandApiError } from '../command-api/errors.ts';
import { describeFailure } from '../format-error.ts';
import { formatMaintenanceId } from '../maintenance.ts';
import { Refusal } from '../refusal.ts';
import { createMaintenance, deleteMaintenance, deleteMaintenances } from '../writes.ts';

export const mutation: MutationResolvers = {
  createMaintenance: (_, { input }, context) =>
    asWrite(async () => createMaintenance(context.caller(), checkNewMaintenance(input))),

  deleteMaintenance: (_, { id }, context) =>
    asWrite(async () => {
      const caller = context.caller();
      const key = toKey(id);
      await deleteMaintenance(caller, key);
      return { id: formatMaintenanceId(key), residence: { id: key.residenceId } };
    }),

  deleteMaintenances: (_, { ids }, context) =>
    asWrite(async () => {
      const { deletedIds, failures } = await deleteMaintenances(context.caller(), toKeys(ids));
      return {
        deletedIds,
        failures: failures.map(({ id, error }) => ({
          id,
          ...describeFailure(error),
          outcome: error.outcome ?? 'UNKNOWN',
        })),
      };
    }),
};

/** Makes every error of a write say what is known of it: a command's own does, a refusal came before any was sent. */
async function asWrite<T>(resolve: () => Promise<T>): Promise<T> {
  try {
    return await resolve();
  } catch (error) {
    if (error instanceof Refusal) error.outcome = 'NOT_SENT';
    else if (error instanceof Error && !(error instanceof CommandApiError))
      Object.assign(error, { outcome: 'UNKNOWN' });
    throw error;
  }
}
