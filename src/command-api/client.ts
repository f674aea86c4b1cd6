/**
 * The command API as a set of methods, one for each command. With command.ts and the decoder, the only place that knows its names.
 */
import { addAbortListener } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SpanKind } from '@opentelemetry/api';
import type { Maintenance, MaintenanceKey, NewMaintenance } from '../maintenance.ts';
import { TAKES } from '../memory.ts';
import { inSpan } from '../tracing.ts';
import { type Admission, createQueue } from './admission.ts';
import type { createCoalescing } from './coalescing.ts';
import { type Command, type CommandName, createCommand } from './command.ts';
import { decodeCreated, decodeDeleted, decodeInfo, decodeList, decodeReply } from './decoder.ts';
import { abandoned, noMemory } from './errors.ts';
import type { Send, Session } from './transport.ts';

/** As many bytes of replies are decoded in one turn of the event loop. A larger one has a turn of its own. */
const TURN_BYTES = 50_000;

/** What all operations share. */
export interface Upstream {
  readonly send: Send;
  readonly admission: Admission;
  readonly coalescing: ReturnType<typeof createCoalescing>;
}

/** A decoded reply, and how many bytes it had. */
interface Decoded<T> {
  readonly value: T;
  readonly bytes: number;
}

export type CommandApiClient = ReturnType<typeof createCommandApiClient>;

type Decode<T> = (result: unknown, command: Command) => T;
type Param = Readonly<Record<string, unknown>> & { readonly residence_id: string };

/**
 * A client for one operation. Every method throws a `CommandApiError` where its command fails. `commands` gets each
 * command as it is asked for, and is completed when it settles.
 */
export function createCommandApiClient(
  { send, admission, coalescing }: Upstream,
  session: Session,
  commands: Command[],
) {
  // So many at once that one operation cannot fill everybody's queue.
  const { takeTurn } = createQueue(32, Number.POSITIVE_INFINITY);

  async function run<T>(write: boolean, name: CommandName, param: Param, decode: Decode<T>): Promise<T> {
    const residenceId = param.residence_id;
    const command = createCommand(name, write, residenceId);
    commands.push(command);
    const start = performance.now();
    const signal = write ? session.writeSignal : session.readSignal;

    /** Keeps its place until the reply is decoded: so many replies wait for that at once, and no more. */
    function exchange(end: AbortController): Promise<Decoded<T>> {
      return admission.takeTurn(command, end.signal, async () => {
        // Replies to writes may have taken more than there is.
        takeMemory(0, 'command');
        const reply = await admission.guard(command, () => send(command, param, session, end));
        try {
          await waitForTurn(reply.bytes, end.signal);
          return { value: decode(decodeReply(reply, command), command), bytes: reply.bytes };
        } finally {
          session.share.add(-reply.held);
        }
      });
    }

    async function sendAlone(): Promise<Decoded<T>> {
      // Before and after: no read that begins after a write sees what was read before it was done.
      coalescing.detach(residenceId);
      // Not AbortSignal.any: Node keeps what it makes for good, once a listener was on it.
      const end = new AbortController();
      using _ = addAbortListener(signal, () => end.abort(signal.reason));
      try {
        return await exchange(end);
      } finally {
        coalescing.detach(residenceId);
      }
    }

    async function share(): Promise<Decoded<T>> {
      const key = JSON.stringify([session.headers.authorization, name, param]);
      const decoded = await coalescing.share(key, command, signal, exchange);
      if (command.coalesced) await waitForTurn(decoded.bytes, signal);
      // Held until the operation ends, by each that uses it.
      const tickets = Array.isArray(decoded.value) ? decoded.value.length : 1;
      takeMemory(decoded.bytes + tickets * TAKES.ticket, 'reply');
      return decoded;
    }

    /** A body that has waited for its turn in vain is dropped, unless it says what became of a write. */
    async function waitForTurn(bytes: number, ended: AbortSignal): Promise<void> {
      await turnFor(bytes);
      if (bytes > 0 && ended.aborted && !write) throw abandoned(command, ended, true);
    }

    function takeMemory(bytes: number, stage: 'command' | 'reply'): void {
      if (!session.share.take(bytes, stage)) throw noMemory(command, stage);
    }

    return inSpan(name, { kind: SpanKind.CLIENT }, async (span) => {
      try {
        takeMemory(TAKES.command, 'command');
        return (await takeTurn(command, signal, write ? sendAlone : share)).value;
      } catch (error) {
        command.error = error;
        throw error;
      } finally {
        command.durationMs = performance.now() - start;
        const { id, coalesced, attempts } = command;
        span.setAttributes({ 'command.id': id, 'command.coalesced': coalesced, 'command.attempts': attempts.length });
      }
    });
  }

  const read = <T>(name: CommandName, param: Param, decode: Decode<T>) => run(false, name, param, decode);
  const change = <T>(name: CommandName, param: Param, decode: Decode<T>) => run(true, name, param, decode);

  return {
    /** All repair requests of a residence, in the command API's order. */
    getMaintenanceList: (residenceId: string): Promise<Maintenance[]> =>
      read('get_maintenance_list', { residence_id: residenceId }, (result, command) =>
        decodeList(result, residenceId, command),
      ),

    /** One repair request. How it fails for one that does not exist is unknown: the list decides that. */
    getMaintenanceInfo: (key: MaintenanceKey): Promise<Maintenance> =>
      read('get_maintenance_info', toParam(key), (result, command) => decodeInfo(result, key, command)),

    /** Files a repair request and answers its maintenance id. */
    createMaintenanceInfo: (maintenance: NewMaintenance): Promise<string> => {
      const param = {
        residence_id: maintenance.residenceId,
        start_time: toWireTime(maintenance.startTime),
        finish_time: toWireTime(maintenance.finishTime),
        description: maintenance.description,
        contact: maintenance.contact,
        ...(maintenance.pictureFilenames && { filename: maintenance.pictureFilenames }),
      };
      return change('create_maintenance_info', param, decodeCreated);
    },

    /** Deletes one repair request. */
    deleteMaintenanceInfo: (key: MaintenanceKey): Promise<void> =>
      change('delete_maintenance_info', toParam(key), decodeDeleted),

    /** Deletes repair requests of one residence. Whether all or none is unknown: no outcome is reported for each. */
    batchDeleteMaintenanceInfo: (residenceId: string, maintenanceIds: readonly string[]): Promise<void> => {
      const maintenances = maintenanceIds.map((id) => ({ maintenance_id: id }));
      return change('batch_delete_maintenance_info', { residence_id: residenceId, maintenances }, decodeDeleted);
    },
  };
}

/** What tells one repair request from all others. */
function toParam({ residenceId, maintenanceId }: MaintenanceKey) {
  return { residence_id: residenceId, maintenance_id: maintenanceId };
}

/** `2024-01-16T13:32:45Z` as the command API writes it. */
function toWireTime(time: string): string {
  return time.replace('T', ' ').replace('Z', '');
}

let bytesInTurn = 0;
let turnEnd: Promise<void> | undefined;

/** Resolves when a reply may be decoded: in this turn of the event loop if there is room, else in a later one, in FIFO order. */
async function turnFor(bytes: number): Promise<void> {
  while (bytesInTurn > 0 && bytesInTurn + bytes > TURN_BYTES) await turnEnd;
  bytesInTurn += bytes;
  turnEnd ??= endTurn();
}

/** Twice, so that sockets and timers are served before the next turn, wherever in the event loop this one began. */
async function endTurn(): Promise<void> {
  await nextTurn();
  await nextTurn();
  bytesInTurn = 0;
  turnEnd = undefined;
}
