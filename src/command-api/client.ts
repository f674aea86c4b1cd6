/**
 * The client of the command API: the path of every command, from an operation to the decoded reply.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Holding, type Memory } from '../memory.ts';
import type { OwnTurns } from '../turns.ts';
import type { Command, DecodedReply, Read, Write } from './command.ts';
import type { CommandApi } from './command-api.ts';
import { decodeEnvelope } from './envelope.ts';
import { CommandApiError, noRoom, throwIfEnded, untilAborted } from './failures.ts';
import { type Attempt, CommandRecord } from './record.ts';
import { createSlots } from './slots.ts';
import type { CallerHeaders } from './transport.ts';

/** Commands of one operation at once, so that it cannot fill the queue of all operations. */
const COMMANDS_AT_ONCE = 32;
/** Bytes that a command holds with its record, and a decoded ticket in addition to its bytes in the reply. */
const COMMAND_BYTES = 4096;
const TICKET_BYTES = 300;
/** Units of work to decode a byte. */
const BYTE_WORK = 5;

/** The operation that sends commands, with its caller's headers. */
interface Sender extends CallerHeaders {
  readonly holding: Holding;
  /** Aborts at the deadline, or when the caller has left. */
  readonly signal: AbortSignal;
  /** The deadline, on the clock of `performance.now()`. */
  readonly endsAt: number;
  readonly turns: OwnTurns;
  /** Keeps the record of a command. Throws if the operation may send no further command of its kind. */
  addCommand(record: CommandRecord): void;
}

/** What an exchange needs of those who wait for it. */
type Waiters = Pick<Sender, 'signal' | 'endsAt'> & { takeTurn(work: number): Promise<void> };

/** A command to send. */
interface Task<T> {
  readonly record: CommandRecord;
  /** The input as the vendor names and writes it. */
  readonly param: object;
  decode(result: unknown): DecodedReply<T>;
}

export type CommandApiClient = ReturnType<typeof createClient>;

/** Creates the client of one operation. */
export function createClient(
  commandApi: CommandApi,
  { memory, timeoutMs }: { memory: Memory; timeoutMs: number },
  operation: Sender,
) {
  const { breaker, coalescing, events, retries, slots, transport } = commandApi;
  const { token, traceparent } = operation;
  const slotsOfOperation = createSlots(COMMANDS_AT_ONCE, Number.POSITIVE_INFINITY);

  return {
    /** Sends a read. Returns its decoded result. Throws a `CommandApiError` or an unforeseen error. */
    read: <I, T>(command: Read<I, T>, input: I) => send(command, input),

    /** Sends a write, likewise. */
    write: <I, T>(command: Write<I, T>, input: I) => send(command, input),
  };

  async function send<I, T>(command: Command<I, T>, input: I): Promise<T> {
    const record = new CommandRecord(command, command.subject(input));
    operation.addCommand(record);
    record.traceparent = traceparent;
    events.emit('commandBegan', record);
    try {
      if (!operation.holding.reserve(COMMAND_BYTES, 'command')) throw noRoom('no memory for the command');
      using _slot = await slotsOfOperation.take(operation.signal);
      if (operation.holding.isFull && !command.isWrite) throw noRoom('no memory for further replies');
      const decode = (result: unknown) => command.decode(result, input);
      const task = { record, param: command.serialize(input), decode };
      const reply = await (command.isWrite ? sendAlone(task) : sendShared(task));
      record.end(reply);
      return reply.value;
    } catch (error) {
      record.end({}, error);
      throw error;
    } finally {
      events.emit('commandEnded', record);
    }
  }

  /** Joins the exchange of an identical command, or starts one, which may take as long as an operation that starts now. */
  async function sendShared<T>(task: Task<T>): Promise<DecodedReply<T>> {
    const { record, param } = task;
    const key = JSON.stringify([token, record.name, param]);
    let shared = coalescing.find(key);
    if (shared) record.join(shared.record);
    else {
      const holding = new Holding(memory);
      const endsAt = performance.now() + timeoutMs;
      shared = coalescing.start(key, record, holding, (read) => {
        const takeTurn = (work: number) => coalescing.takeTurn(read, work);
        return runExchange(task, holding, { signal: read.controller.signal, endsAt, takeTurn });
      });
    }
    using holding = shared.holding.addHolder();
    const reply = (await coalescing.waitOrLeave(shared, operation)) as DecodedReply<T>;
    if (!operation.holding.holdReply(holding)) throw noRoom('no memory for the reply');
    return reply;
  }

  /** Sends a command by itself. A read that begins after its start, or after its end, joins no exchange from before that. */
  async function sendAlone<T>(task: Task<T>): Promise<DecodedReply<T>> {
    coalescing.clear();
    const { signal, endsAt, turns } = operation;
    const waiters = { signal, endsAt, takeTurn: turns.takeForReply };
    return runExchange(task, new Holding(memory), waiters).finally(coalescing.clear);
  }

  /**
   * Sends a command until an attempt succeeds or no other may follow, and decodes the reply. Keeps its slot of the process
   * until then, which limits the replies in memory. `holding` is what the reply holds.
   */
  async function runExchange<T>(task: Task<T>, holding: Holding, { signal, endsAt, takeTurn }: Waiters) {
    using _holding = holding;
    const { record, param } = task;
    const { name, isWrite } = record;
    /** Holds bytes of the reply. That of a write always has room, because it tells the outcome. */
    const hold = (bytes: number) => {
      if (isWrite) holding.hold(bytes);
      else if (!holding.reserve(bytes, 'reply')) throw noRoom('no memory for the reply');
    };
    using _slot = await slots.take(signal);
    using permit = breaker.permit();
    retries.earn();
    const json = JSON.stringify({ command: name, id: record.sent.id, param });
    const headers = { token, traceparent: record.traceparent };
    let last: Attempt | undefined;
    for (let attempts = 1; ; attempts++) {
      const start = performance.now();
      record.sent.attempts = attempts;
      // After a failure, other kept connections may be closed too.
      const isFresh = isWrite || attempts > 1;
      const reply = await transport.attempt(json, headers, { isWrite, isFresh, signal, hold });
      const { body, broken, status } = reply;
      const seconds = (performance.now() - start) / 1000;
      last = { start, seconds, previous: last, ...(broken ? { error: broken.message } : { status }) };
      events.emit('attemptEnded', record, last);
      try {
        if (body.byteLength > 0) await takeTurn(body.byteLength * BYTE_WORK);
        // Replies that no one waits for would hold up others.
        if (!isWrite) throwIfEnded(signal);
        const decoded = task.decode(decodeEnvelope(reply));
        hold(TICKET_BYTES * (Array.isArray(decoded.value) ? decoded.value.length : 1));
        permit.end();
        events.emit('flawsFound', record, decoded.flaws ?? []);
        return decoded;
      } catch (error) {
        holding.release();
        if (!(error instanceof CommandApiError)) throw error;
        const pauseMs = retries.plan({ error, isWrite, isProbe: permit.isProbe, attempts, endsAt });
        if (pauseMs === undefined) {
          permit.end(error);
          events.emit('flawsFound', record, error.flaws);
          throw error;
        }
        // What is sent again is a read, which has no outcome, or was not sent.
        await untilAborted(delay(pauseMs, undefined, { signal }), signal, false);
      }
    }
  }
}
