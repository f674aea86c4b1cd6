/**
 * How a command can fail: it could not talk, it was answered nonsense, or the answer was no. Nothing of what upstream
 * wrote is kept but a short code, so that no failure can carry its text, its addresses or a token anywhere.
 */

/** What is known of a write that failed; see the public schema. */
export type WriteOutcome = 'NOT_SENT' | 'REJECTED' | 'UNKNOWN';

/**
 * Could not talk: not reached, cut off, out of time, or reached something that could not serve the command (`timeout`,
 * `unavailable`), or its caller left first (`gone`). Said no: to the token, to this caller, or to the command
 * (`unauthenticated`, `forbidden`, `rejected`). Talked nonsense: an answer that is not what the command promises (`invalid`).
 * Our own fault: this process has no socket left (`internal`).
 */
export type Reason = 'timeout' | 'unavailable' | 'gone' | Refusal | 'invalid' | 'internal';
type Refusal = 'unauthenticated' | 'forbidden' | 'rejected';

/** The vendor's names of the members of a ticket. */
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
 * What of a reply is not as promised: its form or status as a whole, its result, that there is none, its size, bytes that are
 * no HTTP or no encoding, or a member of a ticket.
 */
export const FLAWS = ['envelope', 'result', 'empty', 'size', 'bytes', ...MEMBERS] as const;
export type Flaw = (typeof FLAWS)[number];

/** Returns a flaw as the log and metrics have it. A ticket without a usable id is dropped: its kind is `ticket`. */
export function describeFlaw(flaw: Flaw): { kind: string; member?: string } {
  if (!MEMBERS.some((member) => member === flaw)) return { kind: flaw };
  return { kind: flaw === 'maintenance_id' ? 'ticket' : 'member', member: flaw };
}

interface Details {
  /** For the log: a short text of ours or an error code of Node's, never upstream's words. */
  readonly detail: string;
  readonly upstreamCode?: string | undefined;
  /** Where the reason is `invalid`; `empty` is a success without a result, or with an empty one. */
  readonly flaw?: Flaw;
  /** Where the flaw is `size`: how many bytes a reply may have. */
  readonly limit?: number;
  /** False only where the command certainly never left this process. */
  readonly sent?: boolean;
  /** Given up by us, which says nothing of the command API. */
  readonly gaveUp?: boolean;
}

/** Any failure of a command. */
export class CommandApiError extends Error {
  readonly reason: Reason;
  readonly details: Details;
  /** Which command failed. No more of its record, which holds this very error. */
  command?: { readonly name: string; readonly id: string; readonly write: boolean };

  constructor(reason: Reason, details: Details) {
    super(details.detail);
    this.name = reason;
    this.reason = reason;
    this.details = details;
  }

  get isUnreachable(): boolean {
    return ['timeout', 'unavailable', 'gone'].includes(this.reason);
  }

  /** Means something where the command is a write. */
  get outcome(): WriteOutcome {
    if (this.details.sent === false) return 'NOT_SENT';
    return ['unauthenticated', 'forbidden', 'rejected'].includes(this.reason) ? 'REJECTED' : 'UNKNOWN';
  }
}

/** The failure of a command that we gave up, since its operation is out of time or its caller has gone. */
export function abandoned({ reason }: AbortSignal, sent: boolean): CommandApiError {
  const isOut = reason?.name === 'TimeoutError';
  const detail = isOut ? 'out of time' : 'the caller has gone';
  return new CommandApiError(isOut ? 'timeout' : 'gone', { detail, sent, gaveUp: true });
}

/** The failure of a command, or of its reply, for which this process has no room. */
export function refused(detail: string, sent = false): CommandApiError {
  return new CommandApiError('unavailable', { detail, sent, gaveUp: true });
}
