import { once } from 'node:events';
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const LIMIT_MS = 150_000;
// Keep the real clock: a test may stop `performance.now`.
const now = performance.now.bind(performance);

/** Resolves when the condition holds. Rejects before jest's time limit. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = now() + LIMIT_MS;
  while (!(await holds())) {
    if (now() > limit) throw new Error(`Not true within ${LIMIT_MS / 1000} s: ${holds}`);
    await delay(20);
  }
}

/** Holds up the event loop of this process, without using the processor. */
export function blockEventLoop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * Waits until a server has accepted everything sent before: by new connections, because a kept one would overtake those that
 * are still connecting.
 */
export async function settle(origin: string): Promise<void> {
  for (let time = 0; time < 3; time++) {
    const [answer] = await once(http.get(`${origin}/health/live`, { agent: false }), 'response');
    await once(answer.resume(), 'end');
  }
}
