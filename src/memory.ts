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
  /** The operation that may exceed the limit. */
  let beyond: Account | undefined;

  class Account {
    readonly #most: number;
    readonly #replies = new Set<Account>();
    #own = 0;
    /** Its own bytes, and those of its replies and waiting lists. */
    claimed = 0;
    /** For a reply: how many reads and operations hold it. */
    #holders = 0;

    constructor(most: number) {
      this.#most = most;
    }

    /** Adds bytes and returns true, unless the account or all accounts together would exceed their limit. */
    reserve(bytes: number, stage: keyof typeof refused): boolean {
      const fits = this.claimed + bytes <= this.#most && (held + bytes <= limit || beyond === this);
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
      return hasRoom || this.claimed + bytes > this.#most ? undefined : this.#wait(bytes, signal);
    }

    /** Adds bytes without a limit. */
    hold(bytes: number): void {
      this.#own += bytes;
      this.claimed += bytes;
      held += bytes;
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
      const fits = this.claimed + reply.#own <= this.#most;
      if (!fits) refused.reply++;
      else {
        this.claimed += reply.#own;
        this.#replies.add(reply.join());
      }
      return fits;
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
      waiting.set(this, wait);
      wait.bytes += bytes;
      this.claimed += bytes;
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
      this.claimed -= wait.bytes;
      wait.resolve(hasRoom);
      // Serves the next operation, too.
      this.hold(hasRoom ? wait.bytes : 0);
    }
  }

  /**
   * Serves the first operation that waits. If those that wait hold too much for it, it exceeds the limit, as the only one.
   * A reply that they share counts for each of them.
   */
  function serveFirst(): void {
    const [first] = waiting;
    if (!first) return;
    const [account, { bytes }] = first;
    if (held + bytes > limitOfLists) {
      const blocked = () => waiting.entries().reduce((sum, [{ claimed }, wait]) => sum + claimed - wait.bytes, 0);
      if (beyond || blocked() + bytes <= limitOfLists) return;
      beyond = account;
    }
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
