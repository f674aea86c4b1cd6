/**
 * A batch delete: one command per residence, and each failure as data.
 */
import type { DeleteMaintenanceFailure, DeleteMaintenancesPayload } from '../__generated__/types.ts';
import type { CommandApiClient } from '../command-api/client.ts';
import { COMMANDS } from '../command-api/commands.ts';
import { type FailureCode, publicFormOf } from '../command-api/failures.ts';
import { formatMaintenanceId, type Id, type MaintenanceKey } from '../maintenance.ts';
import { toPublicError } from './errors.ts';
import type { Operation } from './operation.ts';

type FailureAsData = Omit<DeleteMaintenanceFailure, 'failedId'>;
/** The codes that failures as data do not have, and what these have in their place. */
const OTHER_CODES: Record<Exclude<FailureCode, FailureAsData['code']>, FailureAsData['code']> = {
  BAD_USER_INPUT: 'UPSTREAM_UNAVAILABLE',
  CALLER_GONE: 'INTERNAL_SERVER_ERROR',
};

/**
 * Deletes repair requests, with one command per residence. Returns each id once, in the given order. Throws only if the
 * token is refused for every residence.
 */
export async function deleteMaintenances(
  client: CommandApiClient,
  keys: readonly MaintenanceKey[],
  operation: Operation,
): Promise<DeleteMaintenancesPayload> {
  const unique = new Map(keys.map((key) => [formatMaintenanceId(key), key]));
  const groups = Map.groupBy(unique.values(), ({ residenceId }) => residenceId);
  const errors = new Map<Id, unknown>();
  await Promise.all(
    Array.from(groups, async ([residenceId, group]) => {
      const maintenanceIds = group.map(({ maintenanceId }) => maintenanceId);
      const deleted = client.send(COMMANDS.batchDeleteMaintenanceInfo, { residenceId, maintenanceIds });
      await deleted.catch((error: unknown) => errors.set(residenceId, error));
    }),
  );
  const isTokenRefused = (error: unknown) => publicFormOf(error).code === 'UNAUTHENTICATED';
  if (errors.size === groups.size && errors.values().every(isTokenRefused)) throw errors.values().next().value;
  const failed = new Map(Array.from(errors, ([residenceId, error]) => [residenceId, describe(error, operation)]));
  const results = Array.from(unique, ([id, { residenceId }]) => ({ id, failure: failed.get(residenceId) }));
  return {
    deletedIds: results.flatMap(({ id, failure }) => (failure ? [] : id)),
    failures: results.flatMap(({ id, failure }) => (failure ? { failedId: id, ...failure } : [])),
  };
}

/** Describes the failure of a residence as data. The message of an unforeseen error contains its id. */
function describe(error: unknown, { failureCodes, unforeseen }: Operation): FailureAsData {
  const { code } = publicFormOf(error);
  const { message, extensions } = toPublicError(error, unforeseen, true);
  failureCodes.push(extensions.code);
  return {
    code: OTHER_CODES[code as keyof typeof OTHER_CODES] ?? code,
    message: extensions.errorId ? `${message}, errorId ${extensions.errorId}` : message,
    outcome: extensions.outcome as FailureAsData['outcome'],
  };
}
