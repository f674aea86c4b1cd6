/**
 * One request of a hostile caller on a separate connection. Answers may be large: keep only the beginning, so that this
 * process stays quick enough to measure the replica.
 */
import http from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { HEADERS } from '../support/replica.ts';
import type { ReplyName } from './vendor.ts';

export interface Call {
  readonly body: string | Buffer;
  /** What the vendor replies to the commands of this request. */
  readonly reply: ReplyName;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds until the last byte of the body is sent. */
  readonly bodyMs?: number | undefined;
  /** Milliseconds until the caller begins to read the answer. */
  readonly readMs?: number | undefined;
  /** Milliseconds after the last byte of the body until the caller leaves. */
  readonly leaveMs?: number | undefined;
}

const KEPT = 100_000;

/** Returns `data`, the code of the first error, a status without a code, or `no answer` and why. */
export function call(url: string, name: string | number, sending: Call, signal: AbortSignal): Promise<string> {
  const { reply, body, headers, bodyMs, readMs = 0, leaveMs } = sending;
  return new Promise((resolve) => {
    const authorization = `Bearer ${reply}.${name}`;
    const options = { agent: false, method: 'POST', signal, headers: { ...HEADERS, authorization, ...headers } };
    const fail = (why: string | undefined) => resolve(`no answer: ${signal.aborted ? 'time is over' : why}`);
    const sent = http.request(`${url}/graphql`, options, async (response) => {
      response.on('error', ({ code }: NodeJS.ErrnoException) => fail(code));
      response.on('close', () => fail('cut off'));
      await delay(readMs);
      let start = '';
      response.on('data', (chunk: Buffer) => {
        if (start.length < KEPT) start += chunk;
      });
      response.on('end', () => {
        const code = /"code":"(\w+)"/.exec(start)?.[1];
        resolve(code ?? (response.statusCode === 200 ? 'data' : `${response.statusCode}`));
      });
    });
    sent.on('error', ({ code }: NodeJS.ErrnoException) => fail(code));
    const leave = () => {
      resolve('left');
      sent.destroy();
    };
    if (leaveMs !== undefined) sent.on('finish', () => setTimeout(leave, leaveMs));
    if (bodyMs === undefined) return void sent.end(body);
    sent.write(body.slice(0, -1));
    setTimeout(() => sent.end(body.slice(-1)), bodyMs);
  });
}
