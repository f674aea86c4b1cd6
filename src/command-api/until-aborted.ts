import { addAbortListener } from 'node:events';
import { ended } from './failures.ts';

/** Settles like `promise`, or throws `ended` when `signal` aborts. `isSent` tells whether the command may have left. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal, isSent?: boolean): Promise<T> {
  const { promise: result, resolve, reject } = Promise.withResolvers<T>();
  promise.then(resolve, reject);
  using _ = addAbortListener(signal, () => reject(ended(signal, isSent)));
  return await result;
}
