import { setTimeout as delay } from 'node:timers/promises';

const LIMIT_MS = 50_000;
// Also where a test has stopped the clock.
const now = performance.now.bind(performance);

/** Resolves once the condition holds. Rejects before a test runs out of time, so that jest can end. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const limit = now() + LIMIT_MS;
  while (!(await holds())) {
    if (now() > limit) throw new Error(`Not true within ${LIMIT_MS / 1000} s: ${holds}`);
    await delay(5);
  }
}

/** Waits until everything that was sent to a server before has been taken up by it. */
export async function settle(origin: string): Promise<void> {
  for (let time = 0; time < 3; time++) await fetch(`${origin}/health/live`);
}
