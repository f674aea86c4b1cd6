/**
 * Batches the reads of one operation: loading k repair requests of r residences takes r commands, sent in parallel. A
 * second one follows for a request that may not exist, and one for each request if a list fails that stood for them.
 */
import DataLoader from 'dataloader';
import type { Client } from '../command-api/client.ts';
import { CommandApiError, type FailureKind } from '../command-api/failures.ts';
import type { Id } from '../values.ts';
import { COMMANDS } from './commands.ts';
import { formatMaintenanceId, type Maintenance, type MaintenanceKey } from './model.ts';

/** What may be the matter with a list alone, so that its repair requests are asked for one by one. */
const OF_LIST: ReadonlySet<FailureKind> = new Set(['invalid', 'unavailable', 'failed', 'unreachable', 'timeout']);

export type Loaders = ReturnType<typeof createLoaders>;

/** What the loaders of an operation use. */
interface Reader extends Pick<Client, 'read'> {
  /** Charges one search of a list with this many entries, because those that are not returned take time too. */
  chargeSearch(entries: number): void;
}

/** Creates the loaders of one operation. */
export function createLoaders({ read, chargeSearch }: Reader) {
  const lists = new Map<Id, Promise<readonly Maintenance[]>>();
  /** By residence whose list failed: the failure that its first repair request has, and others would have too. */
  const firstFailures = new Map<Id, Promise<unknown>>();

  async function loadList(residenceId: Id): Promise<readonly Maintenance[]> {
    const loading = lists.get(residenceId) ?? read(COMMANDS.getMaintenanceList, { residenceId });
    lists.set(residenceId, loading);
    const list = await loading;
    chargeSearch(list.length);
    return list;
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
      if (!index) return findByInfo(key);
      try {
        return (await index).get(key.maintenanceId) ?? null;
      } catch (error) {
        if (mayBeOfList(error)) return findAlone(key, error);
        throw error;
      }
    };
    // DataLoader takes an Error as the result of one key, so that the other keys keep their results.
    return Promise.all(keys.map((key) => find(key).catch((error: Error) => error)));
  }

  /** Returns the repair requests of a residence by id, from its list: the first of each id. */
  async function indexList(residenceId: Id): Promise<Map<Id, Maintenance>> {
    return new Map((await loadList(residenceId)).toReversed().map((one) => [one.maintenanceId, one]));
  }

  /**
   * Loads a repair request whose list failed. The first one of a residence goes alone. If it fails as its siblings
   * would, they have its failure, because a command API that is down must not get a hundred commands instead of one.
   */
  async function findAlone(key: MaintenanceKey, listError: CommandApiError): Promise<Maintenance | null> {
    const first = firstFailures.get(key.residenceId);
    // No `await` for the first one, so that no other one takes itself for it.
    const failure = first && (await first);
    if (failure) throw failure;
    const found = findByInfo(key).catch((error) => {
      // The caller did not ask for this command, so the failure of the list says more than that it is one too many.
      throw error instanceof CommandApiError && error.kind === 'too_many' ? listError : error;
    });
    if (!first) {
      const ofAll = found.then(() => undefined).catch((error) => (isOfAll(error, listError) ? error : undefined));
      firstFailures.set(key.residenceId, ofAll);
    }
    return found;
  }

  async function findByInfo(key: MaintenanceKey): Promise<Maintenance | null> {
    try {
      return await read(COMMANDS.getMaintenanceInfo, key);
    } catch (error) {
      if (!(error instanceof CommandApiError && error.mayNotExist)) throw error;
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
      firstFailures.clear();
      maintenanceByKey.clearAll();
    },
  };
}

/** Returns whether a failure may be that of a list alone. */
function mayBeOfList(error: unknown): error is CommandApiError {
  return error instanceof CommandApiError && OF_LIST.has(error.kind) && !error.failure.ended;
}

/** Returns whether the failure of a repair request, read after its list failed, is also that of the others. */
function isOfAll(error: unknown, listError: CommandApiError): boolean {
  if (!mayBeOfList(error)) return error instanceof CommandApiError && !error.mayNotExist;
  // Either both are outages, or both are invalid in the same way.
  const isInvalid = error.kind === 'invalid' || listError.kind === 'invalid';
  return !isInvalid || (error.kind === listError.kind && error.failure.flaw === listError.failure.flaw);
}
