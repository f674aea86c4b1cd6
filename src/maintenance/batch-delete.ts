/**
 * A batch delete: one command per residence, and each failure as data.
 */
import { type FailureCode, publicFormOf } from '../command-api/failures.ts';
import type { WriteContext } from '../graphql/operation.ts';
import type { Id } from '../values.ts';
import type { DeleteMaintenanceFailure, DeleteMaintenancesPayload } from './__generated__/types.ts';
import { COMMANDS } from './commands.ts';
import { formatMaintenanceId, type MaintenanceKey } from './model.ts';

type Access = ReturnType<WriteContext['requireAccess']>;
type FailureAsData = Omit<DeleteMaintenanceFailure, 'failedId'>;
/** The codes that failures as data do not have, and what these have in their place. */
const OTHER_CODES: Record<Exclude<FailureCode, FailureAsData['code']>, FailureAsData['code']> = {
  BAD_USER_INPUT: 'UPSTREAM_UNAVAILABLE',
  CALLER_GONE: 'INTERNAL_SERVER_ERROR',
};

/**
 * Deletes repair requests, with one command per residence. Returns each id once, in the given order. Throws only if the
 * token is rejected for every residence.
 */
export async function deleteMaintenances(
  { write, describeAsData }: Access,
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
  const isUnauthenticated = (error: unknown) => publicFormOf(error).code === 'UNAUTHENTICATED';
  if (errors.size === groups.size && errors.values().every(isUnauthenticated)) throw errors.values().next().value;
  const failed = new Map(Array.from(errors, ([residenceId, error]) => [residenceId, toFailure(error, describeAsData)]));
  const results = Array.from(unique, ([id, { residenceId }]) => ({ id, failure: failed.get(residenceId) }));
  return {
    deletedIds: results.flatMap(({ id, failure }) => (failure ? [] : id)),
    failures: results.flatMap(({ id, failure }) => (failure ? { failedId: id, ...failure } : [])),
  };
}

/** Returns the failure of a residence as data. The message of an unforeseen error contains its id. */
function toFailure(error: unknown, describeAsData: Access['describeAsData']): FailureAsData {
  const { code } = publicFormOf(error);
  const { message, extensions } = describeAsData(error);
  return {
    code: OTHER_CODES[code as keyof typeof OTHER_CODES] ?? code,
    message: extensions.errorId ? `${message}, errorId ${extensions.errorId}` : message,
    outcome: extensions.outcome as FailureAsData['outcome'],
  };
}
