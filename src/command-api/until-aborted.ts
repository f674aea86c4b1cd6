import { addAbortListener } from 'node:events';
import { endedBy } from './failures.ts';

/** Settles like `promise`, or throws `endedBy` when `signal` aborts. `isSent` tells whether the command may have left. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal, isSent?: boolean): Promise<T> {
  const { promise: result, resolve, reject } = Promise.withResolvers<T>();
  // Node calls the listener later if the signal has aborted. The promise may have the same signal.
  if (signal.aborted) reject(endedBy(signal, isSent));
  promise.then(resolve, reject);
  using _ = addAbortListener(signal, () => reject(endedBy(signal, isSent)));
  return await result;
}
