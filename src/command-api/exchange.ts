/**
 * The exchange of a command for its reply. Its way is `#run`, from top to bottom: circuit breaker, slot, attempt, turn,
 * decoding, and perhaps a pause and the next attempt.
 *
 * The model. The exchange of a write belongs to one operation, and ends with it. The exchange of a read belongs to all
 * operations whose identical reads have joined it. It has a separate signal, and goes on until its reply is there, or
 * until the last of these operations has left.
 *
 * What it holds while it waits. In the queue for a slot, it holds the command. During an attempt, it holds the slot, and
 * each byte of the reply from its arrival. In the queue for a turn, it still holds the slot. Without it, more replies
 * would arrive than the memory has room for, and they would be refused after the vendor has done the work. During a
 * pause, it holds the command, but no slot of the process. The bytes of a failed attempt are given back before the next.
 *
 * The numbers. By default 256 slots of the process, and 1,024 commands that wait for one, first in, first out. A read
 * has by default at most three attempts, in the time of an operation that begins when it does. A write has the time of
 * its operation, and another attempt only if the one before certainly was not sent.
 *
 * What is refused, at once: every command while the breaker is open, which is asked before the slot and after it; a
 * command that finds the queue full; a reply to a read that has no room. The reply to a write always has room, and is
 * decoded even when its operation has ended, because it says the outcome.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { ReplyBytes } from '../resources/memory.ts';
import type { Scope } from '../resources/scope.ts';
import { type CircuitBreaker, createCircuitBreaker } from './circuit-breaker.ts';
import type {
  Attempt,
  Command,
  CommandObserver,
  CommandRecord,
  Credentials,
  DecodedReply,
  ExchangeFacts,
} from './command.ts';
import { CommandApiError, endedBy, type Flaw, NO_MEMORY, NOT_SENT, noRoom, outcomeOf, untilEnded } from './failures.ts';
import { inflate, inflatedLength, type Reply, resultOf } from './reply.ts';
import { createRetries, type Retries } from './retries.ts';
import { createSlots, type Slots } from './slots.ts';
import { type AttemptContext, createTransport, type Transport } from './transport.ts';

/**
 * Bytes that a decoded entry holds in addition to its bytes in the reply. Of 6,000 entries, the heap of Node 24 showed
 * 220 to 290 for each; a snapshot of the heap measures it again.
 */
const ENTRY_BYTES = 300;
/**
 * Work to decode a byte, in nanoseconds, so that a list of 2 MB counts as 200 ms. On a loaded machine, 7,000 tickets of
 * together 2 MB took 33 to 115 ms, and 600 with long texts 8 ms. With it, `npm run test:soak -- large-operations` keeps
 * its bounds.
 */
const REPLY_BYTE_NS = 100;

/** What all exchanges share. */
export interface Upstream {
  readonly breaker: CircuitBreaker;
  readonly retries: Retries;
  readonly slots: Slots;
  readonly transport: Transport;
  /** The largest reply to any command. */
  readonly maxReplyBytes: number;
}

export function createUpstream(config: Config): Upstream {
  return {
    breaker: createCircuitBreaker(config),
    retries: createRetries(config.MAX_ATTEMPTS),
    slots: createSlots(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED),
    transport: createTransport(config),
    maxReplyBytes: config.MAX_REPLY_BYTES,
  };
}

export interface ExchangeDependencies {
  readonly upstream: Upstream;
  readonly observer: CommandObserver;
}

/** A command with what it is sent with. */
export interface OutgoingCommand<I, T> {
  readonly command: Command<I, T>;
  readonly input: I;
  /** The input as the vendor names and writes it. */
  readonly param: object;
  readonly credentials: Credentials;
  readonly traceparent: string | undefined;
}

