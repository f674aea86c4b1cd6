/**
 * The reply of an attempt: inflates it, and says which result or which failure it means. docs/command-api.md is the
 * contract.
 */
import { gunzipSync } from 'node:zlib';
import type { ReplyBytes } from '../resources/memory.ts';
import { isObject, type Json } from './decoding.ts';
import { CommandApiError, type Details, type FailureKind, NO_MEMORY } from './failures.ts';

/**
 * Why an attempt has no whole reply that can be used. `by` says who ended it, because that decides what the status is
 * worth. `process`: we did, by an end, a time limit or a lack, so a 429 or 5xx says nothing more. `connection`: it broke,
 * so a 500 means an outage. `reply`: only the body is unusable.
 */
export interface AttemptFailure {
  readonly by: 'process' | 'connection' | 'reply';
  readonly error: CommandApiError;
}

/** What arrived of an HTTP response. */
export interface Reply {
  /** 0 without a head. */
  readonly status: number;
  /** Empty if it did not arrive whole, or cannot be used. */
  readonly body: Buffer;
  readonly retryAfter?: string | undefined;
  /** Whether it came on a kept connection. */
  readonly isReused?: boolean;
  /** Whether the body is still gzip. */
  readonly isGzip?: boolean;
  readonly failure?: AttemptFailure | undefined;
}

const UTF8 = new TextDecoder();

/** got's code for an error without one of Node: probably a bug. */
export const NO_CODE = 'ERR_GOT_REQUEST_ERROR';

/** Returns the error of a reply that we do not take. */
export function unusable(code: 'reply too large' | 'unknown coding' | typeof NO_MEMORY): Error {
  return Object.assign(new Error(), { code });
}

/**
 * What the end of an attempt means, by its code: one of Node, got or gzip, or our own text; after `proxy ` if the proxy is
 * to blame. The first row that fits decides.
 */
const ENDS: readonly (readonly [RegExp, AttemptFailure['by'], FailureKind, Partial<Details>?])[] = [
  [/^no memory for the reply$/, 'process', 'no_room'],
  // No sockets, files, ports or buffers are left, or a bug.
  [/^(proxy )?(EMFILE|ENFILE|ENOBUFS|ENOMEM|EADDRNOTAVAIL|ERR_GOT_REQUEST_ERROR)$/, 'process', 'internal'],
  // The part that arrived shows that the command was sent.
  [
    /^(ERR_BUFFER_TOO_LARGE|reply too large)$/,
    'reply',
    'invalid',
    { detail: 'reply too large', flaw: 'size', isSent: true },
  ],
  // What may pass: no connection or name, a broken connection, half a body, a proxy that opens no tunnel.
  [/^(proxy )?(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/, 'connection', 'unreachable'],
  [/^(proxy )?(ECONNRESET|EPIPE|ERR_HTTP_CONTENT_LENGTH_MISMATCH|Z_BUF_ERROR|50[234])$/, 'connection', 'unreachable'],
  // No HTTP, or no gzip.
  [/^(HPE_|Z_|unknown coding$)/, 'reply', 'invalid', { flaw: 'bytes', isSent: true }],
  [/^/, 'connection', 'unreachable', { retry: 'never' }],
];

/**
 * Returns the failure of an attempt with this end, which is `details.detail`. `isStale` says that a kept connection broke
 * before a reply: after an idle time, all of them may be closed.
 */
export function attemptFailure(details: Details, maxReplyBytes: number, isStale = false): AttemptFailure {
  const { cause, ...known } = details;
  const [, by, kind, further] = ENDS.find(([codes]) => codes.test(details.detail)) as (typeof ENDS)[number];
  const message = `The command API sent a reply larger than ${maxReplyBytes.toLocaleString('en')} bytes.`;
  const error = new CommandApiError(kind, {
    ...(kind === 'internal' ? details : known),
    ...(isStale && kind === 'unreachable' && { retry: 'at once' }),
    ...further,
    ...(further?.flaw === 'size' && { message }),
  });
  return { by, error };
}

/**
 * Returns how long a body says that it will be when it is inflated, in its last four bytes. It is longer if it has several
 * parts, or if the command API lies.
 */
export function inflatedLength({ isGzip, body }: Reply, maxReplyBytes: number): number {
  if (!isGzip || body.length < 4) return body.length;
  return Math.min(maxReplyBytes, Math.max(body.length, body.readUInt32LE(body.length - 4)));
}

/** Returns a reply with its body inflated, if there is room for it. Takes some 5 ms for 2 MB, so call it in a turn. */
export function inflate(reply: Reply, bytes: ReplyBytes, maxReplyBytes: number): Reply {
  if (!reply.isGzip || reply.body.length === 0) return reply;
  try {
    const body = gunzipSync(reply.body, { maxOutputLength: maxReplyBytes });
    if (!bytes.tryReserve(Math.max(0, body.length - reply.body.length))) throw unusable(NO_MEMORY);
    return { ...reply, body };
  } catch (cause) {
    const { code = NO_CODE } = cause as NodeJS.ErrnoException;
    const failure = attemptFailure({ detail: code, cause, isSent: true }, maxReplyBytes);
    return { ...reply, body: Buffer.alloc(0), failure };
  }
}

/** Returns the `result` of a whole reply that tells a success. Throws the failure of any other. */
export function resultOf({ status, retryAfter, isReused, body: bytes, failure }: Reply): unknown {
  const body = failure ? undefined : parseObject(UTF8.decode(bytes));
  if (status >= 200 && status < 300 && body?.success === true) return body.result;
  const kind = judgeStatus(status, failure?.by);
  const details = { detail: `status ${status}`, retryAfter, upstreamCode: findCode(body) };
  // Sent by a proxy when an idle connection has taken its time, so the connection is stale.
  if (status === 408 && isReused && failure?.by !== 'process')
    throw new CommandApiError('unreachable', { ...details, retry: 'at once' });
  if (failure && !kind) throw failure.error;
  if (kind === 'failed' && failure?.by === 'connection')
    throw new CommandApiError(kind, { ...details, health: 'down' });
  if (kind) throw new CommandApiError(kind, details);
  if (body?.success === false) throw new CommandApiError('rejected', details);
  throw new CommandApiError('invalid', { ...details, flaw: 'envelope' });
}

/**
 * Returns what a status means, or undefined if the end of the attempt or the body decides. The first line that fits
 * decides, whatever the body says: a gateway or a Dapr sidecar may have written it.
 */
function judgeStatus(status: number, endedBy: AttemptFailure['by'] | undefined): FailureKind | undefined {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'forbidden';
  if (endedBy === 'process') return undefined;
  if (status === 429) return 'throttled';
  if (status >= 502 && status <= 504) return 'unavailable';
  return status >= 500 && status <= 599 ? 'failed' : undefined;
}

function parseObject(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the error code of a failed reply, in either place that docs/command-api.md has a source for. */
function findCode(body: Json | undefined): string | undefined {
  return [body?.code, body?.errorCode].find(isCode)?.toString();
}

/** No prose, and shorter or with fewer digits than the vendor's ids, tokens and telephone numbers. */
function isCode(value: unknown): value is string | number {
  if (typeof value !== 'string' && !Number.isInteger(value)) return false;
  return /^[\w-]{1,32}$/.test(String(value)) && !/(\d\D*){10}/.test(String(value));
}
