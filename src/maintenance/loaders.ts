/**
 * Batches the reads of one operation: loading k maintenances of r residences takes r commands, sent together. A second
 * one follows for a maintenance that may not exist.
 */
import DataLoader from 'dataloader';
import type { Client } from '../command-api/client.ts';
import { CommandFailure } from '../command-api/failures.ts';
import type { Id } from '../values.ts';
import { COMMANDS } from './commands.ts';
import {
  formatMaintenanceId,
  type Maintenance,
  type MaintenanceKey,
  type MaintenanceOrder,
  orderMaintenances,
} from './model.ts';

export type Loaders = ReturnType<typeof createLoaders>;

/** Creates the loaders of one operation. */
export function createLoaders({ read }: Pick<Client, 'read'>) {
  const lists = new Map<Id, Promise<readonly Maintenance[]>>();
  // One operation may ask for thousands of selections from the same list, and ordering is the slow part.
  const orderedLists = new Map<string, Promise<readonly Maintenance[]>>();

  function loadList(residenceId: Id, orderBy?: MaintenanceOrder | null): Promise<readonly Maintenance[]> {
    const list = lists.get(residenceId) ?? read(COMMANDS.getMaintenanceList, { residenceId });
    lists.set(residenceId, list);
    if (!orderBy) return list;
    const key = `${orderBy} ${residenceId}`;
    const ordered = orderedLists.get(key) ?? list.then((all) => orderMaintenances(all, orderBy));
    orderedLists.set(key, ordered);
    return ordered;
  }

  /** Loads a maintenance by its key, or null if it does not exist. */
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

  /** Returns the maintenances of a residence by id, from its list: the first of each id. */
  async function indexList(residenceId: Id): Promise<Map<Id, Maintenance>> {
    return new Map(
      (await loadList(residenceId)).toReversed().map((maintenance) => [maintenance.maintenanceId, maintenance]),
    );
  }

  async function findByInfo(key: MaintenanceKey): Promise<Maintenance | null> {
    try {
      return await read(COMMANDS.getMaintenanceInfo, key);
    } catch (error) {
      if (!isOfAbsence(error)) throw error;
      // The vendor documents no reply for an unknown id, so the list decides. If it fails too, report the first error.
      const index = await indexList(key.residenceId).catch(() => {
        throw error;
      });
      return index.get(key.maintenanceId) ?? null;
    }
  }

  return {
    /**
     * Loads the maintenances of a residence, by default in the command API's order. Sends one command per residence
     * until `clear`.
     */
    loadList,
    maintenanceByKey,
    /** Clears everything, so that later reads are current. */
    clear(): void {
      lists.clear();
      orderedLists.clear();
      maintenanceByKey.clearAll();
    },
  };
}

/** Returns whether a failure may mean that there is no such maintenance. */
function isOfAbsence(error: unknown): boolean {
  return error instanceof CommandFailure && (error.kind === 'rejected' || error.flaw === 'empty');
}
