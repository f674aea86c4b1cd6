/**
 * The failures of a command: could not talk, said no, talked nonsense, or was not asked, because there was no room, no
 * time or a bug. `FAILURES` is the table of all of them. A failure keeps nothing of the command API's text except a
 * short code and `Retry-After`, so that it cannot leak tokens or addresses.
 */
import { OperationEnded } from '../resources/lifetime.ts';

/** The known outcome of a failed write; see the public schema. */
export type WriteOutcome = 'NOT_SENT' | 'REJECTED' | 'UNKNOWN';
/** The outcome of a write of which no byte has left this process. */
export const NOT_SENT = 'NOT_SENT' satisfies WriteOutcome;

export type FailureHealth = 'up' | 'down' | 'unknown';

/** What follows from a failure. */
interface Consequences {
  /** The outcome of a write that may have left this process. Before that, it is `NOT_SENT`. */
  readonly outcome: WriteOutcome;
  /** Whether the command may be sent again later, if a retry is left. */
  readonly retry: 'never' | 'later';
  /** What the failure says about the command API. */
  readonly health: FailureHealth;
}

/** Each failure, by its kind. */
export const FAILURES = {
  /** Status 401. */
  unauthenticated: { outcome: 'REJECTED', retry: 'never', health: 'up' },
  /** Status 403. */
  forbidden: { outcome: 'REJECTED', retry: 'never', health: 'up' },
  /** `success: false`. */
  rejected: { outcome: 'REJECTED', retry: 'never', health: 'up' },
  /** Status 429, which shows that the command API works. */
  throttled: { outcome: 'UNKNOWN', retry: 'later', health: 'up' },
  /** Status 502, 503 or 504. */
  unavailable: { outcome: 'UNKNOWN', retry: 'later', health: 'down' },
  /** Another 5xx, which a single command may cause. */
  failed: { outcome: 'UNKNOWN', retry: 'never', health: 'up' },
  /** No connection, or a broken one. */
  unreachable: { outcome: 'UNKNOWN', retry: 'later', health: 'down' },
  /** No reply in time. Not retried: the next attempt would probably take as long. */
  timeout: { outcome: 'UNKNOWN', retry: 'never', health: 'down' },
  /** A reply that breaks the contract: see its flaw. */
  invalid: { outcome: 'UNKNOWN', retry: 'never', health: 'up' },
  /** A reply that is larger than we take, as it arrives or inflated. */
  too_large: { outcome: 'UNKNOWN', retry: 'never', health: 'up' },
  /** This process has no memory for the reply to a read. */
  no_room_for_reply: { outcome: 'UNKNOWN', retry: 'never', health: 'unknown' },
  /** This process has no memory for the command, or its queue for a slot is full. */
  no_room_for_command: { outcome: 'NOT_SENT', retry: 'never', health: 'unknown' },
  breaker_open: { outcome: 'NOT_SENT', retry: 'never', health: 'unknown' },
  /** The operation may send no further command of its kind. */
  too_many: { outcome: 'NOT_SENT', retry: 'never', health: 'unknown' },
  /** The operation has no time left. */
  expired: { outcome: 'UNKNOWN', retry: 'never', health: 'unknown' },
  /** The caller has left. */
  cancelled: { outcome: 'UNKNOWN', retry: 'never', health: 'unknown' },
  /** Of this process: no sockets are left, or a bug. Nobody knows what a bug has sent. */
  internal: { outcome: 'UNKNOWN', retry: 'never', health: 'unknown' },
} as const satisfies Record<string, Consequences>;
export type FailureKind = keyof typeof FAILURES;

/** How a reply breaks the contract: no result, no envelope, another form of result, too large, not HTTP or gzip. */
export const REPLY_FLAWS = ['empty', 'envelope', 'result', 'size', 'bytes'] as const;
type ReplyFlaw = (typeof REPLY_FLAWS)[number];

/** A part of a reply that breaks the contract, as logs and metrics have it. A `member` has the vendor's name. */
export interface Flaw {
  readonly kind: string;
  readonly member?: string;
}

/** What is known of a failure. A few tell other consequences than their kind. */
export interface Details extends Partial<Pick<Consequences, 'retry' | 'health'>> {
  /** An error code of Node or our own short text, never text of the command API. Only for the log. */
  readonly detail: string;
  /** The status that tells the failure, if one does. */
  readonly status?: number | undefined;
  /** False only if no byte of the command can have left this process. */
  readonly isSent?: boolean;
  readonly flaw?: ReplyFlaw | undefined;
  /** The header `Retry-After` and the short code of a reply. */
  readonly retryAfter?: string | undefined;
  readonly upstreamCode?: string | undefined;
  /** Of an internal failure: the error of Node or of our own code, never got's, which has the token and the body. */
  readonly cause?: unknown;
}

/** Why a command has no result. */
export class CommandFailure extends Error implements Consequences {
  readonly kind: FailureKind;
  readonly detail: string;
  readonly outcome: WriteOutcome;
  readonly retry: Consequences['retry'];
  readonly health: FailureHealth;
  readonly flaw: ReplyFlaw | undefined;
  readonly status: number | undefined;
  readonly retryAfter: string | undefined;
  readonly upstreamCode: string | undefined;
  /** The command that failed, for its caller. The client sets it. */
  command?: { readonly name: string; readonly id: string };

  constructor(kind: FailureKind, { detail, cause, isSent, ...details }: Details) {
    super(detail, { cause });
    const { outcome, retry, health } = FAILURES[kind];
    this.kind = kind;
    this.detail = detail;
    this.outcome = isSent === false ? NOT_SENT : outcome;
    this.retry = details.retry ?? retry;
    this.health = details.health ?? health;
    this.flaw = details.flaw;
    this.status = details.status;
    this.retryAfter = details.retryAfter;
    this.upstreamCode = details.upstreamCode;
  }
}

/** Returns the failure of a reply that breaks the contract. */
export function invalid(flaw: ReplyFlaw, detail: string): CommandFailure {
  return new CommandFailure('invalid', { detail, flaw });
}

/** Returns the failure of a reply that is larger than we take. */
export function tooLarge(): CommandFailure {
  return new CommandFailure('too_large', { detail: 'reply too large', flaw: 'size' });
}

/**
 * Returns the failure that an error means for a command: the failure itself, the end of the operation, which only a
 * command without a byte on its way gets as an error, or a bug, of which nobody knows what it has sent.
 */
export function failureOf(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof OperationEnded) return endedBy(error, false);
  return new CommandFailure('internal', { detail: 'unforeseen error', cause: error });
}

/** Returns the failure of a command whose operation has ended. */
export function endedBy({ reason, message: detail }: OperationEnded, isSent: boolean): CommandFailure {
  // An operation is answered after all its commands, so one that is not over by then is a bug.
  return new CommandFailure(reason === 'answered' ? 'internal' : reason, { detail, isSent });
}
