/**
 * The checks of `--write`: two tickets of this check's own are created and deleted, and no other is touched.
 */
import { decodeCreated, decodeDeleted, decodeList } from '../../src/command-api/decoder.ts';
import { describeFailure, showId } from './describe.ts';
import { randomId, readAs, type Send } from './exchange.ts';
import type { CheckName, Findings } from './findings.ts';
import { readInfo } from './reads.ts';

const HOUR_MS = 3_600_000;
// More than clocks differ, less than time zones do.
const NOW_WITHIN_MS = HOUR_MS / 4;

/**
 * Checks the writes and deletes what it created, also where it fails in between. `before` holds the ids of the tickets
 * that are not this check's own; `cleanUp` sends even when `send` no longer does; `tickets` gets each as it came.
 */
export async function checkWrites(
  send: Send,
  cleanUp: Send,
  residenceId: string,
  before: ReadonlySet<string>,
  findings: Findings,
  tickets: Record<string, unknown>[],
): Promise<void> {
  // Created here, and not known to be deleted.
  const own = new Set<string>();
  const given = {
    residence_id: residenceId,
    start_time: toWireTime(Date.now() + 24 * HOUR_MS),
    finish_time: toWireTime(Date.now() + 25 * HOUR_MS),
    description: `Contract check ${randomId('c')}, to be deleted`,
    // The vendor's own example: it may have to be a telephone number.
    contact: '10086',
  };

  async function create(check: CheckName): Promise<string | undefined> {
    const exchange = await send({ name: 'create_maintenance_info', param: given });
    const created = readAs(exchange, decodeCreated);
    findings.addOutcome(check, exchange, created, (id) => `an id of ${id.length} characters`);
    if (created.error) {
      if (created.error.outcome === 'UNKNOWN') {
        findings.leftovers.push(
          `A ticket may have been created whose id was not told. Look for "${given.description}".`,
        );
      }
      return undefined;
    }
    const id = created.value;
    if (before.has(id) || own.has(id)) {
      findings.add(check, 'differs', 'the id of a ticket that was there before', 'cannot be told from an older ticket');
      findings.leftovers.push(
        `A ticket may have been created whose id is not its own. Look for "${given.description}".`,
      );
      return undefined;
    }
    own.add(id);
    return id;
  }

  async function readBack(maintenanceId: string): Promise<void> {
    const info = await readInfo(send, { residenceId, maintenanceId }, 'readBack', findings);
    if (!info) return;
    const { ticket, maintenance } = info;
    tickets.push(ticket);
    const { residence_id: _, ...members } = given;
    const unlike = Object.entries(members).filter(([name, value]) => ticket[name] !== value);
    if (unlike.length > 0) {
      const names = unlike.map(([name]) => name).join(', ');
      findings.add('readBack', 'differs', `other ${names}`, `${names} do not come back as they were given`);
    }
    const { createdTime } = maintenance;
    if (typeof createdTime !== 'string') {
      findings.add('utc', 'not tried', 'no time that can be read');
      return;
    }
    const offMs = Math.abs(new Date(createdTime).getTime() - Date.now());
    if (offMs < NOW_WITHIN_MS) findings.add('utc', 'holds', 'now');
    else findings.add('utc', 'differs', `${(offMs / HOUR_MS).toFixed(1)} hours from now`, 'is not now in UTC');
  }

  /** The ids of the residence's list, if it could be read; `describe` tells of them. */
  async function list(check: CheckName, describe: (ids: ReadonlySet<string>) => string) {
    const exchange = await send({ name: 'get_maintenance_list', param: { residence_id: residenceId } });
    const ids = readAs(exchange, (result) => {
      const { value, ...found } = decodeList(result, residenceId);
      return { ...found, value: new Set(value.map(({ maintenanceId }) => maintenanceId)) };
    });
    findings.addOutcome(check, exchange, ids, describe);
    return ids.error ? undefined : ids.value;
  }

  /** Deletes a ticket of this check's own by one command or the other; answers whether that succeeded. */
  async function remove(check: CheckName, id: string): Promise<boolean> {
    const exchange = await send(
      check === 'batchDelete'
        ? {
            name: 'batch_delete_maintenance_info',
            param: { residence_id: residenceId, maintenances: [{ maintenance_id: id }] },
          }
        : deletion(residenceId, id),
    );
    const deleted = readAs(exchange, decodeDeleted);
    findings.addOutcome(check, exchange, deleted, () => 'success');
    if (!deleted.error) own.delete(id);
    return !deleted.error;
  }

  async function removeAgain(id: string): Promise<void> {
    const exchange = await send(deletion(residenceId, id));
    const deleted = readAs(exchange, decodeDeleted);
    if (deleted.error && 'text' in exchange.reply) {
      findings.add('deleteAgain', 'new', describeFailure(exchange, deleted.error));
    } else {
      findings.addOutcome('deleteAgain', exchange, deleted, () => 'success');
    }
  }

  try {
    const first = await create('create');
    if (first) await readBack(first);
    const second = await create('createAgain');
    if (own.size === 0) return;
    const created = [...own];
    const listed = await list('listedAtOnce', (ids) => `${count(created, ids)} of ${created.length} listed`);
    const deleted: string[] = [];
    if (first && (await remove('delete', first))) {
      deleted.push(first);
      await removeAgain(first);
    }
    if (second && (await remove('batchDelete', second))) deleted.push(second);
    // That a ticket is not listed proves nothing where it was not listed while it was there.
    const missed = deleted.filter((id) => listed?.has(id));
    if (missed.length === 0) return;
    const after = await list('gone', () => 'absent');
    const still = missed.filter((id) => after?.has(id));
    if (still.length === 0) return;
    const seen = `${still.length} of ${missed.length} still listed`;
    findings.add('gone', 'differs', seen, 'a delete that did not happen was answered with success');
    for (const id of still) {
      findings.leftovers.push(`The ticket ${showId(id)} of this check is still listed, though its delete succeeded.`);
    }
  } finally {
    for (const id of own) {
      const exchange = await cleanUp(deletion(residenceId, id));
      const { error } = readAs(exchange, decodeDeleted);
      if (error) {
        const reason = describeFailure(exchange, error);
        findings.leftovers.push(`Could not delete the ticket ${showId(id)} of this check (${reason}).`);
      }
    }
  }
}

function count(ids: readonly string[], among: ReadonlySet<string>): number {
  return ids.filter((id) => among.has(id)).length;
}

function deletion(residenceId: string, maintenanceId: string) {
  return { name: 'delete_maintenance_info', param: { residence_id: residenceId, maintenance_id: maintenanceId } };
}

/** A time as the command API writes it. */
function toWireTime(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ');
}
