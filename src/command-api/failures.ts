/**
 * The failures of a command: could not talk, said no, talked nonsense, or was not asked, because there was no room, no
 * time or a bug. `FAILURES` is the table of all of them. A failure keeps nothing of the command API's text except a
 * short code and `Retry-After`, so that it cannot leak tokens or addresses.
 */
import { OperationEnded } from '../resources/lifetime.ts';

/** The known outcome of a failed write; see the public schema. */
export type WriteOutcome = 'NOT_SENT' | 'REJECTED' | 'UNKNOWN';
/** The outcome of a write that is refused before its command begins. */
export const NOT_SENT = 'NOT_SENT' satisfies WriteOutcome;

/** The codes of failed commands. Callers get all but `CALLER_GONE`, which only logs and metrics have. */
export type FailureCode =
  | ('UNAUTHENTICATED' | 'FORBIDDEN' | 'COMMAND_REJECTED' | 'BAD_USER_INPUT' | 'CALLER_GONE')
  | ('UPSTREAM_TIMEOUT' | 'UPSTREAM_UNAVAILABLE' | 'UPSTREAM_INVALID_RESPONSE' | 'INTERNAL_SERVER_ERROR');

export type FailureHealth = 'up' | 'down' | 'unknown';

/** What follows from a failure. */
interface Consequences {
  readonly code: FailureCode;
  /** The outcome of a write that may have left this process. Before that, it is `NOT_SENT`. */
  readonly outcome: WriteOutcome;
  /** When the command may be sent again, if a retry is left. */
  readonly retry: 'never' | 'later' | 'at once';
  /** What the failure says about the command API. */
  readonly health: FailureHealth;
}

/** Each failure, by its kind. */
export const FAILURES = {
  /** Status 401. */
  unauthenticated: { code: 'UNAUTHENTICATED', outcome: 'REJECTED', retry: 'never', health: 'up' },
  /** Status 403. */
  forbidden: { code: 'FORBIDDEN', outcome: 'REJECTED', retry: 'never', health: 'up' },
  /** `success: false`. */
  rejected: { code: 'COMMAND_REJECTED', outcome: 'REJECTED', retry: 'never', health: 'up' },
  /** Status 429, which shows that the command API works. */
  throttled: { code: 'UPSTREAM_UNAVAILABLE', outcome: 'UNKNOWN', retry: 'later', health: 'up' },
  /** Status 502, 503 or 504. */
  unavailable: { code: 'UPSTREAM_UNAVAILABLE', outcome: 'UNKNOWN', retry: 'later', health: 'down' },
  /** Another 5xx, which a single command may cause. */
  failed: { code: 'UPSTREAM_UNAVAILABLE', outcome: 'UNKNOWN', retry: 'never', health: 'up' },
  /** No connection, or a broken one. */
  unreachable: { code: 'UPSTREAM_UNAVAILABLE', outcome: 'UNKNOWN', retry: 'later', health: 'down' },
  /** A kept connection that the command API had closed, as it may when the connection was idle. */
  stale: { code: 'UPSTREAM_UNAVAILABLE', outcome: 'UNKNOWN', retry: 'at once', health: 'unknown' },
  /** No reply in time. Not retried: the next attempt would probably take as long. */
  timeout: { code: 'UPSTREAM_TIMEOUT', outcome: 'UNKNOWN', retry: 'never', health: 'down' },
  /** A reply that breaks the contract: see its flaw. */
  invalid: { code: 'UPSTREAM_INVALID_RESPONSE', outcome: 'UNKNOWN', retry: 'never', health: 'up' },
  /** A reply that is larger than we take, as it arrives or inflated. */
  too_large: { code: 'UPSTREAM_INVALID_RESPONSE', outcome: 'UNKNOWN', retry: 'never', health: 'up' },
  /** This process has no memory for the reply to a read. */
  no_memory: { code: 'UPSTREAM_UNAVAILABLE', outcome: 'UNKNOWN', retry: 'never', health: 'unknown' },
  /** This process has no memory and no place in the queue for the command. */
  no_room: { code: 'UPSTREAM_UNAVAILABLE', outcome: 'NOT_SENT', retry: 'never', health: 'unknown' },
  breaker_open: { code: 'UPSTREAM_UNAVAILABLE', outcome: 'NOT_SENT', retry: 'never', health: 'unknown' },
  /** The operation may send no further command of its kind. */
  too_many: { code: 'BAD_USER_INPUT', outcome: 'NOT_SENT', retry: 'never', health: 'unknown' },
  /** The operation has no time left. */
  expired: { code: 'UPSTREAM_TIMEOUT', outcome: 'UNKNOWN', retry: 'never', health: 'unknown' },
  /** The caller has left, or the operation was answered without the command. */
  cancelled: { code: 'CALLER_GONE', outcome: 'UNKNOWN', retry: 'never', health: 'unknown' },
  /** Of this process: no sockets are left, or a bug. */
  internal: { code: 'INTERNAL_SERVER_ERROR', outcome: 'UNKNOWN', retry: 'never', health: 'unknown' },
} as const satisfies Record<string, Consequences>;
export type FailureKind = keyof typeof FAILURES;
export const FAILURE_CODES: ReadonlySet<FailureCode> = new Set(Object.values(FAILURES).map(({ code }) => code));

