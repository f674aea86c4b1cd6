/**
 * The exchange of a command for its reply. Its way is `#run`, from top to bottom: circuit breaker, slot, attempt, turn,
 * decoding, and perhaps a pause and the next attempt.
 *
 * The model. The exchange of a write belongs to one operation, and its scope ends it. The exchange of a read belongs to
 * all operations whose identical reads have joined it: it goes on until its reply is there, or until the last of them has
 * left. So an exchange has its own signal, and one that aborts what has not been sent.
 *
 * What is held while it waits. In the queue for a slot: the command. During an attempt: the slot, and each byte of the
 * reply from its arrival. In the queue for a turn: the same, because a reply that waited without a slot would let more
 * replies arrive than the memory has room for, and they would be refused after the vendor has done the work. During a
 * pause: nothing but the command. The bytes of a failed attempt are given back before the next one.
 *
 * The numbers. By default 256 slots of the process, and 1,024 commands that wait for one, first in, first out. A read has
 * by default at most three attempts, in the time of an operation that begins when it does. A write has the time of its operation,
 * and another attempt only if the one before certainly was not sent.
 *
 * What is refused, at once: every command while the breaker is open, which is asked before the slot and after it; one that
 * finds the queue full; a reply to a read that has no room. The reply to a write always has room, and is decoded even when
 * its operation has ended: it tells an outcome.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { ReplyBytes } from '../resources/memory.ts';
import type { Scope } from '../resources/scope.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import type { Attempt, CommandObserver, CommandRecord, DecodedReply, ExchangeFacts } from './command.ts';
import { CommandApiError, endedBy, type Flaw, NO_MEMORY, NOT_SENT, noRoom, outcomeOf, untilEnded } from './failures.ts';
import { inflate, inflatedLength, type Reply, resultOf } from './reply.ts';
import { createRetries } from './retries.ts';
import { createSlots } from './slots.ts';
import { type AttemptLimits, type Credentials, createTransport } from './transport.ts';

/**
 * Bytes that a decoded entry holds in addition to its bytes in the reply. Of 6,000 entries, the heap of Node 24 showed 220
 * to 290 for each; a snapshot of the heap measures it again.
 */
const ENTRY_BYTES = 300;
/**
 * Work to decode a byte, in nanoseconds, so that a list of 2 MB counts as 200 ms. On a loaded machine, 7,000 tickets of
 * together 2 MB took 33 to 115 ms, and 600 with long texts 8 ms. With it, `npm run test:soak -- large-operations` keeps
 * its bounds.
 */
const REPLY_BYTE_NS = 100;
/** The documented replies to writes have 100 bytes. The largest create, with its whole input in escapes, has 97 KB. */
const MAX_WRITE_REPLY_BYTES = 128 * 1024;

export type Upstream = ReturnType<typeof createUpstream>;

/** Creates what all exchanges share. */
export function createUpstream(config: Config) {
  return {
    breaker: createCircuitBreaker(config),
    retries: createRetries(config.MAX_ATTEMPTS),
    slots: createSlots(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED),
    transport: createTransport(config),
    maxReplyBytes: config.MAX_REPLY_BYTES,
  };
}

/** What an exchange sends, and how its reply is decoded. */
export interface Sending<T> {
  /** The parameters as the vendor names and writes them. */
  readonly param: object;
  readonly credentials: Credentials;
  readonly traceparent: string | undefined;
  decode(result: unknown): DecodedReply<T>;
}

export class Exchange<T> implements ExchangeFacts {
  readonly id: string;
  readonly startedAt: number;
  attempts = 0;
  flaws: readonly Flaw[] = [];
  error: unknown;
  /** What its reply holds. */
  readonly bytes: ReplyBytes;
  readonly #upstream: Upstream;
  readonly #observer: CommandObserver;
  /** That of the command that is really sent. */
  readonly #record: CommandRecord;
  readonly #ending = new AbortController();
  readonly #limits: AttemptLimits;
  /** No pause before a further attempt ends later. */
  readonly #retryUntil: number;
  /** The scopes of the operations that wait for the reply. */
  readonly #scopes: Scope[] = [];
  #reply: Promise<DecodedReply<T>> | undefined;

  /** Creates the exchange of a command, which `begin` begins. `scope` is that of its operation. */
  constructor(upstream: Upstream, observer: CommandObserver, record: CommandRecord, scope: Scope) {
    const { isWrite, startedAt } = record;
    this.id = record.id;
    this.startedAt = startedAt;
    this.bytes = new ReplyBytes(scope.account.memory, !isWrite);
    this.#upstream = upstream;
    this.#observer = observer;
    this.#record = record;
    const { signal } = isWrite ? scope : this.#ending;
    const unsentSignal = isWrite ? scope.unsentSignal : signal;
    const maxReplyBytes = Math.min(upstream.maxReplyBytes, isWrite ? MAX_WRITE_REPLY_BYTES : Number.POSITIVE_INFINITY);
    this.#limits = { bytes: this.bytes, maxReplyBytes, signal, unsentSignal };
    this.#retryUntil = isWrite ? scope.deadline : startedAt + scope.timeoutMs;
  }

  /** Begins. Settles when the exchange is over. At least one operation has to wait for the reply at once. */
  begin(sending: Sending<T>): Promise<unknown> {
    const reply = this.#run(sending);
    this.#reply = reply;
    const settle = () => {
      // A deleted entry of a Map may stay in memory: without this, a list costs 6 % more.
      this.#reply = undefined;
    };
    reply.then(settle, settle);
    return reply;
  }

