/**
 * The checks of `--write`: creates two tickets and deletes them. Changes no other ticket.
 */
import { decodeCreated, decodeDeleted, decodeList } from '../../src/command-api/decoder.ts';
import { describeFailure, showId } from './describe.ts';
import { randomId, readAs, type Send } from './exchange.ts';
import type { CheckName, Findings } from './findings.ts';
import { readInfo } from './reads.ts';

const HOUR_MS = 3_600_000;
// More than the drift of clocks, less than the difference between time zones.
const NOW_WITHIN_MS = HOUR_MS / 4;

/**
 * Checks the writes, and deletes the created tickets even after an error. `before` holds the ids of all older tickets.
 * `cleanUp` still sends commands after an interrupt, when `send` throws. Adds each raw ticket to `tickets`.
 */
export async function checkWrites(
  send: Send,
  cleanUp: Send,
  residenceId: string,
  before: ReadonlySet<string>,
  findings: Findings,
  tickets: Record<string, unknown>[],
): Promise<void> {
  // Tickets that this check created and did not delete yet.
  const own = new Set<string>();
  const given = {
    residence_id: residenceId,
    start_time: toWireTime(Date.now() + 24 * HOUR_MS),
    finish_time: toWireTime(Date.now() + 25 * HOUR_MS),
    description: `Contract check ${randomId('c')}, to be deleted`,
    // The vendor's example: the command API may accept only telephone numbers.
    contact: '10086',
  };

  async function create(check: CheckName): Promise<string | undefined> {
    const exchange = await send({ name: 'create_maintenance_info', param: given });
    const created = readAs(exchange, decodeCreated);
    findings.addOutcome(check, exchange, created, (id) => `an id of ${id.length} characters`);
    if (created.error) {
      if (created.error.outcome === 'UNKNOWN') {
        findings.leftovers.push(`A ticket without a returned id may exist. Look for "${given.description}".`);
      }
      return undefined;
    }
    const id = created.value;
    if (before.has(id) || own.has(id)) {
      findings.add(check, 'differs', 'the id of an older ticket', 'the new ticket has the id of an older ticket');
      findings.leftovers.push(`A ticket with a wrong id may exist. Look for "${given.description}".`);
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
      findings.add('readBack', 'differs', `other ${names}`, `differs from the create in ${names}`);
    }
    const { createdTime } = maintenance;
    if (typeof createdTime !== 'string') {
      findings.add('utc', 'not tried', 'no readable time');
      return;
    }
    const offMs = Math.abs(new Date(createdTime).getTime() - Date.now());
    if (offMs < NOW_WITHIN_MS) findings.add('utc', 'holds', 'now');
    else findings.add('utc', 'differs', `${(offMs / HOUR_MS).toFixed(1)} hours from now`, 'is not now in UTC');
  }

  /** Returns the ids of the residence's tickets; undefined if the list cannot be read. */
  async function list(check: CheckName, describe: (ids: ReadonlySet<string>) => string) {
    const exchange = await send({ name: 'get_maintenance_list', param: { residence_id: residenceId } });
    const ids = readAs(exchange, (result) => {
      const { value, ...found } = decodeList(result, { residenceId });
      return { ...found, value: new Set(value.map(({ maintenanceId }) => maintenanceId)) };
    });
    findings.addOutcome(check, exchange, ids, describe);
    return ids.error ? undefined : ids.value;
  }

  /** Deletes a created ticket by one of the two commands. Returns whether the delete succeeded. */
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
    // Absence proves a delete only for tickets that were listed before.
    const missed = deleted.filter((id) => listed?.has(id));
    if (missed.length === 0) return;
    const after = await list('gone', () => 'absent');
    const still = missed.filter((id) => after?.has(id));
    if (still.length === 0) return;
    const seen = `${still.length} of ${missed.length} still listed`;
    findings.add('gone', 'differs', seen, 'the delete had no effect, but the reply was a success');
    for (const id of still) {
      findings.leftovers.push(`The ticket ${showId(id)} of this check is still listed after its delete.`);
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

/** Returns a time in the format of the command API. */
function toWireTime(time: number): string {
  return new Date(time).toISOString().slice(0, 19).replace('T', ' ');
}
