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

/** Limits the memory of all operations to `limit` bytes, by default a sixteenth of V8's heap limit. */
export function createMemory(limit = Math.floor(getHeapStatistics().heap_size_limit / 16)) {
  // By the point at which an operation was refused.
  const refused = { request: 0, command: 0, reply: 0, answer: 0 };
  let held = 0;

  /** Opens an account for at most `most` bytes. */
  function open(most: number) {
    let own = 0;

    /** Adds bytes without a limit. */
    function hold(bytes: number): void {
      own += bytes;
      held += bytes;
    }

    /** Releases bytes. An account that is closed holds none. */
    function release(bytes: number): void {
      hold(-Math.min(bytes, own));
    }

    return {
      hold,
      release,
      /** Adds bytes and returns true, unless the account or all accounts together would exceed their limit. */
      reserve(bytes: number, stage: keyof typeof refused): boolean {
        const fits = own + bytes <= most && held + bytes <= limit;
        if (fits) hold(bytes);
        else refused[stage]++;
        return fits;
      },
      /** Releases everything. */
      close: () => release(own),
      [Symbol.dispose]: () => release(own),
    };
  }

  return {
    /** Opens the account of an operation, which may hold half of the limit. */
    openOperation: () => open(limit / 2),
    /** Opens the account of a reply on its way, which may belong to several operations. */
    openReply: () => open(limit),
    limit,
    state: () => ({ held, refused }),
  };
}
