/**
 * The client of the command API, with one method per command. Only this file, command.ts and decoder.ts know its wire
 * names.
 */
import { type Attributes, type Span, SpanKind } from '@opentelemetry/api';
import type { Maintenance, MaintenanceKey, NewMaintenance } from '../maintenance.ts';
import { BYTES } from '../memory.ts';
import { inSpan } from '../tracing.ts';
import { turnFor } from '../turns.ts';
import { type Admission, createQueue } from './admission.ts';
import type { createCoalescing } from './coalescing.ts';
import { type Command, type CommandName, createCommand, endCommand } from './command.ts';
import { decodeCreated, decodeDeleted, decodeInfo, decodeList, decodeReply, type Found } from './decoder.ts';
import { abandoned, refused } from './errors.ts';
import type { Session, Transport } from './transport.ts';

/** The parts that all operations share. */
export type Upstream = Transport & { admission: Admission; coalescing: ReturnType<typeof createCoalescing> };

export type CommandApiClient = ReturnType<typeof createCommandApiClient>;

type Decode<T> = (result: unknown) => Found<T>;
type Param = Readonly<Record<string, unknown>> & { readonly residence_id: string };

/**
 * Creates the client of one operation. Every method throws a `CommandApiError` if its command fails. Each command is
 * appended to `commands` when it is requested and completed when it settles.
 */
export function createCommandApiClient(
  { send, endpoint, admission, coalescing }: Upstream,
  session: Session,
  commands: Command[],
) {
  // At most 32 commands of one operation at once, so that it cannot fill the queue of all operations.
  const { takeTurn } = createQueue(32, Number.POSITIVE_INFINITY);

  function reserve(bytes: number, stage: 'command' | 'reply'): void {
    if (!session.share.reserve(bytes, stage)) throw refused(`no memory for the ${stage}`, { sent: stage === 'reply' });
  }

  /**
   * Sends a command and decodes its reply. Keeps its place in the queue until then, which limits the replies in memory.
   */
  function exchange<T>(command: Command, param: Param, decode: Decode<T>, signal: AbortSignal) {
    return admission.takeTurn(signal, async () => {
      // Fail while replies to writes exceed the limit of memory.
      reserve(0, 'command');
      const reply = await admission.guard((isProbe) => send(command, param, session, signal, isProbe));
      try {
        await turnFor('reply', reply.bytes);
        // Skip decoding if no one waits, except for a write, whose reply tells the outcome, and a status without a
        // body.
        if (signal.aborted && !command.write && reply.bytes > 0) throw abandoned(signal, { sent: true });
        return { ...decode(decodeReply(reply)), bytes: reply.bytes };
      } finally {
        session.share.hold(-reply.bytes);
      }
    });
  }

  async function write<T>(name: CommandName, param: Param, decode: Decode<T>): Promise<T> {
    const command = createCommand(name, true, param.residence_id);
    // Detach when the write is sent and when it is answered: a read after either must not join an older exchange.
    const detach = () => coalescing.detach(param.residence_id);
    return record(command, session.writeSignal, () => {
      detach();
      return exchange(command, param, decode, session.writeSignal).finally(detach);
    });
  }

  async function read<T>(name: CommandName, param: Param, decode: Decode<T>): Promise<T> {
    const command = createCommand(name, false, param.residence_id);
    return record(command, session.readSignal, async () => {
      const key = JSON.stringify([session.authorization, name, param]);
      const found = await coalescing.joinOrStart(key, command, session.readSignal, (signal) =>
        exchange(command, param, decode, signal),
      );
      reserve(found.bytes + (Array.isArray(found.value) ? found.value.length : 1) * BYTES.ticket, 'reply');
      return found;
    });
  }

  /** Runs a command within the operation's queue and in a span, and completes its record. */
  async function record<T>(command: Command, signal: AbortSignal, run: () => Promise<Found<T>>): Promise<T> {
    commands.push(command);
    return inSpan(command.name, { kind: SpanKind.CLIENT }, async (span) => {
      try {
        reserve(BYTES.command, 'command');
        const { value, ...rest } = await takeTurn(signal, run);
        endCommand(command, rest);
        return value;
      } catch (error) {
        endCommand(command, { error });
        throw error;
      } finally {
        if (span) describeCommand(span, command, endpoint);
      }
    });
  }

  return {
    /** Returns all repair requests of a residence, in the command API's order. */
    getMaintenanceList: (residenceId: string): Promise<Maintenance[]> =>
      read('get_maintenance_list', { residence_id: residenceId }, (result) => decodeList(result, residenceId)),

    /** Returns one repair request. The vendor documents no reply for an unknown id: see loaders.ts. */
    getMaintenanceInfo: (key: MaintenanceKey): Promise<Maintenance> =>
      read('get_maintenance_info', toParam(key), (result) => decodeInfo(result, key)),

    /** Creates a repair request and returns its maintenance id. */
    createMaintenanceInfo: (maintenance: NewMaintenance): Promise<string> => {
      const param = {
        residence_id: maintenance.residenceId,
        start_time: toWireTime(maintenance.startTime),
        finish_time: toWireTime(maintenance.finishTime),
        description: maintenance.description,
        contact: maintenance.contact,
        ...(maintenance.pictureFilenames && { filename: maintenance.pictureFilenames }),
      };
      return write('create_maintenance_info', param, decodeCreated);
    },

    /** Deletes one repair request. */
    deleteMaintenanceInfo: (key: MaintenanceKey): Promise<void> =>
      write('delete_maintenance_info', toParam(key), decodeDeleted),

    /**
     * Deletes repair requests of one residence. The reply has no result for each id: after a failure, any of them may
     * be deleted.
     */
    batchDeleteMaintenanceInfo: (residenceId: string, maintenanceIds: readonly string[]): Promise<void> => {
      const maintenances = maintenanceIds.map((id) => ({ maintenance_id: id }));
      return write('batch_delete_maintenance_info', { residence_id: residenceId, maintenances }, decodeDeleted);
    },
  };
}

/**
 * Writes the record of a command to its span, with an event per attempt. A coalesced command only has the attempts of
 * another command, and a refused command has none.
 */
function describeCommand(span: Span, { id, coalesced, attempts }: Command, endpoint: Attributes): void {
  span.setAttributes({ 'command.id': id, 'command.coalesced': coalesced, 'command.attempts': attempts.length });
  if (coalesced || attempts.length === 0) return;
  span.setAttributes(endpoint);
  for (const [index, { start, seconds, status, error }] of attempts.entries()) {
    const next = attempts[index + 1];
    const pause = next && seconds !== undefined ? (next.start - start) / 1000 - seconds : undefined;
    const result = { 'http.response.status_code': status, 'error.type': error };
    span.addEvent('attempt', { ...result, 'attempt.duration_seconds': seconds, 'attempt.pause_seconds': pause }, start);
    if (index > 0) span.setAttribute('http.request.resend_count', index);
    if (!next && status) span.setAttribute('http.response.status_code', status);
  }
}

/** Returns the parameters that identify one repair request. */
function toParam({ residenceId, maintenanceId }: MaintenanceKey) {
  return { residence_id: residenceId, maintenance_id: maintenanceId };
}

/** Converts `2024-01-16T13:32:45Z` to the command API's format. */
function toWireTime(time: string): string {
  return time.replace('T', ' ').replace('Z', '');
}
