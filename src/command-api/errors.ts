/**
 * The failures of a command: could not talk, talked nonsense, said no. An error keeps nothing of the upstream's text
 * except a short code, so that it cannot leak tokens or addresses.
 */

/** The known outcome of a failed write; see the public schema. */
export type WriteOutcome = 'NOT_SENT' | 'REJECTED' | 'UNKNOWN';

/**
 * The kinds of failure:
 * - Could not talk: no connection, or a broken one (`unreachable`); 429 or 5xx (`unavailable`); no reply within the time of
 *   an attempt (`timeout`) or of the operation (`expired`); the caller disconnected first (`cancelled`); the limit, the
 *   breaker or the memory of this process refused the command or a reply (`overloaded`).
 * - Said no: to the token, the caller or the command (`unauthenticated`, `forbidden`, `rejected`).
 * - Talked nonsense: an unexpected reply (`invalid`).
 * - Our fault: no sockets left, or an error in our code (`internal`).
 */
export type FailureKind =
  | ('unreachable' | 'unavailable' | 'timeout' | 'expired' | 'cancelled' | 'overloaded')
  | (typeof REJECTIONS)[number]
  | ('invalid' | 'internal');
const REJECTIONS = ['unauthenticated', 'forbidden', 'rejected'] as const;

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
export type MemberName = (typeof MEMBERS)[number];

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
  /** The status and `Retry-After` of a reply that says that the command failed. */
  readonly status?: number;
  readonly retryAfter?: string | undefined;
  readonly upstreamCode?: string | undefined;
  /** Whether only the head of a 5xx arrived. */
  readonly isCutOff?: boolean | undefined;
  /** For the kind `timeout`: whether it fired late, because the event loop was blocked. */
  readonly isLate?: boolean;
  /** For the kind `invalid`. `empty` means success without a result or with an empty result. */
  readonly flaw?: Flaw;
  /** False only if no byte of a write can have left this process. Undefined after a reply. */
  readonly sent?: boolean | undefined;
  /** Whether a kept connection failed before the head of a reply: the upstream had probably closed it. */
  readonly isStale?: boolean;
}

/** Any failure of a command. */
export class CommandApiError extends Error {
  readonly kind: FailureKind;
  readonly details: Details;
  /** The failed command. Not its whole record, which refers to this error. */
  command?: { readonly name: string; readonly id: string };

  constructor(kind: FailureKind, details: Details) {
    super(details.detail);
    this.name = kind;
    this.kind = kind;
    this.details = details;
  }

  /** The outcome of a failed write. Meaningless for a read. */
  get outcome(): WriteOutcome {
    if (this.details.sent === false) return 'NOT_SENT';
    return REJECTIONS.some((kind) => kind === this.kind) ? 'REJECTED' : 'UNKNOWN';
  }
}

/** Returns the failure of a command that its signal ended: the operation timed out or its caller disconnected. */
export function ended({ reason }: AbortSignal, sent?: boolean): CommandApiError {
  return reason?.name === 'TimeoutError'
    ? new CommandApiError('expired', { detail: 'out of time', sent })
    : new CommandApiError('cancelled', { detail: 'caller disconnected', sent });
}

/** Returns the failure of a command for which this process has no room, or of a read whose reply has none. */
export function overloaded(detail: string, sent = false): CommandApiError {
  return new CommandApiError('overloaded', { detail, sent });
}
