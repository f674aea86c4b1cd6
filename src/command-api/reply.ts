/**
 * The reply of an attempt: inflates it, and says which result or which failure it means. docs/command-api.md is the
 * contract.
 */
import { gunzipSync } from 'node:zlib';
import type { ReplyBytes } from '../resources/memory.ts';
import { isObject, type Json } from './decoding.ts';
import { CommandApiError, invalid, NO_MEMORY, noRoom } from './failures.ts';

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

/** Returns the failure of a reply that is larger than we take, as it arrives or inflated. */
export function tooLarge(maxReplyBytes: number): CommandApiError {
  const publicMessage = `The command API sent a reply larger than ${maxReplyBytes.toLocaleString('en')} bytes.`;
  return new CommandApiError('invalid', { detail: 'reply too large', flaw: 'size', publicMessage });
}

/**
 * Returns how long a body says that it will be when it is inflated, in its last four bytes. It is longer if it has
 * several parts, or if the command API lies.
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
    const { code: detail = 'no code' } = cause as NodeJS.ErrnoException;
    if (detail === 'ERR_BUFFER_TOO_LARGE') return failed(tooLarge(maxReplyBytes));
    // The connection ended within the body.
    if (detail === 'Z_BUF_ERROR') return failed(new CommandApiError('unreachable', { detail }));
    return failed(
      detail.startsWith('Z_') ? invalid('bytes', detail) : new CommandApiError('internal', { detail, cause }),
    );
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
  // We ended the attempt, or lack something, so its status says nothing more.
  if (failure && failure.kind !== 'unreachable' && failure.kind !== 'invalid') throw failure;
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