export class Exchange<T> implements ExchangeFacts {
  readonly id: string;
  readonly startedAt: number;
  attempts = 0;
  flaws: readonly Flaw[] = [];
  error: unknown;
  /** Settles when it is over. */
  readonly ended: Promise<void>;
  readonly #upstream: Upstream;
  readonly #observer: CommandObserver;
  /** The record of the command that is really sent. */
  readonly #record: CommandRecord;
  /** What its reply holds. The exchange itself retains it while it is under way. */
  readonly #bytes: ReplyBytes;
  readonly #ending = new AbortController();
  readonly #context: AttemptContext;
  /** No pause before a further attempt ends later. */
  readonly #retryUntil: number;
  /** The scopes of the operations that wait for the reply. */
  readonly #scopes: Scope[] = [];
  #reply: Promise<DecodedReply<T>> | undefined;

  /** Begins the exchange of a command, whose operation has this scope and waits for its reply at once. */
  constructor(
    dependencies: ExchangeDependencies,
    record: CommandRecord,
    scope: Scope,
    outgoing: OutgoingCommand<unknown, T>,
  ) {
    const { isWrite, startedAt } = record;
    this.id = record.id;
    this.startedAt = startedAt;
    this.#upstream = dependencies.upstream;
    this.#observer = dependencies.observer;
    this.#record = record;
    this.#bytes = new ReplyBytes(scope.account.memory, !isWrite);
    const { signal } = isWrite ? scope : this.#ending;
    const unsentSignal = isWrite ? scope.unsentSignal : signal;
    const maxReplyBytes = Math.min(
      this.#upstream.maxReplyBytes,
      outgoing.command.maxReplyBytes ?? Number.POSITIVE_INFINITY,
    );
    this.#context = { bytes: this.#bytes, maxReplyBytes, signal, unsentSignal };
    this.#retryUntil = isWrite ? scope.deadline : startedAt + scope.timeoutMs;
    this.#bytes.retain();
    this.#reply = this.#run(outgoing);
    const end = () => {
      // A deleted entry of a Map may stay in memory: without this, a list costs 6 % more.
      this.#reply = undefined;
      this.#bytes.release();
    };
    this.ended = this.#reply.then(end, end);
  }

  /** Whether its reply is still to come, and someone waits for it. */
  get isUnderWay(): boolean {
    return this.#reply !== undefined && !this.#context.signal.aborted;
  }

