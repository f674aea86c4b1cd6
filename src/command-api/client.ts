/**
 * The client of one operation, which sends its commands. `send` is the way of a command, from top to bottom, and
 * `attempt` is the way of one attempt: slot, circuit breaker, HTTP, queue of work, decoding.
 *
 * What a command holds. It holds a slot of its operation until it ends, so that one operation cannot take all slots of
 * the process. It holds a slot of the process during each attempt, until the reply is decoded: without that, more replies
 * would arrive than the memory has room for. What is sent and what arrives is reserved in the budget of the operation.
 *
 * What ends it. A read, and a write that has not been sent, end with the operation. A write that has been sent ends when
 * the time of the operation is over.
 *
 * What is refused, at once: a command beyond those of its operation, or without memory; every attempt while the breaker
 * is open; an attempt that finds the queue for a slot full; a reply to a read that has no memory.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { BYTES, LIMITS } from '../limits.ts';
import type { Lifetime } from '../resources/lifetime.ts';
import type { WorkQueue } from '../resources/work-queue.ts';
import type { CircuitBreaker } from './circuit-breaker.ts';
import {
  type AttemptResult,
  type Command,
  CommandRecord,
  type CommandTelemetry,
  type Credentials,
  type DecodedReply,
  type Read,
  type Write,
} from './command.ts';
import { CommandFailure, failureOf, NOT_SENT } from './failures.ts';
import { inflate, type Reply, resultOf } from './reply.ts';
import type { RetryPolicy } from './retry-policy.ts';
import { createSlots, type Slots } from './slots.ts';
import type { AttemptOptions, Message, Transport } from './transport.ts';

/** What the clients of all operations share. */
export interface ClientDependencies {
  readonly breaker: CircuitBreaker;
  readonly retryPolicy: RetryPolicy;
  readonly slots: Slots;
  readonly transport: Transport;
  readonly workQueue: WorkQueue;
  readonly telemetry: CommandTelemetry;
  /** The largest reply to any command. */
  readonly maxReplyBytes: number;
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

export function createClient(dependencies: ClientDependencies, options: ClientOptions): Client {
  const { breaker, retryPolicy, slots, transport, workQueue, telemetry } = dependencies;
  const { lifetime, credentials } = options;
  const { budget, signal } = lifetime;
  const operationSlots = createSlots(LIMITS.commandsAtOnce);
  const records: CommandRecord[] = [];
  const counts = { reads: 0, writes: 0 };

  return { records, read: send, write: send };

  /** Sends a command until an attempt succeeds or no other may follow. */
  async function send<I, T>(command: Command<I, T>, input: I): Promise<T> {
    countOrRefuse(command.isWrite ? 'writes' : 'reads');
    const record = new CommandRecord(command);
    records.push(record);
    const traceparent = telemetry.commandBegan(record) ?? options.traceparent;
    try {
      signal.throwIfAborted();
      if (!budget.tryReserve(BYTES.command, 'command'))
        throw new CommandFailure('no_room_for_command', { detail: 'no memory for the command' });
      using _slot = await operationSlots.take(signal);
      retryPolicy.addForCommand();
      const envelope = { command: command.name, id: record.id, param: command.serialize(input) };
      const sending = { command, input, record, message: { envelope, credentials, traceparent } };
      for (;;) {
        try {
          const decoded = await attempt(sending);
          record.succeed(decoded);
          return decoded.value;
        } catch (error) {
          if (!(await mayRetry(failureOf(error), record))) throw error;
        }
      }
    } catch (error) {
      const failure = failureOf(error);
      record.fail(failure);
      throw failure;
    } finally {
      telemetry.commandEnded(record);
    }
  }

  function countOrRefuse(kind: keyof typeof counts): void {
    if (counts[kind] >= LIMITS[kind]) throw new CommandFailure('too_many', { detail: `too many ${kind}` });
    counts[kind]++;
  }

  /** Sends a command once and decodes its reply, or throws why there is no result. */
  async function attempt<I, T>({ command, input, record, message }: Sending<I, T>): Promise<DecodedReply<T>> {
    const maxReplyBytes = Math.min(dependencies.maxReplyBytes, command.maxReplyBytes ?? Number.POSITIVE_INFINITY);
    const sentSignal = command.isWrite ? lifetime.expirySignal : signal;
    let reserved = 0;
    /** Reserves memory for the reply. The reply to a write always has room, because it tells the outcome. */
    function reserve(bytes: number): void {
      if (command.isWrite) budget.reserve(bytes);
      else if (!budget.tryReserve(bytes, 'reply'))
        throw new CommandFailure('no_room_for_reply', { detail: 'no memory for the reply' });
      reserved += bytes;
    }

    breaker.throwIfOpen();
    using _slot = await slots.take(signal);
    return await breaker.run(async () => {
      try {
        const arrived = await post(record, message, { reserve, maxReplyBytes, sentSignal, unsentSignal: signal });
        await workQueue.wait(lifetime.startedAt, arrived.body.length, sentSignal);
        // An operation that has ended does not use the reply to a read. The reply to a write still tells its outcome.
        if (!command.isWrite) signal.throwIfAborted();
        // A reply is inflated when its turn has come, because it takes less memory compressed.
        const reply = inflate(arrived, maxReplyBytes);
        reserve(reply.body.length - arrived.body.length);
        const decoded = command.decode(resultOf(reply), input);
        reserve(BYTES.entry * (decoded.entries ?? 1));
        return decoded;
      } catch (error) {
        budget.release(reserved);
        throw error;
      }
    });
  }

  /** Sends a command by HTTP, records the result of the attempt, and returns the reply as it arrived. */
  async function post(record: CommandRecord, message: UnsentMessage, attemptOptions: AttemptOptions): Promise<Reply> {
    // After a failure, other kept connections may be closed too.
    const isFresh = record.isWrite || record.attempts.length > 0;
    const startedAt = performance.now();
    function end(response: Pick<AttemptResult, 'status' | 'detail'>): void {
      const result = { startedAt, seconds: (performance.now() - startedAt) / 1000, ...response };
      record.attempts.push(result);
      telemetry.attemptEnded(record, result);
    }
    try {
      const reply = await transport.post({ ...message, isFresh }, attemptOptions);
      end({ status: reply.status });
      return reply;
    } catch (error) {
      const { status, message: detail } = failureOf(error);
      end(status ? { status } : { detail });
      throw error;
    }
  }

  /** Returns whether a further attempt may follow a failed one, after the pause before it. */
  async function mayRetry(failure: CommandFailure, { isWrite, attempts }: CommandRecord): Promise<boolean> {
    if (isWrite && failure.outcome !== NOT_SENT) return false;
    // A stale connection says nothing of the command API, so a probe is repeated too. It happens once: see `isFresh`.
    if (failure.retry === 'at once') return true;
    if (breaker.state() !== 'closed') return false;
    using planned = retryPolicy.plan(failure, attempts.length, lifetime.deadline);
    if (!planned) return false;
    await delay(planned.pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    // What would refuse the next attempt says less than the failure of this one.
    if (breaker.state() !== 'closed' || !slots.hasRoom()) return false;
    planned.spend();
    return true;
  }
}
