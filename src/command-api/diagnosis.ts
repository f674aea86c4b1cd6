/**
 * Judges what an attempt brought: the result of a reply, or the failure that it means. docs/command-api.md is the contract.
 */
import { type Break, type BreakName, detailOf, NO_MEMORY, nameOf } from './breaks.ts';
import { isObject, type Json } from './decoding.ts';
import { CommandApiError, type Details, endedBy, type FailureKind, noRoom } from './failures.ts';

/** What arrived of an HTTP response. */
export interface Reply {
  /** 0 without a head. */
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** Inflated. Empty if it did not arrive whole. */
  readonly body: Uint8Array;
  readonly broken: Break | undefined;
}

const UTF8 = new TextDecoder();
const TOO_LARGE = 'The command API sent a reply larger than MAX_REPLY_BYTES, or 128 KB to a write.';

/** What a break means by itself. */
const MEANINGS: Readonly<Record<Exclude<BreakName, 'ended' | 'no memory'>, readonly [FailureKind, Partial<Details>?]>> =
  {
    // The reply may have arrived, so the command API may be well.
    late: ['timeout', { health: 'unknown' }],
    timeout: ['timeout'],
    internal: ['internal'],
    // What arrived shows that the command was sent.
    'too large': ['invalid', { flaw: 'size', isSent: true, publicMessage: TOO_LARGE }],
    unreadable: ['invalid', { flaw: 'bytes', isSent: true }],
    // Spends no budget of retries.
    stale: ['unreachable', { retry: 'at once' }],
    transient: ['unreachable'],
    other: ['unreachable', { retry: 'never' }],
  };
/** Our own end, time or fault: a status of 429 or 5xx tells nothing more. */
const OURS: readonly (BreakName | undefined)[] = ['ended', 'no memory', 'late', 'timeout', 'internal'];
/** We did not want the rest of the body, or could not read it. */
const UNUSABLE: readonly (BreakName | undefined)[] = ['too large', 'unreadable'];

/** Returns the `result` of a whole reply that tells a success. Throws the failure of any other. */
export function resultOf({ status, retryAfter, body: bytes, broken }: Reply): unknown {
  const body = broken ? undefined : parseObject(UTF8.decode(bytes));
  if (status >= 200 && status < 300 && body?.success === true) return body.result;
  const name = broken && nameOf(broken);
  const kind = judgeStatus(status, name);
  if (broken && !kind) throw failureOf(broken);
  const details = { detail: `status ${status}`, retryAfter, upstreamCode: findCode(body) };
  // A single command may cause a 500, but not that its body is cut off.
  const isOutage = kind === 'failed' && broken && !UNUSABLE.includes(name);
  if (kind) throw new CommandApiError(kind, isOutage ? { ...details, health: 'down' } : details);
  if (body?.success === false) throw new CommandApiError('rejected', details);
  throw new CommandApiError('invalid', { ...details, flaw: 'envelope' });
}

/**
 * Returns what a status means, or undefined if the break or the body decides. The first line that fits decides, whatever the body
 * says: a gateway or a Dapr sidecar may have written it.
 */
function judgeStatus(status: number, broken: BreakName | undefined): FailureKind | undefined {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'forbidden';
  if (OURS.includes(broken)) return undefined;
  if (status === 429) return 'throttled';
  if (status >= 502 && status <= 504) return 'unavailable';
  return status >= 500 && status <= 599 ? 'failed' : undefined;
}

function failureOf(broken: Break): CommandApiError {
  const { cause, isSent } = broken;
  const name = nameOf(broken);
  if (name === 'ended') return endedBy(broken.ended, isSent);
  if (name === 'no memory') return noRoom(NO_MEMORY);
  const [kind, further] = MEANINGS[name];
  return new CommandApiError(kind, {
    detail: detailOf(broken),
    isSent,
    ...further,
    ...(name === 'internal' && { cause }),
  });
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
