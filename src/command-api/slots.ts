/**
 * Slots: how many commands of the process, or of an operation, run at once.
 */
import { noRoom, throwIfEnded, untilEnded } from './failures.ts';

export type Slots = ReturnType<typeof createSlots>;

/** Creates slots for `most` commands at once; `mostWaiting` more wait, first in, first out. */
export function createSlots(most: number, mostWaiting: number) {
  const waiting = new Set<() => void>();
  let running = 0;

  /** Hands the slot to the first that waits, so that new commands cannot overtake it. */
  function release(): void {
    const [next] = waiting;
    if (next) waiting.delete(next);
    else running--;
    next?.();
  }

  /** Creates a slot, which its holder gives back once, however often it does. */
  function createSlot(): Disposable {
    let isHeld = true;
    return {
      [Symbol.dispose](): void {
        if (isHeld) release();
        isHeld = false;
      },
    };
  }

  /** Returns a slot when one is free. Throws a `CommandApiError` if too many wait, or when `signal` aborts. */
  async function take(signal: AbortSignal): Promise<Disposable> {
    throwIfEnded(signal);
    if (running < most) {
      running++;
      return createSlot();
    }
    if (waiting.size >= mostWaiting) throw noRoom('queue full');
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.add(resolve);
    try {
      await untilEnded(promise, signal);
      return createSlot();
    } catch (error) {
      // It may have been handed a slot in the moment in which it left.
      if (!waiting.delete(resolve)) release();
      throw error;
    }
  }

  return {
    take,
    isFull: () => running === most && waiting.size >= mostWaiting,
    count: () => ({ inFlight: running, queued: waiting.size }),
  };
}
