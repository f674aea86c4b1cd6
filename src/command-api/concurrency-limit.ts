/**
 * Limits how many commands run at once.
 */
import { addAbortListener } from 'node:events';
import { ended, overloaded } from './errors.ts';

/** Creates a limit of `places` tasks at once; `room` more wait in FIFO order. */
export function createConcurrencyLimit(places: number, room: number) {
  const waiting = new Set<() => void>();
  let running = 0;

  /** Hands the place to the first waiter, so that new tasks cannot overtake it. */
  function leave(): void {
    const [next] = waiting;
    if (next) waiting.delete(next);
    else running--;
    next?.();
  }
  const place: Disposable = { [Symbol.dispose]: leave };

  /** Returns a place when one is free. Throws a `CommandApiError` if too many wait, or when `signal` aborts. */
  async function enter(signal: AbortSignal): Promise<Disposable> {
    if (signal.aborted) throw ended(signal, false);
    if (running < places) {
      running++;
      return place;
    }
    if (waiting.size >= room) throw overloaded('queue full');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.add(resolve);
    using _ = addAbortListener(signal, () => {
      waiting.delete(resolve);
      reject(ended(signal, false));
    });
    await promise;
    return place;
  }

  return { enter, count: () => ({ inFlight: running, queued: waiting.size }) };
}
