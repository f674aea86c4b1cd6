/**
 * The client of one operation, which sends its commands. `send` is the way of a command, from top to bottom, and
 * `attempt` is the way of one attempt: circuit breaker, slot, HTTP, queue of work, decoding.
 *
 * A command holds one of its operation's slots until it ends, so that one operation cannot take all slots of the
 * process. An attempt holds a slot of the process until its reply is decoded: without that, more replies would arrive
 * than there is memory for.
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
import { inflate, inflatedSize, type Reply, resultOf } from './reply.ts';
import type { RetryPolicy } from './retry-policy.ts';
import { createSlots, type Slots } from './slots.ts';
import { type AttemptOptions, type Message, StaleConnection, type Transport } from './transport.ts';

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
type UnroutedMessage = Omit<Message, 'isFresh'>;

/** A command on its way, with what all its attempts have in common. */
interface Sending<I, T> {
  readonly command: Command<I, T>;
  readonly input: I;
  readonly record: CommandRecord;
  readonly message: UnroutedMessage;
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
    const { id, name } = record;
    records.push(record);
    const traceparent = telemetry.startSpan(record) ?? options.traceparent;
    try {
      signal.throwIfAborted();
      if (!budget.tryReserve(BYTES.command, 'command'))
        throw new CommandFailure('no_room_for_command', { detail: 'no memory for the command' });
      using _slot = await operationSlots.take(signal);
      retryPolicy.addForCommand();
      const body = JSON.stringify({ command: name, id, param: command.serialize(input) });
      const decoded = await attemptUntilSuccess({
        command,
        input,
        record,
        message: { body, credentials, traceparent },
      });
      if (decoded.fieldError) decoded.fieldError.command = { name, id };
      record.succeed(decoded);
      return decoded.value;
    } catch (error) {
      const failure = failureOf(error);
      failure.command = { name, id };
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

  /** Attempts until one succeeds. Throws the failure after which no other may follow. */
  async function attemptUntilSuccess<I, T>(sending: Sending<I, T>): Promise<DecodedReply<T>> {
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt(sending);
      } catch (error) {
        const isFinal = !(error instanceof CommandFailure) || !(await waitForRetry(error, attempts, sending.record));
        if (isFinal) throw error;
      }
    }
  }

  /** Waits until a failed command may be sent again. Returns false if it may not. */
  async function waitForRetry(failure: CommandFailure, attempts: number, record: CommandRecord): Promise<boolean> {
    if ((record.isWrite && failure.outcome !== NOT_SENT) || breaker.state() !== 'closed') return false;
    const pauseMs = retryPolicy.pauseAfter(failure, attempts, lifetime.deadline);
    if (pauseMs === undefined) return false;
    await delay(pauseMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    // The failure says more than a refusal of the next attempt would.
    return breaker.state() === 'closed' && slots.hasRoom() && retryPolicy.trySpend();
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
        const arrived = await post(record, message, {
          reserve,
          maxReplyBytes,
          sentSignal,
          unsentSignal: signal,
        });
        await workQueue.wait({ startedAt: lifetime.startedAt, bytes: inflatedSize(arrived), signal: sentSignal });
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
        throw failureOf(error);
      }
    });
  }

  /**
   * Sends a command by HTTP, and returns the reply as it arrived. A write and a retry have a fresh connection. If the kept
   * one of a read proves stale, the read is sent again at once, and this costs no attempt.
   */
  async function post(record: CommandRecord, message: UnroutedMessage, options: AttemptOptions): Promise<Reply> {
    // After a failure, other kept connections may be closed too.
    const isFresh = record.isWrite || record.attempts.length > 0;
    try {
      return await postAndRecord(record, { ...message, isFresh }, options);
    } catch (error) {
      if (error instanceof StaleConnection) return await postAndRecord(record, { ...message, isFresh: true }, options);
      throw error;
    }
  }

  async function postAndRecord(record: CommandRecord, message: Message, options: AttemptOptions): Promise<Reply> {
    const startedAt = performance.now();
    function end(result: Pick<AttemptResult, 'status' | 'detail'>): void {
      const attempted = { startedAt, seconds: (performance.now() - startedAt) / 1000, ...result };
      record.attempts.push(attempted);
      telemetry.attemptEnded(record, attempted);
    }
    try {
      const reply = await transport.post(message, options);
      end({ status: reply.status });
      return reply;
    } catch (error) {
      const { status, detail } = error instanceof StaleConnection ? error : failureOf(error);
      end(status ? { status } : { detail });
      throw error;
    }
  }
}
