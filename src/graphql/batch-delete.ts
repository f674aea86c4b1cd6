/**
 * A batch delete: one command per residence, and each failure as data.
 */
import type { DeleteMaintenanceFailure, DeleteMaintenancesPayload } from '../__generated__/types.ts';
import type { CommandApiClient } from '../command-api/client.ts';
import { COMMANDS } from '../command-api/commands.ts';
import { CommandApiError } from '../command-api/errors.ts';
import { formatMaintenanceId, type MaintenanceKey } from '../maintenance.ts';
import { toPublicError, type Unforeseen } from './errors.ts';

/**
 * Deletes repair requests, with one command per residence. Returns each id once, in the given order. Throws only if the
 * token is refused for every residence.
 */
export async function deleteMaintenances(
  client: CommandApiClient,
  keys: readonly MaintenanceKey[],
  unforeseen: Unforeseen,
): Promise<DeleteMaintenancesPayload> {
  const unique = new Map(keys.map((key) => [formatMaintenanceId(key), key]));
  const groups = Map.groupBy(unique.values(), ({ residenceId }) => residenceId);
  const errors = new Map<string, unknown>();
  await Promise.all(
    Array.from(groups, async ([residenceId, group]) => {
      const maintenanceIds = group.map(({ maintenanceId }) => maintenanceId);
      const deleted = client.write(COMMANDS.batchDeleteMaintenanceInfo, { residenceId, maintenanceIds });
      await deleted.catch((error: unknown) => errors.set(residenceId, error));
    }),
  );
  const isTokenRefused = (error: unknown) => error instanceof CommandApiError && error.kind === 'unauthenticated';
  if (errors.size === groups.size && errors.values().every(isTokenRefused)) throw errors.values().next().value;
  const failed = new Map(Array.from(errors, ([residenceId, error]) => [residenceId, describe(error, unforeseen)]));
  const payload = { deletedIds: [] as string[], failures: [] as DeleteMaintenanceFailure[] };
  for (const [id, { residenceId }] of unique) {
    const failure = failed.get(residenceId);
    if (failure) payload.failures.push({ id, ...failure });
    else payload.deletedIds.push(id);
  }
  return payload;
}

/** Describes the failure of a residence as data. The message of an unforeseen error contains its id. */
function describe(error: unknown, unforeseen: Unforeseen): Omit<DeleteMaintenanceFailure, 'id'> {
  const { code, message, extensions } = toPublicError(error, unforeseen, true);
  return {
    // The only refusal of a single residence: the operation may send no further write.
    code: (code === 'BAD_USER_INPUT' ? 'UPSTREAM_UNAVAILABLE' : code) as DeleteMaintenanceFailure['code'],
    message: extensions.errorId ? `${message}, errorId ${extensions.errorId}` : message,
    outcome: extensions.outcome as DeleteMaintenanceFailure['outcome'],
  };
}
