import { setTimeout as delay } from 'node:timers/promises';

/** Resolves once the condition holds; a test in which it never does runs out of time. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(5);
}

/** Waits until everything that was sent to a server before has been taken up by it. */
export async function settle(origin: string): Promise<void> {
  for (let time = 0; time < 3; time++) await fetch(`${origin}/health/live`);
}