/** How a reply breaks the contract: no result, no envelope, another form of result, too large, not HTTP or gzip. */
export const REPLY_FLAWS = ['empty', 'envelope', 'result', 'size', 'bytes'] as const;
type ReplyFlaw = (typeof REPLY_FLAWS)[number];

/** A part of a reply that breaks the contract, as logs and metrics have it. `member` is the vendor's name. */
export interface Flaw {
  readonly kind: string;
  readonly member?: string;
}

/** What is known of a failure. A few tell other consequences than their kind. */
export interface Details extends Partial<Pick<Consequences, 'retry' | 'health'>> {
  /** An error code of Node or our own short text, never text of the command API. Only for the log. */
  readonly detail: string;
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
  readonly code: FailureCode;
  readonly outcome: WriteOutcome;
  readonly retry: Consequences['retry'];
  readonly health: FailureHealth;
  readonly flaw: ReplyFlaw | undefined;
  readonly retryAfter: string | undefined;
  readonly upstreamCode: string | undefined;
  /** The command that failed, for its caller. */
  command?: { readonly name: string; readonly id: string };

  constructor(kind: FailureKind, { detail, cause, isSent, ...details }: Details) {
    super(detail, { cause });
    const { code, outcome, retry, health } = FAILURES[kind];
    this.kind = kind;
    this.code = code;
    this.outcome = isSent === false ? NOT_SENT : outcome;
    this.retry = details.retry ?? retry;
    this.health = details.health ?? health;
    this.flaw = details.flaw;
    this.retryAfter = details.retryAfter;
    this.upstreamCode = details.upstreamCode;
  }

  /** Whether what a read asks for may not exist. */
  get mayNotExist(): boolean {
    return this.kind === 'rejected' || this.flaw === 'empty';
  }
}

/** Returns the failure of a reply that breaks the contract. */
export function invalid(flaw: ReplyFlaw, detail: string): CommandFailure {
  return new CommandFailure('invalid', { detail, flaw });
}

/**
 * Returns why a command failed that threw this error: the failure itself, the end of its operation, or a bug. Commands
 * that have left this process turn the end of their operation into a failure themselves: see transport.ts.
 */
export function failureOf(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof OperationEnded) return endedBy(error, false);
  return new CommandFailure('internal', { detail: 'unforeseen error', cause: error });
}

/** Returns the failure of a command whose operation has ended. */
export function endedBy({ reason, message: detail }: OperationEnded, isSent: boolean): CommandFailure {
  return new CommandFailure(reason === 'expired' ? 'expired' : 'cancelled', { detail, isSent });
}
