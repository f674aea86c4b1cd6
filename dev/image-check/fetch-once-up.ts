import { setTimeout as delay } from 'node:timers/promises';

const TRIES = 150;
const PAUSE_MS = 200;

/** Asks a server that is just starting, until it answers at all. Undefined where it does not within half a minute. */
export async function fetchOnceUp(url: string, init: RequestInit & { signal: AbortSignal }) {
  for (let tries = 0; tries < TRIES; tries++) {
    const response = await fetch(url, init).catch(() => undefined);
    if (response) return response;
    await delay(PAUSE_MS, undefined, { signal: init.signal });
  }
  return undefined;
}
