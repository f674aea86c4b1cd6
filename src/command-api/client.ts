/**
 * The command API as a set of methods, one for each command. With the decoder, the only place that knows its names.
 */
import { randomUUID } from 'node:crypto';
import { SpanKind } from '@opentelemetry/api';
import type { Maintenance, MaintenanceKey, NewMaintenance } from '../maintenance.ts';
import { inSpan } from '../tracing.ts';
import { decodeCreated, decodeDeleted, decodeInfo, decodeList, decodeReply } from './decoder.ts';
import type { Flaw } from './errors.ts';
import type { createFlights } from './flights.ts';
import { createQueue } from './policy.ts';
import type { Attempt, Send, SentCommand, Session } from './transport.ts';

export const COMMANDS = [
  'get_maintenance_list',
  'get_maintenance_info',
  'create_maintenance_info',
  'delete_maintenance_info',
  'batch_delete_maintenance_info',
] as const;
type CommandName = (typeof COMMANDS)[number];

/** What all operations share. */
export interface Upstream {
  readonly send: Send;
  readonly flights: ReturnType<typeof createFlights>;
  /** Told of each exchange as it ends, however many share it, and why it failed, if it did. */
  readonly onExchange: (command: CommandRecord, error?: unknown) => void;
}

/** A command and what became of it. */
export interface CommandRecord extends SentCommand {
  readonly residenceId: string;
  readonly flaws: Set<Flaw>;
  /** It shared another operation's exchange, whose id and attempts these are then. */
  coalesced: boolean;
  id: string;
  attempts: Attempt[];
  durationMs: number;
  /** Why it failed, if it did. */
  error?: unknown;
  /** How many tickets of a list had no usable id. */
  dropped?: number;
}

export type CommandApiClient = ReturnType<typeof createCommandApiClient>;

type Decode<T> = (result: unknown, command: CommandRecord) => T;
type Param = Readonly<Record<string, unknown>> & { readonly residence_id: string };

/**
 * A client for one operation. Every method throws a `CommandApiError` where its command fails. `commands` gets each
 * command as it is asked for, and is completed when it settles.
 */
export function createCommandApiClient(
  { send, flights, onExchange }: Upstream,
  session: Session,
  commands: CommandRecord[],
) {
  // So many at once that one operation cannot fill everybody's queue.
  const { takeTurn } = createQueue(32, Number.POSITIVE_INFINITY);

  async function run<T>(write: boolean, name: CommandName, param: Param, decode: Decode<T>): Promise<T> {
    // Not the param, which holds what a resident wrote.
    const command: CommandRecord = {
      name,
      id: randomId(),
      write,
      residenceId: param.residence_id,
      attempts: [],
      flaws: new Set(),
      coalesced: false,
      durationMs: 0,
    };
    commands.push(command);
    const start = performance.now();
    const signal = write ? session.writeSignal : session.readSignal;

    async function exchange(end: AbortController): Promise<T> {
      let failure: unknown;
      try {
        return decode(decodeReply(await send(command, param, session, end), command), command);
      } catch (error) {
        failure = error;
        throw error;
      } finally {
        onExchange(command, failure);
      }
    }

    async function share(): Promise<T> {
      const key = JSON.stringify([session.headers.authorization, name, param]);
      const flight = flights.share(key, command, param.residence_id, signal, exchange);
      const { id, attempts } = flight.command;
      Object.assign(command, { id, attempts, coalesced: flight.command !== command });
      return flight.result;
    }

    async function sendAlone(): Promise<T> {
      // Before and after: no read that begins after a write sees what was read before it was done.
      flights.detach(param.residence_id);
      // Not AbortSignal.any: Node keeps what it makes for good, once a listener was on it.
      const end = new AbortController();
      const forward = () => end.abort(signal.reason);
      signal.addEventListener('abort', forward);
      try {
        return await exchange(end);
      } finally {
        signal.removeEventListener('abort', forward);
        flights.detach(param.residence_id);
      }
    }

    let hasBegun = false;
    const begin = () => {
      hasBegun = true;
      return write ? sendAlone() : share();
    };

    return inSpan(name, { kind: SpanKind.CLIENT }, async (span) => {
      try {
        return await takeTurn(command, signal, begin);
      } catch (error) {
        command.error = error;
        // Its operation had no time for it: there was no exchange.
        if (!hasBegun) onExchange(command, error);
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
      read('get_maintenance_list', { residence_id: residenceId }, (result, command) => {
        const { maintenances, dropped } = decodeList(result, residenceId, command);
        if (dropped > 0) command.dropped = dropped;
        return maintenances;
      }),

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

function randomId(): string {
  return `c${randomUUID().replaceAll('-', '')}`;
}

/** `2024-01-16T13:32:45Z` as the command API writes it. */
function toWireTime(time: string): string {
  return time.replace('T', ' ').replace('Z', '');
}
