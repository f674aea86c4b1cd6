/**
 * The memory of all operations under way, counted by what each of their parts takes. The heap itself cannot be asked: garbage
 * counts there too.
 */
import { getHeapStatistics } from 'node:v8';

/** What was refused for want of memory. */
export const STAGES = ['request', 'command', 'reply', 'answer'] as const;
export type Stage = (typeof STAGES)[number];

/** In bytes: a byte of a request's body once it is parsed, a command with its record, a decoded ticket beside its text. */
export const BYTES = { bodyByte: 16, command: 4096, ticket: 300 } as const;

export type Memory = ReturnType<typeof createMemory>;
/** One operation's part of the memory, in bytes. */
export type Share = ReturnType<Memory['open']>;

/** Bounds what all operations hold together to `limit` bytes, a sixteenth of V8's heap limit by default. */
export function createMemory(limit = Math.floor(getHeapStatistics().heap_size_limit / 16)) {
  const refused = { request: 0, command: 0, reply: 0, answer: 0 };
  let held = 0;

  function open() {
    let own = 0;
    /** Holds bytes without asking, or releases negative ones. */
    function hold(bytes: number): void {
      // An exchange that outlives its operation releases what `close` has released already.
      const change = Math.max(bytes, -own);
      own += change;
      held += change;
    }
    /** Returns false, and holds nothing, where the operation would hold more than half of the limit, or all together too much. */
    function reserve(bytes: number, stage: Stage): boolean {
      const fits = own + bytes <= limit / 2 && held + bytes <= limit;
      if (fits) hold(bytes);
      else refused[stage]++;
      return fits;
    }
    return { reserve, hold, close: () => hold(-own) };
  }

  return { open, state: () => ({ held, limit, refused }) };
}
