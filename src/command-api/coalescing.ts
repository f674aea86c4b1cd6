/**
 * Request coalescing: identical reads share an exchange whose first caller asked at most 50 ms ago. Nothing is cached.
 */
import { Bytes, type Lease, type Resources } from '../lease.ts';
import type { Turn } from '../turns.ts';
import { NO_MEMORY } from './breaks.ts';
import { noRoom, untilAborted } from './failures.ts';
import type { CommandRecord } from './record.ts';

/**
 * The maximum age of an exchange to join. A write on another replica clears nothing here, so a read after that write may
 * join an exchange from before it. This limits the age of its data.
 */
const JOINABLE_MS = 50;

/** An exchange that identical reads share. */
export class SharedExchange {
  /** The record of the command that is really sent. */
  readonly record: CommandRecord;
  /** What its reply holds. */
  readonly bytes: Bytes;
  readonly #ending = new AbortController();
  /** Aborts when the last lease that waits has left. */
  readonly signal = this.#ending.signal;
  /** The leases that wait for the reply, and afterwards those that keep it. */
  readonly #holders: Lease[] = [];
  /** Undefined after its end. */
  #reply: Promise<unknown> | undefined;
  /** The turn for which the reply waits. */
  #turn: Turn | undefined;

  constructor(record: CommandRecord, memory: Resources['memory']) {
    this.record = record;
    this.bytes = new Bytes(memory);
  }

  get isJoinable(): boolean {
    const isYoung = performance.now() - this.record.startedAt <= JOINABLE_MS;
    return isYoung && this.#reply !== undefined && !this.signal.aborted;
  }

  /** Waits for the end of the exchange. */
  async settle(reply: Promise<unknown>): Promise<void> {
    this.#reply = reply;
    await reply.catch(() => {});
    // What was deleted from a Map may stay in memory: without this, a list costs 6 % more.
    this.#reply = undefined;
  }

  /** Resolves in the turn of the earliest operation that waits. Without any, there is nothing to wait for. */
  async turn(work: number): Promise<void> {
    const [first, ...others] = this.#holders;
    if (!first) return;
    const earliest = others.reduce((one, other) => (other.placeOfReply < one.placeOfReply ? other : one), first);
    this.#turn = earliest.turnOfReply(work);
    await this.#turn.begun;
  }

  /** Waits for the reply, which a lease then keeps. Throws if the lease ends first, or has no room. */
  async wait(lease: Lease): Promise<unknown> {
    this.#holders.push(lease);
    if (this.#turn) lease.hasten(this.#turn);
    try {
      const reply = await untilAborted(this.#reply as Promise<unknown>, lease.signal);
      if (lease.keep(this.bytes, () => this.#leave(lease))) return reply;
      throw noRoom(NO_MEMORY);
    } catch (error) {
      // The question who is last, and leaving, are one step for all others: several leases may end at once.
      if (lease.signal.aborted && this.#holders.length === 1) {
        this.#ending.abort(lease.signal.reason);
        // So that the last command, if it is the one that was sent, tells of its attempt.
        await this.#reply?.catch(() => {});
      }
      this.#leave(lease);
      throw error;
    }
  }

  /** The last to leave gives the bytes of the reply back. */
  #leave(lease: Lease): void {
    this.#holders.splice(this.#holders.indexOf(lease), 1);
    if (this.#holders.length === 0) this.bytes[Symbol.dispose]();
  }
}

export function createCoalescing() {
  const exchanges = new Map<string, SharedExchange>();

  return {
    /** Returns the exchange to join. The key must contain everything that decides the reply, including the caller's token. */
    findJoinable(key: string): SharedExchange | undefined {
      const shared = exchanges.get(key);
      return shared?.isJoinable ? shared : undefined;
    },

    /** Starts an exchange, which later reads may join until it ends. The caller waits for it in the same step. */
    start(key: string, shared: SharedExchange, run: (shared: SharedExchange) => Promise<unknown>): SharedExchange {
      exchanges.set(key, shared);
      void shared.settle(run(shared)).then(() => exchanges.get(key) === shared && exchanges.delete(key));
      return shared;
    },

    /** A read after this moment joins no exchange from before it. */
    clear: () => exchanges.clear(),
  };
}
