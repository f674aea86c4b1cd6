/**
 * Batches the reads of one operation: loading k repair requests of r residences takes r commands, sent in parallel.
 */
import DataLoader from 'dataloader';
import type { CommandApiClient } from '../command-api/client.ts';
import { CommandApiError } from '../command-api/errors.ts';
import { formatMaintenanceId, type Maintenance, type MaintenanceKey } from '../maintenance.ts';

/** The client and loaders of an authenticated caller, for one operation. */
export interface Caller {
  readonly client: CommandApiClient;
  readonly loaders: ReturnType<typeof createLoaders>;
  /** Counts writes before they are sent. Throws a `Refusal` (errors.ts) if the operation exceeds its limit. */
  countWrites(count: number): void;
}

type Found = Maintenance | null;

/**
 * Creates the loaders of one operation. `countRead` counts a command before it is sent, and throws a `Refusal` at the
 * limit.
 */
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

  /** Loads a repair request by its key, or null if it does not exist. */
  const details = new DataLoader<MaintenanceKey, Found, string>(loadDetails, { cacheKeyFn: formatMaintenanceId });

  async function loadDetails(keys: readonly MaintenanceKey[]): Promise<(Found | Error)[]> {
    const found = new Map<MaintenanceKey, Found | Error>();
    const find = async ([residenceId, group]: [string, MaintenanceKey[]]) => {
      try {
        // One list is cheaper than two commands, and free if the operation has read it already.
        const useList = group.length > 1 || lists.has(residenceId);
        const index = useList ? await indexList(residenceId) : undefined;
        for (const key of group) found.set(key, index ? pick(index, key) : await findByInfo(key));
      } catch (error) {
        // DataLoader takes an Error as the result of one key, so that the other keys keep their results.
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

  /** Returns the requests of a residence by id, from its list. */
  async function indexList(residenceId: string): Promise<Map<string, Maintenance[]>> {
    return Map.groupBy(await loadList(residenceId), ({ maintenanceId }) => maintenanceId);
  }

  async function findByInfo(key: MaintenanceKey): Promise<Found> {
    countRead();
    try {
      return await client.getMaintenanceInfo(key);
    } catch (error) {
      if (!mayNotExist(error)) throw error;
      // The vendor documents no reply for an unknown id, so the list decides. If it fails too, report the first error.
      const index = await indexList(key.residenceId).catch(() => {
        throw error;
      });
      return pick(index, key);
    }
  }

  return {
    /**
     * Loads the repair requests of a residence, in the command API's order. Sends one command per residence and
     * operation.
     */
    loadList,
    details,
    /**
     * Clears a residence after a write, so that later reads are current. Clears the details of all residences, which is
     * simpler.
     */
    clearResidence(residenceId: string): void {
      lists.delete(residenceId);
      details.clearAll();
    },
  };
}

/** Returns the first request with an id. */
function pick(index: ReadonlyMap<string, readonly Maintenance[]>, { maintenanceId }: MaintenanceKey): Found {
  return index.get(maintenanceId)?.[0] ?? null;
}

/**
 * Returns whether a failed get_maintenance_info may mean that the request does not exist: rejected, or an empty result.
 */
function mayNotExist(error: unknown): boolean {
  return error instanceof CommandApiError && (error.reason === 'rejected' || error.details.flaw === 'empty');
}
