/**
 * A batch delete: one command per residence, and each failure as data.
 */
import type { Client } from '../command-api/client.ts';
import { type FailureCode, failureOf } from '../command-api/failures.ts';
import type { DescribedFailure } from '../errors/public-error.ts';
import type { Id } from '../values.ts';
import type { DeleteMaintenanceFailure, DeleteMaintenancesPayload } from './__generated__/types.ts';
import { COMMANDS } from './commands.ts';
import { formatMaintenanceId, type MaintenanceKey } from './model.ts';

/** What resolvers write with. */
export interface WriteAccess extends Pick<Client, 'write'> {
  /** Describes the error of a write, for a payload that has it as data. */
  describeFailure(error: unknown): DescribedFailure;
}

type PayloadCode = DeleteMaintenanceFailure['code'];
/** The codes that the payload does not have, and what it has in their place. */
const OTHER_CODES: Record<Exclude<FailureCode, PayloadCode>, PayloadCode> = {
  BAD_USER_INPUT: 'UPSTREAM_UNAVAILABLE',
  CALLER_GONE: 'INTERNAL_SERVER_ERROR',
};

/**
 * Deletes repair requests, with one command per residence. Returns each id once, in the given order. Throws only if the
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
  const isUnauthenticated = (error: unknown) => failureOf(error).kind === 'unauthenticated';
  if (errors.size === groups.size && errors.values().every(isUnauthenticated)) throw errors.values().next().value;
  const describe = (error: unknown) => {
    const { code, ...described } = describeFailure(error);
    return { ...described, code: OTHER_CODES[code as keyof typeof OTHER_CODES] ?? code };
  };
  const failed = new Map(Array.from(errors, ([residenceId, error]) => [residenceId, describe(error)]));
  const results = Array.from(unique, ([id, { residenceId }]) => ({ id, failure: failed.get(residenceId) }));
  return {
    deletedIds: results.flatMap(({ id, failure }) => (failure ? [] : id)),
    failures: results.flatMap(({ id, failure }) => (failure ? { failedId: id, ...failure } : [])),
  };
}
