/**
 * Judges what an attempt brought: the result of a reply, or the failure that it means. docs/command-api.md is the
 * contract.
 */
import { isObject, type Json } from './decoding.ts';
import { CommandApiError, type Details, endedBy, type FailureKind } from './failures.ts';
import { detailOf, type Interruption, type InterruptionName, nameOf } from './interruptions.ts';

/** What arrived of an HTTP response. */
export interface Reply {
  /** 0 without a head. */
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Whether it came on a kept connection. */
  readonly isReused: boolean;
  /** Whether the body is gzip, or was. */
  readonly isGzip: boolean;
  /** Empty if it did not arrive whole, or cannot be used. */
  readonly body: Buffer;
  readonly interruption: Interruption | undefined;
}

const UTF8 = new TextDecoder();

/**
 * Who interrupted an attempt: `us`, by an end, a time limit or a lack, so that a status of 429 or 5xx tells nothing
 * more; the `body`, which we cannot use; or the `connection`, so that a 500 is not the fault of a single command.
 */
type Origin = 'us' | 'body' | 'connection';
/** What an interruption means. `ended` follows from the end of the operation. */
const MEANINGS: Readonly<Record<InterruptionName, readonly [Origin, FailureKind, Partial<Details>?]>> = {
  ended: ['us', 'cancelled'],
  'no memory': ['us', 'no_room'],
  // The reply may have arrived, so the command API may be well.
  late: ['us', 'timeout', { health: 'unknown' }],
  timeout: ['us', 'timeout'],
  internal: ['us', 'internal'],
  // The part that arrived shows that the command was sent.
  'too large': ['body', 'invalid', { flaw: 'size', isSent: true }],
  unreadable: ['body', 'invalid', { flaw: 'bytes', isSent: true }],
  // Spends no retry.
  stale: ['connection', 'unreachable', { retry: 'at once' }],
  transient: ['connection', 'unreachable'],
  other: ['connection', 'unreachable', { retry: 'never' }],
};

/** Returns the `result` of a whole reply that tells a success. Throws the failure of any other. */
export function resultOf({ status, retryAfter, isReused, body: bytes, interruption }: Reply): unknown {
  const body = interruption ? undefined : parseObject(UTF8.decode(bytes));
  if (status >= 200 && status < 300 && body?.success === true) return body.result;
  const [origin] = interruption ? MEANINGS[nameOf(interruption)] : [];
  const kind = judgeStatus(status, origin);
  const details = { detail: `status ${status}`, retryAfter, upstreamCode: findCode(body) };
  // Sent by a proxy when an idle connection has taken its time, so the connection is stale.
  if (status === 408 && isReused && origin !== 'us')
    throw new CommandApiError('unreachable', { ...details, retry: 'at once' });
  if (interruption && !kind) throw failureOf(interruption);
  if (kind === 'failed' && origin === 'connection') throw new CommandApiError(kind, { ...details, health: 'down' });
  if (kind) throw new CommandApiError(kind, details);
  if (body?.success === false) throw new CommandApiError('rejected', details);
  throw new CommandApiError('invalid', { ...details, flaw: 'envelope' });
}

/**
 * Returns what a status means, or undefined if an interruption or the body decides. The first line that fits decides,
 * whatever the body says: a gateway or a Dapr sidecar may have written it.
 */
function judgeStatus(status: number, interruptedBy: Origin | undefined): FailureKind | undefined {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'forbidden';
  if (interruptedBy === 'us') return undefined;
  if (status === 429) return 'throttled';
  if (status >= 502 && status <= 504) return 'unavailable';
  return status >= 500 && status <= 599 ? 'failed' : undefined;
}

function failureOf(interruption: Interruption): CommandApiError {
  const { cause, ended, isSent, maxReplyBytes } = interruption;
  if (ended) return endedBy(ended, isSent);
  const [, kind, further] = MEANINGS[nameOf(interruption)];
  const tooLarge = `The command API sent a reply larger than ${maxReplyBytes.toLocaleString('en')} bytes.`;
  const publicMessage = further?.flaw === 'size' && { publicMessage: tooLarge };
  const details = { detail: detailOf(interruption), isSent, ...publicMessage, ...further };
  return new CommandApiError(kind, kind === 'internal' ? { ...details, cause } : details);
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
