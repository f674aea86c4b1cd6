/**
 * A batch delete: one command per residence, and each failure as data.
 */
import { CommandFailure } from '../command-api/failures.ts';
import type { Id } from '../values.ts';
import type { DeleteMaintenancesPayload } from './__generated__/types.ts';
import { COMMANDS } from './commands.ts';
import type { WriteAccess } from './context.ts';
import { formatMaintenanceId, type MaintenanceKey } from './model.ts';

/**
 * Deletes maintenances, with one command per residence. Returns each id once, in the given order. Throws only if the
 * token is rejected for every residence.
 */
export async function deleteMaintenances(
  { write, describeFailure }: WriteAccess,
  keys: readonly MaintenanceKey[],
): Promise<DeleteMaintenancesPayload> {
  const unique = new Map(keys.map((key) => [formatMaintenanceId(key), key]));
  const groups = Map.groupBy(unique.values(), ({ residenceId }) => residenceId);
  const errors = new Map<Id, unknown>();
  await Promise.all(
    Array.from(groups, async ([residenceId, group]) => {
      const maintenanceIds = group.map(({ maintenanceId }) => maintenanceId);
      const deleted = write(COMMANDS.batchDeleteMaintenanceInfo, { residenceId, maintenanceIds });
      await deleted.catch((error: unknown) => errors.set(residenceId, error));
    }),
  );
  const isUnauthenticated = (error: unknown) => error instanceof CommandFailure && error.kind === 'unauthenticated';
  if (errors.size === groups.size && errors.values().every(isUnauthenticated)) throw errors.values().next().value;
  const failures = new Map(Array.from(errors, ([residenceId, error]) => [residenceId, describeFailure(error)]));
  const results = Array.from(unique, ([id, { residenceId }]) => ({ id, failure: failures.get(residenceId) }));
  return {
    deletedIds: results.flatMap(({ id, failure }) => (failure ? [] : id)),
    failures: results.flatMap(({ id, failure }) => (failure ? { failedId: id, ...failure } : [])),
  };
}

/** Any sentence and code of a failure is shorter. */
const LONGEST_FAILURE = { code: 'x'.repeat(32), message: 'x'.repeat(128), outcome: 'NOT_SENT' };

/** Returns a payload that is at least as large as any for these ids: each of them deleted, and failed. */
export function largestBatchPayload(ids: readonly string[]) {
  return { deletedIds: ids, failures: ids.map((failedId) => ({ failedId, ...LONGEST_FAILURE })) };
}