  /** Whether its reply is still to come, and someone waits for it. */
  get isUnderWay(): boolean {
    return this.#reply !== undefined && !this.#limits.signal.aborted;
  }

  /**
   * Returns the reply to an operation, whose account keeps it. Throws as the exchange fails, if the account has no room
   * for the reply, or if a read's operation ends first: the last one that leaves ends the exchange.
   */
  async replyTo(scope: Scope): Promise<DecodedReply<T>> {
    this.#scopes.push(scope);
    this.bytes.retain();
    const reply = this.#reply as Promise<DecodedReply<T>>;
    try {
      // A write ends with its operation by itself, when its outcome is known.
      const decoded = await (this.#record.isWrite ? reply : untilEnded(reply, scope.signal));
      if (this.#record.isWrite) this.bytes.release();
      else if (!scope.account.keep(this.bytes)) throw noRoom(NO_MEMORY);
      return decoded;
    } catch (error) {
      if (scope.signal.aborted && this.#scopes.length === 1) {
        this.#ending.abort(scope.signal.reason);
        // The last command that leaves may be the one that was sent: it tells of its attempt.
        await reply.catch(() => {});
      }
      // For all but the last, in one step with the question who is last: several operations may end at once.
      this.#scopes.splice(this.#scopes.indexOf(scope), 1);
      this.bytes.release();
      throw error;
    }
  }

  /** Sends the command until an attempt succeeds or no other may follow. */
  async #run({ param, credentials, traceparent, decode }: Sending<T>): Promise<DecodedReply<T>> {
    const { breaker, retries, slots, transport } = this.#upstream;
    const { isWrite, name } = this.#record;
    let slot: Disposable | undefined;
    let last: Attempt | undefined;
    try {
      // Asked here too, because a command would wait for its slot only to hear that the command API is down.
      breaker.throwIfOpen();
      slot = await slots.take(this.#limits.unsentSignal);
      using call = breaker.begin();
      retries.earn();
      const json = JSON.stringify({ command: name, id: this.id, param });

      for (;;) {
        const startedAt = performance.now();
        this.attempts++;
        // After a failure, other kept connections may be closed too.
        const isFresh = isWrite || this.attempts > 1;
        const arrived = await transport.attempt({ json, credentials, traceparent, isFresh }, this.#limits);
        const seconds = (performance.now() - startedAt) / 1000;

        const reply = await this.#inflateInTurn(arrived);
        const error = reply.failure?.error.message;
        last = { startedAt, seconds, status: error ? undefined : reply.status, error, previous: last };
        this.#observer.attempted(this.#record, last);

        let failure: CommandApiError;
        try {
          const decoded = this.#decode(reply, decode);
          call.report();
          return decoded;
        } catch (error) {
          this.bytes.clear();
          if (!(error instanceof CommandApiError)) throw error;
          failure = error;
        }

        const mayRepeat = !isWrite || outcomeOf(failure) === NOT_SENT;
        const state = { attempts: this.attempts, isProbe: call.isProbe, retryUntil: this.#retryUntil };
        const pauseMs = mayRepeat ? retries.plan(failure, state) : undefined;
        if (pauseMs) {
          slot[Symbol.dispose]();
          slot = undefined;
          slot = await this.#pause(pauseMs);
        }
        if (pauseMs === undefined || !slot) {
          call.report(failure);
          throw failure;
        }
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
    const length = inflatedLength(arrived, this.#limits.maxReplyBytes);
    if (length > 0) await this.#waitForTurn(length);
    if (!this.#isWanted) return arrived;
    const reply = inflate(arrived, this.bytes, this.#limits.maxReplyBytes);
    const rest = reply.body.length - length;
    if (rest > 0) await this.#waitForTurn(rest);
    return reply;
  }

  /** Waits as the operation whose replies go first. */
  async #waitForTurn(bytes: number): Promise<void> {
    const { turns } = this.#scopes.reduce((one, other) =>
      other.turns.replyPriority < one.turns.replyPriority ? other : one,
    );
    await turns.wait(
      bytes * REPLY_BYTE_NS,
      this.#limits.signal,
      this.#record.isWrite ? undefined : turns.replyPriority,
    );
  }

  /** Replies that no one waits for would hold up others. That of a write tells its outcome. */
  get #isWanted(): boolean {
    return this.#record.isWrite || !this.#limits.signal.aborted;
  }

  #decode(reply: Reply, decode: Sending<T>['decode']): DecodedReply<T> {
    if (!this.#isWanted) throw endedBy(this.#limits.signal.reason);
    const decoded = decode(resultOf(reply));
    const entries = Array.isArray(decoded.value) ? decoded.value.length : 1;
    if (!this.bytes.tryReserve(ENTRY_BYTES * entries)) throw noRoom(NO_MEMORY);
    this.flaws = decoded.flaws ?? [];
    return decoded;
  }

  /** Pauses without a slot. Returns another one, or undefined if the queue is full or the circuit breaker has opened. */
  async #pause(ms: number): Promise<Disposable | undefined> {
    const { breaker, slots } = this.#upstream;
    const signal = this.#limits.unsentSignal;
    await untilEnded(delay(ms, undefined, { signal }), signal);
    if (breaker.state() !== 'closed' || slots.isFull()) return undefined;
    const slot = await slots.take(signal);
    if (breaker.state() === 'closed') return slot;
    slot[Symbol.dispose]();
    return undefined;
  }
}
