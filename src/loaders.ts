/**
 * Reads of one operation, batched: k details over r residences cost r commands and one round trip.
 */
import DataLoader from 'dataloader';
import type { CommandApiClient } from './command-api/client.ts';
import { CommandApiError } from './command-api/errors.ts';
import { formatMaintenanceId, type Maintenance, type MaintenanceKey } from './maintenance.ts';

/** What a caller who brought a token reads and writes with, for one operation. */
export interface Caller {
  readonly client: CommandApiClient;
  readonly loaders: ReturnType<typeof createLoaders>;
}

type Finder = (key: MaintenanceKey) => Promise<Maintenance | null>;

export function createLoaders(client: CommandApiClient) {
  const lists = new Map<string, Promise<Maintenance[]>>();

  function loadList(residenceId: string): Promise<Maintenance[]> {
    const list = lists.get(residenceId) ?? client.getMaintenanceList(residenceId);
    lists.set(residenceId, list);
    return list;
  }

  /** Key → the repair request, or null where it does not exist. */
  const details = new DataLoader<MaintenanceKey, Maintenance | null, string>(
    async (keys) => {
      const groups = Map.groupBy(keys, ({ residenceId }) => residenceId);
      const listed = new Map<string, Finder>();
      for (const [residenceId, { length }] of groups) {
        if (length > 1 || lists.has(residenceId)) listed.set(residenceId, findInList(residenceId));
      }
      const settled = await Promise.allSettled(keys.map((key) => (listed.get(key.residenceId) ?? findByInfo)(key)));
      // DataLoader wants an Error in the place of a value that failed, so that it costs no other.
      return settled.map((one) => (one.status === 'fulfilled' ? one.value : one.reason));
    },
    { cacheKeyFn: formatMaintenanceId },
  );

  /** Finds any number of requests of one residence at the cost of its list, which is asked for and indexed once. */
  function findInList(residenceId: string): Finder {
    const index = loadList(residenceId).then((list) => Map.groupBy(list, ({ maintenanceId }) => maintenanceId));
    return async ({ maintenanceId }) => (await index).get(maintenanceId)?.[0] ?? null;
  }

  async function findByInfo(key: MaintenanceKey): Promise<Maintenance | null> {
    try {
      return await client.getMaintenanceInfo(key);
    } catch (error) {
      if (!mayNotExist(error)) throw error;
      // The list decides whether a request exists; where it cannot tell either, the first reason stands.
      return findInList(key.residenceId)(key).catch(() => {
        throw error;
      });
    }
  }

  return {
    /** The repair requests of a residence, in the command API's order; asked for once, however often it is called. */
    loadList,
    details,
    /** Forgets everything read of a residence, so that what is read after a write is true; and all details, which are few. */
    clearResidence(residenceId: string): void {
      lists.delete(residenceId);
      details.clearAll();
    },
  };
}

/** Whether the failure of an info may mean that there is no such request: the command API said no, or nothing at all. */
function mayNotExist(error: unknown): boolean {
  return error instanceof CommandApiError && (error.reason === 'rejected' || error.details.empty === true);
}
