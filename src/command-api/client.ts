/**
 * The client of one operation: counts, shares and records its commands.
 */
import { Bytes, type Lease } from '../lease.ts';
import type { Command, DecodedReply, Read, Write } from './command.ts';
import type { CommandApi } from './command-api.ts';
import { runExchange, type Task } from './exchange.ts';
import { noRoom, throwIfEnded, tooManyCommands } from './failures.ts';
import { CommandRecord } from './record.ts';
import { createSlots } from './slots.ts';
import type { Credentials } from './transport.ts';

/** Commands of one operation at once, so that it cannot take all slots of the process, by default 256. */
const COMMANDS_AT_ONCE = 32;
/** Bytes that a command holds with its record: an estimate, see docs/decisions.md. */
const COMMAND_BYTES = 4096;
/** The documented replies to writes have 100 bytes. The largest create, with its whole input in escapes, has 97 KB. */
const MAX_WRITE_REPLY_BYTES = 128 * 1024;

/** The operation that sends commands. */
interface Sender {
  readonly credentials: Credentials;
  /** The caller's, if it is valid. Spans replace it by their own. */
  readonly traceparent: string | undefined;
  readonly lease: Lease;
  /** How many commands it may send. */
  readonly limits: { readonly reads: number; readonly writes: number };
}

/** Creates the client of one operation. */
export function createClient(commandApi: CommandApi, { credentials, traceparent, lease, limits }: Sender) {
  const { coalescing, events, maxReplyBytes } = commandApi;
  const { memory, operationTimeoutMs } = lease.resources;
  const slots = createSlots(COMMANDS_AT_ONCE, Number.POSITIVE_INFINITY);
  const commands: CommandRecord[] = [];
  const counts = { reads: 0, writes: 0 };

  return {
    /** The records of all commands that the operation was allowed, in order. */
    commands,

    /** Sends a read. Returns its decoded result. Throws a `CommandApiError` or an unforeseen error. */
    read: <I, T>(command: Read<I, T>, input: NoInfer<I>) => send(command, input),

    /** Sends a write, likewise. */
    write: <I, T>(command: Write<I, T>, input: NoInfer<I>) => send(command, input),
  };

  async function send<I, T>(command: Command<I, T>, input: NoInfer<I>): Promise<T> {
    const record = new CommandRecord(command, command.subject(input));
    const counted = command.isWrite ? 'writes' : 'reads';
    if (counts[counted] >= limits[counted]) throw tooManyCommands(counted, limits[counted]);
    counts[counted]++;
    commands.push(record);
    record.traceparent = traceparent;
    events.emit('commandBegan', record);
    try {
      // A caller who has left still gets what it reads after a write that was sent: the log tells all of it.
      const signal = command.isWrite ? lease.unsentSignal : lease.signal;
      throwIfEnded(signal);
      if (!lease.bytes.reserve(COMMAND_BYTES, 'command')) throw noRoom('no memory for the command');
      using _slot = await slots.take(signal);
      if (lease.bytes.isFull && !command.isWrite) throw noRoom('no memory for further replies');
      const decode = (result: unknown) => command.decode(result, input);
      const task = { record, param: command.serialize(input), decode, credentials };
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

  /** Sends a write. A read that begins after its start, or after its end, joins no exchange from before that. */
  async function sendAlone<T>(task: Task<T>): Promise<DecodedReply<T>> {
    coalescing.clear();
    // The reply tells an outcome, so it always has room, and a turn.
    using bytes = new Bytes(memory, 'unlimited');
    const sent = runExchange(commandApi, task, {
      bytes,
      signal: lease.signal,
      unsentSignal: lease.unsentSignal,
      turn: (work) => lease.turn(work),
      retryUntil: lease.startedAt + operationTimeoutMs,
      maxReplyBytes: Math.min(maxReplyBytes, MAX_WRITE_REPLY_BYTES),
    });
    return await sent.finally(coalescing.clear);
  }

  /** Joins the exchange of an identical read, or starts one, which may take as long as an operation that starts now. */
  function sendShared<T>(task: Task<T>): Promise<DecodedReply<T>> {
    const { record, param } = task;
    const key = JSON.stringify([record.name, param]);
    // Not async: a function that waits would keep the credentials as a text of its own.
    const reply = coalescing.read(JSON.stringify(credentials), key, lease, record, (shared) => {
      const retryUntil = performance.now() + operationTimeoutMs;
      return runExchange(commandApi, task, { ...shared, retryUntil, maxReplyBytes });
    });
    return reply as Promise<DecodedReply<T>>;
  }
}
