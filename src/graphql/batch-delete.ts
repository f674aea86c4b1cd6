/**
 * A batch delete: one command per residence.
 */
import type { CommandApiClient } from '../command-api/client.ts';
import { COMMANDS } from '../command-api/commands.ts';
import { CommandApiError } from '../command-api/errors.ts';
import { formatMaintenanceId, type MaintenanceKey } from '../maintenance.ts';

/**
 * Deletes repair requests, with one command per residence. Returns each id once, in the given order, with the error of
 * its command. Throws only if the token is refused for every residence.
 */
export async function deleteMaintenances(client: CommandApiClient, keys: readonly MaintenanceKey[]) {
  const unique = new Map(keys.map((key) => [formatMaintenanceId(key), key]));
  const groups = Map.groupBy(unique.values(), ({ residenceId }) => residenceId);
  const errors = new Map<string, unknown>();
  await Promise.all(
    Array.from(groups, async ([residenceId, group]) => {
      const maintenanceIds = group.map(({ maintenanceId }) => maintenanceId);
      const deleted = client.send(COMMANDS.batchDeleteMaintenanceInfo, { residenceId, maintenanceIds });
      await deleted.catch((error: unknown) => errors.set(residenceId, error));
    }),
  );
  const isTokenRefused = (error: unknown) => error instanceof CommandApiError && error.reason === 'unauthenticated';
  if (errors.size === groups.size && errors.values().every(isTokenRefused)) throw errors.values().next().value;
  return Array.from(unique, ([id, { residenceId }]) => ({ id, error: errors.get(residenceId) }));
}
