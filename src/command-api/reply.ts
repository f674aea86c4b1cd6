/**
 * The reply of an attempt: inflates it, and says which result or which failure it means. docs/command-api.md is the
 * contract.
 */
import { gunzipSync } from 'node:zlib';
import type { ReplyBytes } from '../resources/memory.ts';
import { isObject, type Json } from './decoding.ts';
import { CommandApiError, type Details, type FailureKind, NO_MEMORY, noRoom } from './failures.ts';

/** What arrived of an HTTP response. */
export interface Reply {
  /** 0 without a head. */
  readonly status: number;
  /** Empty if there is a failure. */
  readonly body: Buffer;
  readonly retryAfter?: string | undefined;
  /** Whether it came on a kept connection. */
  readonly isReused?: boolean;
  /** Whether the body is still gzip. */
  readonly isGzip?: boolean;
  /** Why there is no whole body that can be used. The status may tell more. */
  readonly failure?: CommandApiError | undefined;
}

const UTF8 = new TextDecoder();

/** got's code for an error without one of Node: probably a bug. */
export const NO_CODE = 'ERR_GOT_REQUEST_ERROR';

/** The failures by which we end an attempt ourselves. All others are of the connection (`unreachable`) or of the body. */
const OUR_ENDS: ReadonlySet<FailureKind> = new Set(['no_room', 'internal', 'timeout', 'cancelled']);

/**
 * What a code of Node, got or gzip means; it follows `proxy ` if the proxy is to blame. The first row that fits decides.
 */
const CODES: readonly (readonly [RegExp, FailureKind, Partial<Details>?])[] = [
  // No sockets, files, ports or buffers are left, or a bug.
  [/^(proxy )?(EMFILE|ENFILE|ENOBUFS|ENOMEM|EADDRNOTAVAIL|ERR_GOT_REQUEST_ERROR)$/, 'internal'],
  // What may pass: no connection or name, a broken connection, half a body, a proxy that opens no tunnel.
  [/^(proxy )?(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/, 'unreachable'],
  [/^(proxy )?(ECONNRESET|EPIPE|ERR_HTTP_CONTENT_LENGTH_MISMATCH|Z_BUF_ERROR|50[234])$/, 'unreachable'],
  // No HTTP, or no gzip. The part that arrived shows that the command was sent.
  [/^(HPE_|Z_)/, 'invalid', { flaw: 'bytes', isSent: true }],
  [/^/, 'unreachable', { retry: 'never' }],
];

/**
 * Returns the failure of an attempt with this code, which is `details.detail`. `isStale` says that a kept connection broke
 * before a reply: after an idle time, all of them may be closed.
 */
export function failureByCode({ cause, ...details }: Details, isStale = false): CommandApiError {
  const [, kind, further] = CODES.find(([codes]) => codes.test(details.detail)) as (typeof CODES)[number];
  return new CommandApiError(kind, {
    ...details,
    ...(isStale && kind === 'unreachable' && { retry: 'at once' }),
    ...(kind === 'internal' && { cause }),
    ...further,
  });
}

/** Returns the failure of a reply that is larger than we take, as it arrives or inflated. */
export function tooLarge(maxReplyBytes: number): CommandApiError {
  const publicMessage = `The command API sent a reply larger than ${maxReplyBytes.toLocaleString('en')} bytes.`;
  return new CommandApiError('invalid', { detail: 'reply too large', flaw: 'size', publicMessage });
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
  const failed = (failure: CommandApiError) => ({ ...reply, body: Buffer.alloc(0), failure });
  try {
    const body = gunzipSync(reply.body, { maxOutputLength: maxReplyBytes });
    const hasRoom = bytes.tryReserve(Math.max(0, body.length - reply.body.length));
    return hasRoom ? { ...reply, body } : failed(noRoom(NO_MEMORY));
  } catch (cause) {
    const { code = NO_CODE } = cause as NodeJS.ErrnoException;
    return failed(code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(maxReplyBytes) : failureByCode({ detail: code, cause }));
  }
}

/**
 * Returns the `result` of a whole reply that tells a success. Throws the failure of any other. The first line that fits
 * decides: a status before the body, because a gateway or a Dapr sidecar may have written that.
 */
export function resultOf({ status, retryAfter, isReused, body: bytes, failure }: Reply): unknown {
  const body = failure ? undefined : parseObject(UTF8.decode(bytes));
  if (status >= 200 && status < 300 && body?.success === true) return body.result;
  const details = { detail: `status ${status}`, retryAfter, upstreamCode: findCode(body) };
  if (status === 401) throw new CommandApiError('unauthenticated', details);
  if (status === 403) throw new CommandApiError('forbidden', details);
  // We ended the attempt, so its status says nothing more.
  if (failure && OUR_ENDS.has(failure.kind)) throw failure;
  // Sent by a proxy when an idle connection has taken its time, so the connection is stale.
  if (status === 408 && isReused) throw new CommandApiError('unreachable', { ...details, retry: 'at once' });
  if (status === 429) throw new CommandApiError('throttled', details);
  if (status >= 502 && status <= 504) throw new CommandApiError('unavailable', details);
  // A single command may cause it, unless the connection broke too.
  const health = failure?.kind === 'unreachable' && ({ health: 'down' } as const);
  if (status >= 500 && status <= 599) throw new CommandApiError('failed', { ...details, ...health });
  if (failure) throw failure;
  if (body?.success === false) throw new CommandApiError('rejected', details);
  throw new CommandApiError('invalid', { ...details, flaw: 'envelope' });
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
