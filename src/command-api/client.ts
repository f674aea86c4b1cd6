/**
 * The client of one operation, which sends its commands. `send` is the way of a command, from top to bottom, and
 * `attempt` is the way of one attempt: slot, circuit breaker, HTTP, queue of work, decoding.
 *
 * What a command holds. It holds a slot of its operation until it ends, so that one operation cannot take all slots of
 * the process. It holds a slot of the process during each attempt, until the reply is decoded: without that, more replies
 * would arrive than the memory has room for. What is sent and what arrives is reserved in the memory of the operation.
 *
 * What ends it. A read, and a write that has not been sent, end with the operation. A write that has been sent ends when
 * the time of the operation is over.
 *
 * What is refused, at once: a command beyond those of its operation, or without memory; every command while the breaker
 * is open; a command that finds the queue for a slot full; a reply to a read that has no memory.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { BYTES, LIMITS } from '../limits.ts';
import type { Lifetime } from '../resources/lifetime.ts';
import type { WorkQueue } from '../resources/work-queue.ts';
import {
  type Attempt,
  type Command,
  type CommandObserver,
  CommandRecord,
  type Credentials,
  type DecodedReply,
  type Read,
  type Write,
} from './command.ts';
import { CommandFailure, failureOf, NOT_SENT } from './failures.ts';
import { inflate, type Reply, resultOf } from './reply.ts';
import { createSlots } from './slots.ts';
import type { AttemptLimits, Message } from './transport.ts';
import type { Upstream } from './upstream.ts';

/** What the clients of all operations share. */
export interface ClientDependencies {
  readonly upstream: Upstream;
  readonly workQueue: WorkQueue;
  readonly observer: CommandObserver;
}

/** For whom a client sends commands. */
interface ClientOptions {
  readonly lifetime: Lifetime;
  readonly credentials: Credentials;
  /** The caller's, if it is valid. Spans replace it by their own. */
  readonly traceparent: string | undefined;
}

/** Sends commands: each method returns the decoded result, or throws a `CommandFailure`. */
export interface Client {
  /** The records of all commands that the operation was allowed, in order. */
  readonly records: readonly CommandRecord[];
  read<I, T>(command: Read<I, T>, input: NoInfer<I>): Promise<T>;
  write<I, T>(command: Write<I, T>, input: NoInfer<I>): Promise<T>;
}

/** Each attempt chooses its connection. */
type UnsentMessage = Omit<Message, 'isFresh'>;

/** A command on its way, with what all its attempts have in common. */
interface Sending<I, T> {
  readonly command: Command<I, T>;
  readonly input: I;
  readonly record: CommandRecord;
  readonly message: UnsentMessage;
}

export function createClient({ upstream, workQueue, observer }: ClientDependencies, options: ClientOptions): Client {
  const { breaker, retries, slots, transport } = upstream;
  const { lifetime, credentials } = options;
  const { memory, signal } = lifetime;
  const ownSlots = createSlots(LIMITS.commandsAtOnce);
  const records: CommandRecord[] = [];
  const counts = { reads: 0, writes: 0 };

  return { records, read: send, write: send };

  /** Sends a command until an attempt succeeds or no other may follow. */
  async function send<I, T>(command: Command<I, T>, input: I): Promise<T> {
    countOrRefuse(command.isWrite ? 'writes' : 'reads');
    const record = new CommandRecord(command);
    records.push(record);
    const traceparent = observer.commandBegan(record) ?? options.traceparent;
    try {
      signal.throwIfAborted();
      if (!memory.tryReserve(BYTES.command, 'command'))
        throw new CommandFailure('no_room', { detail: 'no memory for the command' });
      using _slot = await ownSlots.take(signal);
      retries.earn();
      const envelope = { command: command.name, id: record.id, param: command.serialize(input) };
      const sending = { command, input, record, message: { envelope, credentials, traceparent } };
      for (;;) {
        try {
          const decoded = await attempt(sending);
          record.succeed(decoded);
          return decoded.value;
        } catch (error) {
          await pauseAfter(failureOf(error), record);
        }
      }
    } catch (error) {
      const failure = failureOf(error);
      record.fail(failure);
      throw failure;
    } finally {
      observer.commandEnded(record);
    }
  }

  function countOrRefuse(kind: keyof typeof counts): void {
    if (counts[kind] >= LIMITS[kind]) throw new CommandFailure('too_many', { detail: `too many ${kind}` });
    counts[kind]++;
  }

  /** Sends a command once and decodes its reply, or throws why there is no result. */
  async function attempt<I, T>({ command, input, record, message }: Sending<I, T>): Promise<DecodedReply<T>> {
    const maxReplyBytes = Math.min(upstream.maxReplyBytes, command.maxReplyBytes ?? Number.POSITIVE_INFINITY);
    const endSignal = command.isWrite ? lifetime.expirySignal : signal;
    let reserved = 0;
    /** Reserves memory for the reply. That to a write always has room, because it tells the outcome. */
    function reserve(bytes: number): void {
      if (command.isWrite) memory.reserve(bytes);
      else if (!memory.tryReserve(bytes, 'reply'))
        throw new CommandFailure('no_memory', { detail: 'no memory for the reply' });
      reserved += bytes;
    }

    using _slot = await slots.take(signal);
    return await breaker.run(async () => {
      try {
        const arrived = await transmit(record, message, {
          reserve,
          maxReplyBytes,
          signal: endSignal,
          unsentSignal: signal,
        });
        await workQueue.wait(lifetime.startedAt, arrived.body.length, endSignal);
        // No one waits for this reply any more. That to a write still tells its outcome.
        if (!command.isWrite) signal.throwIfAborted();
        // Only now, because it takes less memory while it waits.
        const reply = inflate(arrived, maxReplyBytes);
        reserve(reply.body.length - arrived.body.length);
        const decoded = command.decode(resultOf(reply), input);
        reserve(BYTES.entry * (decoded.entries ?? 1));
        return decoded;
      } catch (error) {
        memory.release(reserved);
        throw error;
      }
    });
  }

  /** Sends a command by HTTP, records the attempt, and returns the reply as it arrived. */
  async function transmit(record: CommandRecord, message: UnsentMessage, attemptLimits: AttemptLimits): Promise<Reply> {
    // After a failure, other kept connections may be closed too.
    const isFresh = record.isWrite || record.attempts.length > 0;
    const startedAt = performance.now();
    function end(result: Pick<Attempt, 'status' | 'detail'>): void {
      const ended = { startedAt, seconds: (performance.now() - startedAt) / 1000, ...result };
      record.attempts.push(ended);
      observer.attemptEnded(record, ended);
    }
    try {
      const reply = await transport.attempt({ ...message, isFresh }, attemptLimits);
      end({ status: reply.status });
      return reply;
    } catch (error) {
      end({ detail: failureOf(error).message });
      throw error;
    }
  }

  /** Pauses before a further attempt, without a slot of the process. Throws the failure if no attempt may follow. */
  async function pauseAfter(failure: CommandFailure, { isWrite, attempts }: CommandRecord): Promise<void> {
    const mayRepeat = (!isWrite || failure.outcome === NOT_SENT) && breaker.state() === 'closed';
    const pauseMs = mayRepeat ? retries.plan(failure, attempts.length, lifetime.deadline) : undefined;
    if (pauseMs === undefined) throw failure;
    await delay(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    if (breaker.state() === 'closed' && slots.hasRoom()) return;
    // What would refuse the next attempt says less than the failure of this one.
    retries.giveBack(pauseMs);
    throw failure;
  }
}
