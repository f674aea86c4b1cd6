/**
 * The command API as a set of methods, one for each command. With the decoder, the only place that knows its names.
 */
import { randomBytes } from 'node:crypto';
import type { IPolicy } from 'cockatiel';
import type { Maintenance, MaintenanceKey, NewMaintenance } from '../maintenance.ts';
import { decodeCreated, decodeDeleted, decodeInfo, decodeList, decodeReply } from './decoder.ts';
import type { CommandRef } from './errors.ts';
import type { Flights } from './flights.ts';
import { createOperationPolicy, takeTurn } from './policy.ts';
import type { Session, Transport } from './transport.ts';

/** What all operations share. */
export interface Upstream {
  readonly transport: Transport;
  readonly policy: IPolicy;
  readonly flights: Flights;
}

/** What ends the commands of one operation. */
export interface Signals {
  /** Aborts when the operation's time is over, and when the caller has gone. */
  readonly read: AbortSignal;
  /** Aborts only when the time is over: what a caller asked to be written goes on without it. */
  readonly write: AbortSignal;
}

/** What is remembered of each command, for the operation's log line. */
export interface CommandRecord {
  readonly name: string;
  /** Another operation's, where its exchange was shared. */
  id: string;
  durationMs: number;
  /** Why it failed, if it did. */
  error?: unknown;
  /** How many tickets of a list had no usable id. */
  dropped?: number;
}

export type CommandApiClient = ReturnType<typeof createCommandApiClient>;

type Param = Readonly<Record<string, unknown>> & { readonly residence_id: string };

/**
 * A client for one operation. Every method throws a `CommandApiError` where its command fails; `record` is told of each
 * command as it is asked for, and completed when it settles.
 */
export function createCommandApiClient(
  { transport, policy, flights }: Upstream,
  session: Session,
  signals: Signals,
  record: (asked: CommandRecord) => void,
) {
  const operationPolicy = createOperationPolicy();

  async function command<T>(
    { name, write }: Pick<CommandRef, 'name' | 'write'>,
    param: Param,
    decode: (result: unknown, sent: CommandRef, log: CommandRecord) => T,
  ): Promise<T> {
    // Errors keep this and not the param, which holds what a resident wrote.
    const own: CommandRef = { name, id: `c${randomBytes(16).toString('hex')}`, write };
    const log: CommandRecord = { name, id: own.id, durationMs: 0 };
    record(log);
    const start = performance.now();

    async function exchange(signal: AbortSignal): Promise<T> {
      const send = () => transport.send({ ...own, param }, session, signal);
      return decode(decodeReply(await takeTurn(policy, own, signal, send), own), own, log);
    }

    function read(): Promise<T> {
      const key = JSON.stringify([session.authorization, name, param]);
      const flight = flights.share(key, own, param.residence_id, signals.read, exchange);
      log.id = flight.command.id;
      return flight.result;
    }

    async function change(): Promise<T> {
      // Before and after: no read that begins after a write sees what was read before it was done.
      flights.detach(param.residence_id);
      try {
        return await exchange(signals.write);
      } finally {
        flights.detach(param.residence_id);
      }
    }

    try {
      return await takeTurn(operationPolicy, own, write ? signals.write : signals.read, write ? change : read);
    } catch (error) {
      log.error = error;
      throw error;
    } finally {
      log.durationMs = performance.now() - start;
    }
  }

  return {
    /** All repair requests of a residence, in the command API's order. */
    getMaintenanceList(residenceId: string): Promise<Maintenance[]> {
      return command(
        { name: 'get_maintenance_list', write: false },
        { residence_id: residenceId },
        (result, sent, log) => {
          const { maintenances, dropped } = decodeList(result, residenceId, sent);
          if (dropped > 0) log.dropped = dropped;
          return maintenances;
        },
      );
    },

    /** One repair request. How it fails for one that does not exist is unknown: the list decides that. */
    getMaintenanceInfo({ residenceId, maintenanceId }: MaintenanceKey): Promise<Maintenance> {
      return command(
        { name: 'get_maintenance_info', write: false },
        { residence_id: residenceId, maintenance_id: maintenanceId },
        (result, sent) => decodeInfo(result, residenceId, maintenanceId, sent),
      );
    },

    /** Files a repair request and answers its maintenance id. */
    createMaintenanceInfo(maintenance: NewMaintenance): Promise<string> {
      return command(
        { name: 'create_maintenance_info', write: true },
        {
          residence_id: maintenance.residenceId,
          start_time: toWireTime(maintenance.startTime),
          finish_time: toWireTime(maintenance.finishTime),
          description: maintenance.description,
          contact: maintenance.contact,
          ...(maintenance.pictureFilenames && { filename: maintenance.pictureFilenames }),
        },
        decodeCreated,
      );
    },

    /** Deletes one repair request. */
    deleteMaintenanceInfo({ residenceId, maintenanceId }: MaintenanceKey): Promise<void> {
      return command(
        { name: 'delete_maintenance_info', write: true },
        { residence_id: residenceId, maintenance_id: maintenanceId },
        decodeDeleted,
      );
    },

    /** Deletes repair requests of one residence. Whether all or none is unknown: no outcome is reported for each. */
    batchDeleteMaintenanceInfo(residenceId: string, maintenanceIds: readonly string[]): Promise<void> {
      return command(
        { name: 'batch_delete_maintenance_info', write: true },
        { residence_id: residenceId, maintenances: maintenanceIds.map((id) => ({ maintenance_id: id })) },
        decodeDeleted,
      );
    },
  };
}

/** `2024-01-16T13:32:45Z` as the command API writes it. */
function toWireTime(time: string): string {
  return time.replace('T', ' ').replace('Z', '');
}
