/**
 * The reply to a command: inflates it, and says which result or which failure it means. docs/command-api.md is the
 * contract.
 */
import { gunzipSync } from 'node:zlib';
import { isObject, type Json } from './decoding.ts';
import { CommandFailure, invalid, tooLarge } from './failures.ts';

/** What the head of a reply says. */
interface ReplyHead {
  readonly status: number;
  readonly retryAfter?: string | undefined;
}

/** A whole reply, as it arrived. */
export interface Reply extends ReplyHead {
  readonly body: Buffer;
  /** Whether the body is still gzip. */
  readonly isGzip?: boolean;
}

const UTF8 = new TextDecoder();
/** The size of gzip without any data. */
const EMPTY_GZIP_BYTES = 20;

/** Returns the size of a reply when it is inflated, as gzip says at its end. */
export function inflatedSize({ body, isGzip }: Reply): number {
  return isGzip && body.length >= EMPTY_GZIP_BYTES ? body.readUInt32LE(body.length - 4) : body.length;
}

/** Returns a reply with its body inflated. Takes some 5 ms for 2 MB, so wait in the queue of work before. */
export function inflate(reply: Reply, maxReplyBytes: number): Reply {
  if (!reply.isGzip || reply.body.length === 0) return reply;
  try {
    return { ...reply, body: gunzipSync(reply.body, { maxOutputLength: maxReplyBytes }) };
  } catch (cause) {
    throw failureOfStatus(reply) ?? failureOfGzip(cause as NodeJS.ErrnoException);
  }
}

function failureOfGzip(cause: NodeJS.ErrnoException): CommandFailure {
  const { code: detail = 'no code' } = cause;
  if (detail === 'ERR_BUFFER_TOO_LARGE') return tooLarge();
  // The connection ended within the body.
  if (detail === 'Z_BUF_ERROR') return new CommandFailure('unreachable', { detail });
  return detail.startsWith('Z_') ? invalid('bytes', detail) : new CommandFailure('internal', { detail, cause });
}

/** Returns the `result` of a reply that tells a success. Throws the failure of any other. */
export function resultOf(reply: Reply): unknown {
  const { status } = reply;
  const body = parseObject(UTF8.decode(reply.body));
  if (status >= 200 && status < 300 && body?.success === true) return body.result;
  const upstreamCode = findCode(body);
  const failure = failureOfStatus(reply, upstreamCode);
  if (failure) throw failure;
  const details = { detail: `status ${status}`, upstreamCode };
  if (body?.success === false) throw new CommandFailure('rejected', details);
  throw new CommandFailure('invalid', { ...details, flaw: 'envelope' });
}

/**
 * Returns the failure that a status tells, or undefined if the body has to tell it. A status that tells a failure is
 * believed whatever becomes of the body, because a gateway or a Dapr sidecar may have written that.
 */
export function failureOfStatus({ status, retryAfter }: ReplyHead, upstreamCode?: string): CommandFailure | undefined {
  const details = { detail: `status ${status}`, status, retryAfter, upstreamCode };
  if (status === 401) return new CommandFailure('unauthenticated', details);
  if (status === 403) return new CommandFailure('forbidden', details);
  if (status === 429) return new CommandFailure('throttled', details);
  if (status >= 502 && status <= 504) return new CommandFailure('unavailable', details);
  if (status >= 500 && status <= 599) return new CommandFailure('failed', details);
  return undefined;
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
