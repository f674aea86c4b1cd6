/**
 * Accounts for the memory of all operations in flight. We count what we hold, because V8's heap size includes garbage.
 */
import { getHeapStatistics } from 'node:v8';

/**
 * In bytes: a byte of a body once it is parsed, a command with its record, and a decoded ticket in addition to its
 * text.
 */
export const BYTES = { bodyByte: 16, command: 4096, ticket: 300 } as const;

export type Memory = ReturnType<typeof createMemory>;
/** What one operation, or one reply on its way, holds. */
export type MemoryAccount = ReturnType<Memory['openOperation']>;

/** Limits the memory of all operations to a sixteenth of V8's heap limit. */
export function createMemory() {
  const limit = Math.floor(getHeapStatistics().heap_size_limit / 16);
  // By the point at which an operation was refused.
  const refused = { request: 0, command: 0, reply: 0, response: 0 };
  let held = 0;

  class Account {
    readonly #most: number;
    #own = 0;

    constructor(most: number) {
      this.#most = most;
    }

    /** Adds bytes and returns true, unless the account or all accounts together would exceed their limit. */
    reserve(bytes: number, stage: keyof typeof refused): boolean {
      const fits = this.#own + bytes <= this.#most && held + bytes <= limit;
      if (fits) this.hold(bytes);
      else refused[stage]++;
      return fits;
    }

    /** Adds bytes without a limit. */
    hold(bytes: number): void {
      this.#own += bytes;
      held += bytes;
    }

    /** Releases bytes, by default everything. */
    release(bytes = this.#own): void {
      this.hold(-bytes);
    }

    [Symbol.dispose](): void {
      this.release();
    }
  }

  return {
    /** Opens the account of an operation, which may hold half of the limit. */
    openOperation: () => new Account(limit / 2),
    /**
     * Opens the account of a reply on its way, which may belong to several operations. Returns undefined while the memory
     * is exceeded, by what has no limit: replies to writes, and errors.
     */
    openReply(): Account | undefined {
      if (held <= limit) return new Account(limit);
      refused.command++;
      return undefined;
    },
    /** Whether an eighth of the limit is held. */
    isScarce: () => held > limit / 8,
    limit,
    state: () => ({ held, refused }),
  };
}
