/**
 * Load on a server over kept-alive connections, as a router has them, and what became of it.
 */
import { setTimeout as delay } from 'node:timers/promises';

export interface Ask {
  readonly token: string;
  readonly body: string;
}

export interface Load {
  readonly connections: number;
  readonly durationMs: number;
  /** How long each connection pauses after an answer. */
  readonly pauseMs?: number;
  /** The next request; each is another. */
  readonly next: () => Ask;
}

export interface Outcome {
  readonly seconds: number;
  /** Answers with 200 and without errors; all others, by status. */
  readonly good: number;
  readonly bad: Readonly<Record<string, number>>;
  /** Of the good ones, in milliseconds and in order. */
  readonly latencies: readonly number[];
}

export async function load(url: string, { connections, durationMs, pauseMs = 0, next }: Load): Promise<Outcome> {
  // Not before: bench/main.ts reads its arguments first, and then installs this.
  const { Client } = await import('undici');
  const { origin, pathname } = new URL(url);
  const latencies: number[] = [];
  const bad: Record<string, number> = {};
  const start = performance.now();
  const end = start + durationMs;
  const work = async () => {
    const client = new Client(origin, { headersTimeout: 60_000 });
    while (performance.now() < end) {
      const { token, body } = next();
      const sent = performance.now();
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json',
        authorization: `Bearer ${token}`,
      };
      const outcome = await client
        .request({ method: 'POST', path: pathname, headers, body })
        .then(async (answer) => ({ status: answer.statusCode, text: await answer.body.text() }))
        .catch(({ code }) => ({ status: String(code), text: '' }));
      if (outcome.status === 200 && !outcome.text.includes('"errors"')) latencies.push(performance.now() - sent);
      else bad[outcome.status] = (bad[outcome.status] ?? 0) + 1;
      if (pauseMs > 0) await delay(pauseMs);
    }
    await client.close();
  };
  await Promise.all(Array.from({ length: connections }, work));
  const seconds = (performance.now() - start) / 1000;
  return { seconds, good: latencies.length, bad, latencies: latencies.sort((a, b) => a - b) };
}
