/**
 * Requests over keep-alive connections, without retries.
 */
import http, { type Agent } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

export type Reply = Readonly<{ status: number; headers: http.IncomingHttpHeaders; text: string }>;

/** Sends a request. Rejects with the error of the socket. */
export function request(
  agent: Agent,
  url: string,
  { headers = {}, body }: { headers?: Readonly<Record<string, string>>; body?: string | undefined } = {},
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const sent = http.request(url, { agent, method, headers: { ...headers, ...length } }, (response) => {
      const reply = (body: string) => ({ status: response.statusCode ?? 0, headers: response.headers, text: body });
      text(response).then(reply).then(resolve, reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** Calls `ask` from parallel workers until `isOver`. Each worker calls at most once every `everyMs`. */
export async function load(
  ask: () => Promise<void>,
  { workers, everyMs = 0, isOver }: { workers: number; everyMs?: number; isOver: () => boolean },
): Promise<void> {
  const work = async () => {
    while (!isOver()) {
      const next = performance.now() + everyMs;
      await ask();
      const early = next - performance.now();
      if (early > 0) await delay(early);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
}
