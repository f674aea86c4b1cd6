/**
 * Slots: how many commands of the process, or of an operation, run at once.
 */
import { noRoom, throwIfEnded, untilEnded } from './failures.ts';

/** Creates slots for `most` commands at once; `room` more wait, first in, first out. */
export function createSlots(most: number, room: number) {
  const waiting = new Set<() => void>();
  let running = 0;

  /** Hands the slot to the first that waits, so that new commands cannot overtake it. */
  function leave(): void {
    const [next] = waiting;
    if (next) waiting.delete(next);
    else running--;
    next?.();
  }
  const slot: Disposable = { [Symbol.dispose]: leave };

  /** Returns a slot when one is free. Throws a `CommandApiError` if too many wait, or when `signal` aborts. */
  async function take(signal: AbortSignal): Promise<Disposable> {
    throwIfEnded(signal);
    if (running < most) {
      running++;
      return slot;
    }
    if (waiting.size >= room) throw noRoom('queue full');
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.add(resolve);
    try {
      await untilEnded(promise, signal);
      return slot;
    } catch (error) {
      // It may have been handed a slot in the moment in which it left.
      if (!waiting.delete(resolve)) leave();
      throw error;
    }
  }

  return {
    take,
    isFull: () => running === most && waiting.size >= room,
    count: () => ({ inFlight: running, queued: waiting.size }),
  };
}