  /**
   * Waits for the reply while the exchange is under way. The account of the operation keeps the reply. Throws if the
   * exchange fails, if the account has no room for the reply, or if the operation of a read ends first. The last
   * operation that leaves ends the exchange.
   */
  async awaitReplyFor(scope: Scope): Promise<DecodedReply<T>> {
    const { isWrite } = this.#record;
    const reply = this.#reply as Promise<DecodedReply<T>>;
    this.#scopes.push(scope);
    this.#bytes.retain();
    try {
      // A write ends with its operation by itself, when its outcome is known.
      const decoded = await (isWrite ? reply : untilEnded(reply, scope.signal));
      if (isWrite) this.#bytes.release();
      else if (!scope.account.keep(this.#bytes)) throw noRoom(NO_MEMORY);
      return decoded;
    } catch (error) {
      if (scope.signal.aborted && this.#scopes.length === 1) {
        this.#ending.abort(scope.signal.reason);
        // The last command that leaves may be the one that was sent, and its record needs the end of the attempt.
        await reply.catch(() => {});
      }
      // All but the last leave in one step with the question who is last: several operations may end at once.
      this.#scopes.splice(this.#scopes.indexOf(scope), 1);
      this.#bytes.release();
      throw error;
    }
  }

  /** Sends the command until an attempt succeeds or no other may follow. */
  async #run({ command, input, param, ...sentWith }: OutgoingCommand<unknown, T>): Promise<DecodedReply<T>> {
    const { breaker, retries, slots, transport } = this.#upstream;
    const { isWrite, name } = command;
    let slot: Disposable | undefined;
    let last: Attempt | undefined;
    try {
      // The breaker is asked here too, because a command would wait for its slot only to hear that the command API is
      // down.
      breaker.throwIfOpen();
      slot = await slots.take(this.#context.unsentSignal);
      using call = breaker.begin();
      retries.earn();
      const envelope = { command: name, id: this.id, param };

      for (;;) {
        const startedAt = performance.now();
        this.attempts++;
        // After a failure, other kept connections may be closed too.
        const isFresh = isWrite || this.attempts > 1;
        const arrived = await transport.attempt({ envelope, ...sentWith, isFresh }, this.#context);
        const seconds = (performance.now() - startedAt) / 1000;

        const reply = await this.#inflateInTurn(arrived);
        const detail = reply.failure?.message;
        last = { startedAt, seconds, status: detail ? undefined : reply.status, detail, previous: last };
        this.#observer.attemptEnded(this.#record, last);

        let failure: CommandApiError;
        try {
          const decoded = this.#decode(reply, command, input);
          call.report();
          return decoded;
        } catch (error) {
          this.#bytes.clear();
          if (!(error instanceof CommandApiError)) throw error;
          failure = error;
          call.report(failure);
        }

        const mayRepeat = !isWrite || outcomeOf(failure) === NOT_SENT;
        const state = { attempts: this.attempts, isProbe: call.isProbe, retryUntil: this.#retryUntil };
        const pauseMs = mayRepeat ? retries.plan(failure, state) : undefined;
        if (pauseMs) {
          slot[Symbol.dispose]();
          slot = await this.#pause(pauseMs);
        }
        if (pauseMs === undefined || !slot) throw failure;
      }
    } catch (error) {
      this.error = error;
      this.flaws = error instanceof CommandApiError ? error.flaws : [];
      throw error;
    } finally {
      slot?.[Symbol.dispose]();
      this.#observer.exchangeEnded(this.#record, this);
    }
  }

  /** Waits for a turn to decode a reply, and inflates it there: what waits in gzip takes little memory. */
  async #inflateInTurn(arrived: Reply): Promise<Reply> {
    const { maxReplyBytes } = this.#context;
    const length = inflatedLength(arrived, maxReplyBytes);
    if (length > 0) await this.#waitForTurn(length);
    if (!this.#isWanted) return arrived;
    const reply = inflate(arrived, this.#bytes, maxReplyBytes);
    const rest = reply.body.length - length;
    if (rest > 0) await this.#waitForTurn(rest);
    return reply;
  }

  /** Waits as the operation whose replies go first. */
  async #waitForTurn(bytes: number): Promise<void> {
    const { turns } = this.#scopes.reduce((one, other) =>
      other.turns.replyPriority < one.turns.replyPriority ? other : one,
    );
    const priority = this.#record.isWrite ? undefined : turns.replyPriority;
    await turns.wait(bytes * REPLY_BYTE_NS, this.#context.signal, priority);
  }

  /** Replies that no one waits for would hold up others. That of a write tells its outcome. */
  get #isWanted(): boolean {
    return this.#record.isWrite || !this.#context.signal.aborted;
  }

  #decode(reply: Reply, command: Command<unknown, T>, input: unknown): DecodedReply<T> {
    if (!this.#isWanted) throw endedBy(this.#context.signal.reason);
    const decoded = command.decode(resultOf(reply), input);
    if (!this.#bytes.tryReserve(ENTRY_BYTES * (decoded.entries ?? 1))) throw noRoom(NO_MEMORY);
    this.flaws = decoded.flaws ?? [];
    return decoded;
  }

  /** Pauses without a slot. Returns another one, or undefined if the queue is full or the circuit breaker has opened. */
  async #pause(ms: number): Promise<Disposable | undefined> {
    const { breaker, slots } = this.#upstream;
    const signal = this.#context.unsentSignal;
    await untilEnded(delay(ms, undefined, { signal }), signal);
    if (breaker.state() !== 'closed' || slots.isFull()) return undefined;
    const slot = await slots.take(signal);
    if (breaker.state() === 'closed') return slot;
    slot[Symbol.dispose]();
    return undefined;
  }
}
