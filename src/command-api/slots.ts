/**
 * Slots: how many commands of the process, or of an operation, run at once.
 */
import { addAbortListener } from 'node:events';
import { CommandApiError, ended } from './errors.ts';

/** Creates slots for `most` tasks at once; `room` more wait in FIFO order. */
export function createSlots(most: number, room: number) {
  const waiting = new Set<() => void>();
  let running = 0;

  /** Hands the slot to the first waiter, so that new tasks cannot overtake it. */
  function leave(): void {
    const [next] = waiting;
    if (next) waiting.delete(next);
    else running--;
    next?.();
  }
  const slot: Disposable = { [Symbol.dispose]: leave };

  /** Returns a slot when one is free. Throws a `CommandApiError` if too many wait, or when `signal` aborts. */
  async function take(signal: AbortSignal): Promise<Disposable> {
    if (signal.aborted) throw ended(signal, false);
    if (running < most) {
      running++;
      return slot;
    }
    if (waiting.size >= room) throw new CommandApiError('no_room', { detail: 'queue full' });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.add(resolve);
    using _ = addAbortListener(signal, () => {
      waiting.delete(resolve);
      reject(ended(signal, false));
    });
    await promise;
    return slot;
  }

  return { take, count: () => ({ inFlight: running, queued: waiting.size }) };
}
