/**
 * Batches the reads of one operation: loading k repair requests of r residences takes r commands, sent in parallel. A
 * second one follows for a request that may not exist.
 */
import DataLoader from 'dataloader';
import type { Client } from '../command-api/client.ts';
import { CommandFailure } from '../command-api/failures.ts';
import type { Id } from '../values.ts';
import { COMMANDS } from './commands.ts';
import { formatMaintenanceId, type Maintenance, type MaintenanceKey } from './model.ts';

export type Loaders = ReturnType<typeof createLoaders>;

/** Creates the loaders of one operation. */
export function createLoaders({ read }: Pick<Client, 'read'>) {
  const lists = new Map<Id, Promise<readonly Maintenance[]>>();

  function loadList(residenceId: Id): Promise<readonly Maintenance[]> {
    const loading = lists.get(residenceId) ?? read(COMMANDS.getMaintenanceList, { residenceId });
    lists.set(residenceId, loading);
    return loading;
  }

  /** Loads a repair request by its key, or null if it does not exist. */
  const maintenanceByKey = new DataLoader<MaintenanceKey, Maintenance | null, string>(loadByKeys, {
    cacheKeyFn: formatMaintenanceId,
  });

  async function loadByKeys(keys: readonly MaintenanceKey[]): Promise<(Maintenance | null | Error)[]> {
    const indexes = new Map<Id, ReturnType<typeof indexList>>();
    for (const [residenceId, { length }] of Map.groupBy(keys, ({ residenceId }) => residenceId)) {
      // One list is cheaper than two commands, and free if the operation has read it already.
      if (length > 1 || lists.has(residenceId)) indexes.set(residenceId, indexList(residenceId));
    }
    const find = async (key: MaintenanceKey) => {
      const index = indexes.get(key.residenceId);
      return index ? ((await index).get(key.maintenanceId) ?? null) : findByInfo(key);
    };
    // DataLoader takes an Error as the result of one key, so that the other keys keep their results.
    return Promise.all(keys.map((key) => find(key).catch((error: Error) => error)));
  }

  /** Returns the repair requests of a residence by id, from its list: the first of each id. */
  async function indexList(residenceId: Id): Promise<Map<Id, Maintenance>> {
    return new Map((await loadList(residenceId)).toReversed().map((one) => [one.maintenanceId, one]));
  }

  async function findByInfo(key: MaintenanceKey): Promise<Maintenance | null> {
    try {
      return await read(COMMANDS.getMaintenanceInfo, key);
    } catch (error) {
      if (!(error instanceof CommandFailure && error.mayNotExist)) throw error;
      // The vendor documents no reply for an unknown id, so the list decides. If it fails too, report the first error.
      const index = await indexList(key.residenceId).catch(() => {
        throw error;
      });
      return index.get(key.maintenanceId) ?? null;
    }
  }

  return {
    /**
     * Loads the repair requests of a residence, in the command API's order. Sends one command per residence until
     * `clear`.
     */
    loadList,
    maintenanceByKey,
    /** Clears everything, so that later reads are current. */
    clear(): void {
      lists.clear();
      maintenanceByKey.clearAll();
    },
  };
}
