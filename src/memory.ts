/**
 * Accounts for the memory of all operations in flight. We count what we hold, because V8's heap size includes garbage.
 */
import { addAbortListener } from 'node:events';
import { getHeapStatistics } from 'node:v8';

export type Memory = ReturnType<typeof createMemory>;
/** What one operation, or one reply, holds. */
export type MemoryAccount = ReturnType<Memory['openOperationAccount']>;

/** Limits the memory of all operations to a sixteenth of V8's heap limit. */
export function createMemory() {
  const limit = Math.floor(getHeapStatistics().heap_size_limit / 16);
  /** Lists of queries leave the rest to requests, commands and replies: otherwise, no operation could begin to wait. */
  const limitOfLists = limit * 0.875;
  // By the point at which an operation was refused.
  const refused = { request: 0, command: 0, reply: 0, response: 0 };
  /** The operations with lists that wait for room, in FIFO order. */
  const waiting = new Map<Account, PromiseWithResolvers<boolean> & { bytes: number }>();
  let waited = 0;
  let held = 0;
  /** Bytes that operations hold while they wait. */
  let blocked = 0;
  /** The operation that may exceed the limit. */
  let beyond: Account | undefined;

  class Account {
    readonly #most: number;
    readonly #replies = new Set<Account>();
    #own = 0;
    /** Its own bytes, and those of its replies and waiting lists. */
    #claimed = 0;
    /** For a reply: how many reads and operations hold it. */
    #holders = 0;
    /** How many operations that wait hold this account. */
    #blockers = 0;

    constructor(most: number) {
      this.#most = most;
    }

    /** Adds bytes and returns true, unless the account or all accounts together would exceed their limit. */
    reserve(bytes: number, stage: keyof typeof refused): boolean {
      const fits = this.#claimed + bytes <= this.#most && (held + bytes <= limit || beyond === this);
      if (fits) this.hold(bytes);
      else refused[stage]++;
      return fits;
    }

    /**
     * Returns undefined unless other operations alone leave no room. Otherwise waits, and returns whether it has reserved the
     * bytes when there was room, before `signal` aborted.
     */
    waitToReserve(bytes: number, signal: AbortSignal): Promise<boolean> | undefined {
      const hasRoom = (waiting.size === 0 && held + bytes <= limitOfLists) || beyond === this;
      return hasRoom || this.#claimed + bytes > this.#most ? undefined : this.#wait(bytes, signal);
    }

    /** Adds bytes without a limit. */
    hold(bytes: number): void {
      this.#own += bytes;
      this.#claimed += bytes;
      held += bytes;
      if (this.#blockers > 0) blocked += bytes;
      if (waiting.size > 0) serveFirst();
    }

    /** Releases bytes, by default all but those of its replies. */
    release(bytes = this.#own): void {
      this.hold(-bytes);
    }

    /** Holds a reply until it is disposed of. */
    join(): this {
      this.#holders++;
      return this;
    }

    /** Holds a reply, together with other operations, until this one ends. Returns false if it exceeds this account. */
    share(reply: Account): boolean {
      if (this.#replies.has(reply)) return true;
      if (this.#claimed + reply.#own > this.#most) return this.reserve(reply.#own, 'reply');
      this.#claimed += reply.#own;
      this.#replies.add(reply.join());
      if (this.#blockers > 0) reply.#block(1);
      return true;
    }

    /** Releases everything; for a reply, if this was its last holder. */
    [Symbol.dispose](): void {
      if (--this.#holders > 0) return;
      if (beyond === this) beyond = undefined;
      for (const reply of this.#replies) reply[Symbol.dispose]();
      this.release();
    }

    /** The lists of one operation wait together. */
    async #wait(bytes: number, signal: AbortSignal): Promise<boolean> {
      const wait = waiting.get(this) ?? { ...Promise.withResolvers<boolean>(), bytes: 0 };
      if (wait.bytes === 0) this.#block(1);
      wait.bytes += bytes;
      this.#claimed += bytes;
      waiting.set(this, wait);
      waited++;
      using _ = addAbortListener(signal, () => this.endWait(false));
      serveFirst();
      const hasRoom = await wait.promise;
      if (!hasRoom) refused.response++;
      return hasRoom;
    }

    endWait(hasRoom: boolean): void {
      const wait = waiting.get(this);
      if (!wait) return;
      waiting.delete(this);
      this.#block(-1);
      this.#claimed -= wait.bytes;
      wait.resolve(hasRoom);
      // Serves the next operation, too.
      this.hold(hasRoom ? wait.bytes : 0);
    }

    /** Counts one more or one fewer operation that waits and holds this account. */
    #block(change: 1 | -1): void {
      const before = this.#blockers;
      this.#blockers += change;
      if (before === 0 || this.#blockers === 0) blocked += change * this.#own;
      for (const reply of this.#replies) reply.#block(change);
    }
  }

  /**
   * Serves the first operation that waits. If the operations that wait hold too much for it, it exceeds the limit, as the
   * only one.
   */
  function serveFirst(): void {
    const [first] = waiting;
    if (!first) return;
    const [account, { bytes }] = first;
    const fits = held + bytes <= limitOfLists;
    if (!fits && (beyond || blocked + bytes <= limitOfLists)) return;
    if (!fits) beyond = account;
    account.endWait(true);
  }

  return {
    /** Opens the account of an operation, which may hold half of the limit. */
    openOperationAccount: () => new Account(limit / 2),
    /** Opens the account of a reply, which may belong to several operations. */
    openReplyAccount: () => new Account(limit),
    isEighthHeld: () => held > limit / 8,
    limit,
    state: () => ({ held, refused, waited }),
  };
}
