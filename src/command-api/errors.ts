/**
 * The failures of a command: could not talk, talked nonsense, said no. An error keeps nothing of the upstream's text
 * except a short code, so that it cannot leak tokens or addresses.
 */

/** The known outcome of a failed write; see the public schema. */
export type WriteOutcome = 'NOT_SENT' | 'REJECTED' | 'UNKNOWN';

/**
 * Could not talk: not reached, cut off, timed out or overloaded (`timeout`, `unavailable`), or the caller disconnected
 * first (`cancelled`). Said no: to the token, the caller or the command (`unauthenticated`, `forbidden`, `rejected`).
 * Talked nonsense: an unexpected reply (`invalid`). Our fault: no sockets left, or an error in our code (`internal`).
 */
export type Reason = 'timeout' | 'unavailable' | 'cancelled' | (typeof REJECTIONS)[number] | 'invalid' | 'internal';
const REJECTIONS = ['unauthenticated', 'forbidden', 'rejected'] as const;

/** What a command says about the command API. The circuit breaker counts `down` and ignores `unknown`. */
export type Health = 'up' | 'down' | 'unknown';

/** Statuses of failures that may pass. Only 429 does not mean that the command API is down. */
export const TRANSIENT_STATUSES: readonly number[] = [429, 502, 503, 504];

/** The vendor's names for the members of a ticket. */
const MEMBERS = [
  'maintenance_id',
  'start_time',
  'finish_time',
  'created_time',
  'description',
  'contact',
  'feedback',
  'maintenance_picture_url',
  'state',
] as const;
export type Member = (typeof MEMBERS)[number];

/**
 * The flaws of a reply: its envelope or status, its result, a missing result, its size, bytes that are not HTTP or not
 * decodable, or a member of a ticket.
 */
export const FLAWS = ['envelope', 'result', 'empty', 'size', 'bytes', ...MEMBERS] as const;
export type Flaw = (typeof FLAWS)[number];

/** Returns a flaw for logs and metrics. A ticket without a usable id has the kind `ticket`. */
export function describeFlaw(flaw: Flaw): { kind: string; member?: string } {
  if (!MEMBERS.some((member) => member === flaw)) return { kind: flaw };
  return { kind: flaw === 'maintenance_id' ? 'ticket' : 'member', member: flaw };
}

interface Details {
  /** An error code of Node or our own short text, never text from the upstream. For the log, and to decide on a retry. */
  readonly detail: string;
  /** By default `up`: the command API answered. */
  readonly health?: Health;
  /** The status and `Retry-After` of a reply that says that the command failed. */
  readonly status?: number;
  readonly retryAfter?: string | undefined;
  readonly upstreamCode?: string | undefined;
  /** For the reason `invalid`. `empty` means success without a result or with an empty result. */
  readonly flaw?: Flaw;
  /** For the flaw `size`: the maximum number of bytes. */
  readonly limit?: number;
  /** False only if the command certainly never left this process. */
  readonly sent?: boolean;
  /** Whether a kept connection failed before the head of a reply: the upstream had probably closed it. */
  readonly isStale?: boolean;
}

/** Any failure of a command. */
export class CommandApiError extends Error {
  readonly reason: Reason;
  readonly details: Details;
  /** The failed command. Not its whole record, which refers to this error. */
  command?: { readonly name: string; readonly id: string };

  constructor(reason: Reason, details: Details) {
    super(details.detail);
    this.name = reason;
    this.reason = reason;
    this.details = details;
  }

  get health(): Health {
    return this.details.health ?? 'up';
  }

  /** The outcome of a failed write. Meaningless for a read. */
  get outcome(): WriteOutcome {
    if (this.details.sent === false) return 'NOT_SENT';
    return REJECTIONS.some((reason) => reason === this.reason) ? 'REJECTED' : 'UNKNOWN';
  }
}

/** Returns the failure of a command that its signal ended: the operation timed out or its caller disconnected. */
export function ended({ reason }: AbortSignal, sent = false): CommandApiError {
  const isTimeout = reason?.name === 'TimeoutError';
  const detail = isTimeout ? 'out of time' : 'caller disconnected';
  return new CommandApiError(isTimeout ? 'timeout' : 'cancelled', { detail, sent, health: 'unknown' });
}

/** Returns the failure of a command that limit, breaker or memory refuses, or of a read whose reply has no room. */
export function unavailable(detail: string): CommandApiError {
  return new CommandApiError('unavailable', { detail, sent: false, health: 'unknown' });
}
