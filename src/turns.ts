/**
 * Spreads the work of one server over turns of the event loop, so that sockets and timers run in between.
 */
import { setImmediate } from 'node:timers/promises';

/** In units of 20 ns: about 10 ms. Larger work has a turn of its own. */
const TURN_WORK = 500_000;
/** A round of the event loop accepts one connection. After a turn, there is one for each millisecond that it took. */
const ROUND_MS = 1;

export type TakeTurn = ReturnType<typeof createTurns>;

/** Creates the queue of all work of one server. */
export function createTurns() {
  const waiting: { readonly work: number; readonly signal: AbortSignal | undefined; readonly start: () => void }[] = [];
  let isIdle = true;

  async function runTurns(): Promise<void> {
    isIdle = false;
    while (waiting.length > 0) {
      await setImmediate();
      const startedAt = performance.now();
      let work = 0;
      for (let [next] = waiting; next && (work === 0 || work + next.work <= TURN_WORK); [next] = waiting) {
        waiting.shift();
        if (!next.signal?.aborted) work += next.work;
        next.start();
      }
      await setImmediate();
      for (let ms = performance.now() - startedAt; ms > ROUND_MS; ms -= ROUND_MS) await setImmediate();
    }
    isIdle = true;
  }

  /** Resolves when this work may start: first in, first out. Work whose `signal` has aborted takes no time. */
  return function takeTurn(work: number, signal?: AbortSignal): Promise<void> {
    const turn = Promise.withResolvers<void>();
    waiting.push({ work, signal, start: turn.resolve });
    if (isIdle) void runTurns();
    return turn.promise;
  };
}
