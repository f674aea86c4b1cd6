/** Requests over keep-alive connections, without retries. */
import http, { type Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

export type Reply = Readonly<{ status: number; headers: http.IncomingHttpHeaders; text: string }>;

export interface Sending {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
  /** Milliseconds until the last byte of the body is sent. The body is chunked then. */
  readonly bodyMs?: number | undefined;
  readonly onSent?: () => void;
  /** Milliseconds from the head of the reply until its body is read. */
  readonly readMs?: number | undefined;
  /** Bytes of the reply to keep, all by default. The rest is read and dropped. */
  readonly kept?: number;
  readonly signal?: AbortSignal;
}

/** Sends a request, without an agent over a new connection. Rejects with the error of the socket or the signal. */
export function request(agent: Agent | false, url: string, sending: Sending = {}): Promise<Reply> {
  const { headers = {}, body, bodyMs, onSent, readMs = 0, kept = Number.POSITIVE_INFINITY, signal } = sending;
  const read = async (response: http.IncomingMessage): Promise<Reply> => {
    if (readMs > 0) await delay(readMs);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response) {
      if (bytes < kept) chunks.push(chunk);
      bytes += chunk.length;
    }
    return { status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() };
  };
  return new Promise((resolve, reject) => {
    const options = { agent, method: body === undefined ? 'GET' : 'POST', headers, ...(signal && { signal }) };
    const sent = http.request(url, options, (response) => void read(response).then(resolve, reject));
    sent.on('error', reject).on('finish', () => onSent?.());
    if (body === undefined || bodyMs === undefined) return sent.end(body);
    sent.write(body.slice(0, -1));
    setTimeout(() => sent.end(body.slice(-1)), bodyMs);
  });
}

type Pace = { workers: number; everyMs?: number };

/** Calls `ask` from parallel workers while `work` runs. Returns the result of `work`, and of each call, or its error as a text. */
export async function loadWhile<T, O>(work: () => Promise<T>, ask: () => Promise<O>, pace: Pace) {
  const outcomes: (O | string)[] = [];
  let isOver = false;
  const asking = load(async () => void outcomes.push(await ask().catch(String)), { ...pace, isOver: () => isOver });
  try {
    return { result: await work(), outcomes };
  } finally {
    isOver = true;
    await asking;
  }
}

/** Calls `ask` from parallel workers until `isOver`. Each worker calls at most once every `everyMs`. */
export async function load(
  ask: () => Promise<void>,
  { workers, everyMs = 0, isOver }: Pace & { isOver: () => boolean },
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
