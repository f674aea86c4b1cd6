/**
 * Slots: how many attempts of the process, or commands of an operation, run at once.
 */
import { addAbortListener } from 'node:events';
import { CommandFailure } from './failures.ts';

export type Slots = ReturnType<typeof createSlots>;

/** Creates slots for `most` holders at once; `mostWaiting` more wait, first in, first out. */
export function createSlots(most: number, mostWaiting = Number.POSITIVE_INFINITY) {
  const waiting = new Set<() => void>();
  let running = 0;

  /** Hands the slot to the first that waits, so that new commands cannot overtake it. */
  function release(): void {
    const [next] = waiting;
    if (next) waiting.delete(next);
    else running--;
    next?.();
  }

  return {
    /**
     * Returns a slot when one is free; its holder disposes it. Throws a `CommandFailure` if too many wait, and the
     * reason of `signal` if that aborts before.
     */
    async take(signal: AbortSignal): Promise<Disposable> {
      signal.throwIfAborted();
      if (running < most) running++;
      else if (waiting.size >= mostWaiting) throw new CommandFailure('no_room_for_command', { detail: 'queue full' });
      else {
        const { promise, resolve, reject } = Promise.withResolvers<void>();
        waiting.add(resolve);
        // If the slot was handed over in the same moment, `delete` finds nothing, and the holder asks the signal later.
        using _ = addAbortListener(signal, () => waiting.delete(resolve) && reject(signal.reason));
        await promise;
      }
      return { [Symbol.dispose]: release };
    },

    /** Whether `take` would not refuse now. */
    hasRoom: () => running < most || waiting.size < mostWaiting,
    count: () => ({ inFlight: running, queued: waiting.size }),
  };
}
