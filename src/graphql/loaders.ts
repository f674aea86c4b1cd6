/**
 * Reads of one operation, batched: k details over r residences cost r commands and one round trip.
 */
import DataLoader from 'dataloader';
import type { CommandApiClient } from '../command-api/client.ts';
import { CommandApiError } from '../command-api/errors.ts';
import { formatMaintenanceId, type Maintenance, type MaintenanceKey } from '../maintenance.ts';

/** What a caller who brought a token reads and writes with, for one operation. */
export interface Caller {
  readonly client: CommandApiClient;
  readonly loaders: ReturnType<typeof createLoaders>;
  /** Counts writes before any of them is sent. Throws where the operation has no room for so many. */
  countWrites(count: number): void;
}

type Found = Maintenance | null;

/** `countRead` counts a command before it is sent, and throws where the operation has no room for it. */
export function createLoaders(client: CommandApiClient, countRead: () => void) {
  const lists = new Map<string, Promise<Maintenance[]>>();

  async function loadList(residenceId: string): Promise<Maintenance[]> {
    const known = lists.get(residenceId);
    if (known) return known;
    countRead();
    const list = client.getMaintenanceList(residenceId);
    lists.set(residenceId, list);
    return list;
  }

  /** Key → the repair request, or null where it does not exist. */
  const details = new DataLoader<MaintenanceKey, Found, string>(loadDetails, { cacheKeyFn: formatMaintenanceId });

  async function loadDetails(keys: readonly MaintenanceKey[]): Promise<(Found | Error)[]> {
    const found = new Map<MaintenanceKey, Found | Error>();
    const find = async ([residenceId, group]: [string, MaintenanceKey[]]) => {
      try {
        const isListed = group.length > 1 || lists.has(residenceId);
        const index = isListed ? await indexList(residenceId) : undefined;
        for (const key of group) found.set(key, index ? pick(index, key) : await findByInfo(key));
      } catch (error) {
        // DataLoader wants an Error in the place of a value that failed, so that it costs no other.
        for (const key of group) found.set(key, error as Error);
      }
    };
    await Promise.all(
      Map.groupBy(keys, ({ residenceId }) => residenceId)
        .entries()
        .map(find),
    );
    return keys.map((key) => found.get(key) ?? null);
  }

  /** The requests of one residence by their ids, at the cost of its list. */
  async function indexList(residenceId: string): Promise<Map<string, Maintenance[]>> {
    return Map.groupBy(await loadList(residenceId), ({ maintenanceId }) => maintenanceId);
  }

  async function findByInfo(key: MaintenanceKey): Promise<Found> {
    countRead();
    try {
      return await client.getMaintenanceInfo(key);
    } catch (error) {
      if (!mayNotExist(error)) throw error;
      // The list decides whether a request exists; where it cannot tell either, the first reason stands.
      const index = await indexList(key.residenceId).catch(() => {
        throw error;
      });
      return pick(index, key);
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

/** What is listed first under an id. */
function pick(index: ReadonlyMap<string, readonly Maintenance[]>, { maintenanceId }: MaintenanceKey): Found {
  return index.get(maintenanceId)?.[0] ?? null;
}

/** Whether the failure of an info may mean that there is no such request: the command API said no, or nothing at all. */
function mayNotExist(error: unknown): boolean {
  return error instanceof CommandApiError && (error.reason === 'rejected' || error.details.flaw === 'empty');
}
