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
/** The memory of one operation, in bytes. */
export type Share = ReturnType<Memory['open']>;

/** Limits the memory of all operations to `limit` bytes, by default a sixteenth of V8's heap limit. */
export function createMemory(limit = Math.floor(getHeapStatistics().heap_size_limit / 16)) {
  // By the point at which an operation was refused.
  const refused = { request: 0, command: 0, reply: 0, answer: 0 };
  let held = 0;

  function open() {
    let own = 0;
    /** Adds bytes without a limit. A negative number releases bytes. */
    function hold(bytes: number): void {
      // An exchange that outlives its operation releases bytes that `close` has already released.
      const change = Math.max(bytes, -own);
      own += change;
      held += change;
    }
    /**
     * Adds bytes and returns true, unless the operation would hold more than half of the limit or all operations more
     * than the limit.
     */
    function reserve(bytes: number, stage: keyof typeof refused): boolean {
      const fits = own + bytes <= limit / 2 && held + bytes <= limit;
      if (fits) hold(bytes);
      else refused[stage]++;
      return fits;
    }
    return { reserve, hold, close: () => hold(-own) };
  }

  return { open, limit, state: () => ({ held, refused }) };
}
