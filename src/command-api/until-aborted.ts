import { addAbortListener } from 'node:events';
import { endedBy } from './failures.ts';

/**
 * Settles like `promise`, or throws `endedBy` when `signal` aborts. `isSent` tells whether the command may have left. The
 * promise itself does not depend on the signal.
 */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal, isSent?: boolean): Promise<T> {
  const { promise: result, resolve, reject } = Promise.withResolvers<T>();
  promise.then(resolve, reject);
  using _ = addAbortListener(signal, () => reject(endedBy(signal, isSent)));
  return await result;
}
