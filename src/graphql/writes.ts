/**
 * Writes of the mutations: one command per residence. Each write clears the loaders of its residence.
 */
import { CommandApiError } from '../command-api/errors.ts';
import { formatMaintenanceId, type MaintenanceKey, type NewMaintenance } from '../maintenance.ts';
import type { Caller } from './loaders.ts';

/** Creates a repair request and returns its key. */
export async function createMaintenance(caller: Caller, maintenance: NewMaintenance): Promise<MaintenanceKey> {
  const { residenceId } = maintenance;
  caller.countWrites(1);
  const maintenanceId = await write(caller, residenceId, () => caller.client.createMaintenanceInfo(maintenance));
  return { residenceId, maintenanceId };
}

/** Deletes a repair request and returns its key. */
export async function deleteMaintenance(caller: Caller, key: MaintenanceKey): Promise<MaintenanceKey> {
  caller.countWrites(1);
  await write(caller, key.residenceId, () => caller.client.deleteMaintenanceInfo(key));
  return key;
}

/**
 * Deletes repair requests, with one command per residence. Returns each id once, in the given order, with the error of
 * its command. Throws only if the token is refused for every residence.
 */
export async function deleteMaintenances(caller: Caller, keys: readonly MaintenanceKey[]) {
  const unique = new Map(keys.map((key) => [formatMaintenanceId(key), key]));
  const groups = Map.groupBy(unique.values(), ({ residenceId }) => residenceId);
  const errors = new Map<string, unknown>();
  caller.countWrites(groups.size);
  await Promise.all(
    Array.from(groups, async ([residenceId, group]) => {
      const maintenanceIds = group.map(({ maintenanceId }) => maintenanceId);
      try {
        await write(caller, residenceId, () => caller.client.batchDeleteMaintenanceInfo(residenceId, maintenanceIds));
      } catch (error) {
        errors.set(residenceId, error);
      }
    }),
  );
  const isTokenRefused = (error: unknown) => error instanceof CommandApiError && error.reason === 'unauthenticated';
  if (errors.size === groups.size && errors.values().every(isTokenRefused)) throw errors.values().next().value;
  return Array.from(unique, ([id, { residenceId }]) => ({ id, error: errors.get(residenceId) }));
}

/** Clears the residence's loaders even after a failure: the write may have taken effect. */
async function write<T>({ loaders }: Caller, residenceId: string, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } finally {
    loaders.clearResidence(residenceId);
  }
}
