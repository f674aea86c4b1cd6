/**
 * The failures of a command: could not talk, said no, talked nonsense, or was not asked, because there was no room, no
 * time or a bug. `FAILURES` is the table of all of them. An error keeps nothing of the command API's text except a
 * short code and `Retry-After`, so that it cannot leak tokens or addresses.
 */
import { addAbortListener } from 'node:events';
import type { EndReason } from '../resources/scope.ts';

/** The known outcome of a failed write; see the public schema. */
export type WriteOutcome = 'NOT_SENT' | 'REJECTED' | 'UNKNOWN';
/** The outcome of a write that is refused before its command begins. */
export const NOT_SENT = 'NOT_SENT' satisfies WriteOutcome;

/**
 * The codes of failed commands. Callers get all but `CALLER_GONE`. Severity 4 is of this process, 1 to 3 are of the
 * command API or a lack of room or time, 0 is of the caller.
 */
const FACTS_BY_CODE = {
  UNAUTHENTICATED: { severity: 0, publicMessage: 'The command API refused the access token.' },
  FORBIDDEN: { severity: 0, publicMessage: 'The command API does not allow this command to the caller.' },
  COMMAND_REJECTED: { severity: 0, publicMessage: 'The command API refused the command.' },
  BAD_USER_INPUT: { severity: 0, publicMessage: 'The operation needs too many commands.' },
  /** Only in logs and metrics. */
  CALLER_GONE: { severity: 0, publicMessage: 'The caller has disconnected.' },
  UPSTREAM_TIMEOUT: { severity: 1, publicMessage: 'The command API did not answer in time.' },
  UPSTREAM_UNAVAILABLE: { severity: 2, publicMessage: 'The command API could not be reached or could not answer.' },
  UPSTREAM_INVALID_RESPONSE: { severity: 3, publicMessage: 'The command API sent an invalid reply.' },
  INTERNAL_SERVER_ERROR: { severity: 4, publicMessage: 'Internal server error' },
};
export type FailureCode = keyof typeof FACTS_BY_CODE;
export const FAILURE_CODES = Object.keys(FACTS_BY_CODE) as FailureCode[];

/** Returns the severity of a code. Codes of other errors are the caller's. */
export function severityOf(code: string): number {
  return FACTS_BY_CODE[code as FailureCode]?.severity ?? 0;
}

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
  /** What callers read, if it differs from the message of the code. */
  readonly publicMessage?: string;
}

const NO_ROOM = 'The subgraph has no room for this command now.';
const OPEN = 'The command API is failing; the command was not sent.';

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
  /** No reply in time. Not retried: the next attempt would probably take as long. */
  timeout: { code: 'UPSTREAM_TIMEOUT', outcome: 'UNKNOWN', retry: 'never', health: 'down' },
  /** A reply that breaks the contract: see its flaw. */
  invalid: { code: 'UPSTREAM_INVALID_RESPONSE', outcome: 'UNKNOWN', retry: 'never', health: 'up' },
  /** This process has no slot or no memory for the command, or no memory for the reply to a read. */
  no_room: {
    code: 'UPSTREAM_UNAVAILABLE',
    outcome: 'NOT_SENT',
    retry: 'never',
    health: 'unknown',
    publicMessage: NO_ROOM,
  },
  breaker_open: {
    code: 'UPSTREAM_UNAVAILABLE',
    outcome: 'NOT_SENT',
    retry: 'never',
    health: 'unknown',
    publicMessage: OPEN,
  },
  /** The operation may send no further command of its kind. */
  too_many: { code: 'BAD_USER_INPUT', outcome: 'NOT_SENT', retry: 'never', health: 'unknown' },
  /** The caller disconnected first, or the operation was answered without the command. */
  cancelled: { code: 'CALLER_GONE', outcome: 'UNKNOWN', retry: 'never', health: 'unknown' },
  /** Of this process: no sockets are left, or a bug. */
  internal: { code: 'INTERNAL_SERVER_ERROR', outcome: 'UNKNOWN', retry: 'never', health: 'unknown' },
} as const satisfies Record<string, Consequences>;
export type FailureKind = keyof typeof FAILURES;

/** How a reply breaks the contract: no result, no envelope, another form of result, too large, not HTTP or gzip. */
export const REPLY_FLAWS = ['empty', 'envelope', 'result', 'size', 'bytes'] as const;
type ReplyFlaw = (typeof REPLY_FLAWS)[number];

/** A part of a reply that breaks the contract, as logs and metrics have it. `member` is the vendor's name. */
export interface Flaw {
  readonly kind: string;
  readonly member?: string;
}

/** What is known of a failure. Some differ from their row in what follows. */
export interface Details extends Partial<Pick<Consequences, 'retry' | 'health' | 'publicMessage'>> {
  /** An error code of Node or our own short text, never text of the command API. Only for the log. */
  readonly detail: string;
  /** False only if no byte of the command can have left this process. */
  readonly isSent?: boolean;
  readonly flaw?: ReplyFlaw;
  /** Why the operation ended, if its end is the reason of the failure. */
  readonly ended?: EndReason;
  /** The header `Retry-After` and the short code of a reply. */
  readonly retryAfter?: string | undefined;
  readonly upstreamCode?: string | undefined;
  /** Of an internal failure: the error of Node or of our own code, never got's, which has the token and the body. */
  readonly cause?: unknown;
}

/** Any failure of a command. */
export class CommandApiError extends Error {
  readonly kind: FailureKind;
  /** Its row of the table, with what is known of it. */
  readonly failure: Consequences & Details & { readonly publicMessage: string };
  /** The failed command. */
  command?: { readonly name: string; readonly id: string };

  constructor(kind: FailureKind, details: Details) {
    super(details.detail, { cause: details.cause });
    // What spans have as `error.type`.
    this.name = details.flaw ?? kind;
    this.kind = kind;
    this.failure = {
      publicMessage: FACTS_BY_CODE[FAILURES[kind].code].publicMessage,
      ...FAILURES[kind],
      ...details,
    };
  }

  /** The flaw of a reply that could not be used. */
  get flaws(): readonly Flaw[] {
    return this.failure.flaw ? [{ kind: this.failure.flaw }] : [];
  }

  /** Whether what a read asks for may not exist. */
  get mayNotExist(): boolean {
    return this.kind === 'rejected' || this.failure.flaw === 'empty';
  }
}

/** Returns the code of a command's error, and the message for callers. An unforeseen error is internal. */
export function failureOf(error: unknown): { readonly code: FailureCode; readonly publicMessage: string } {
  return error instanceof CommandApiError
    ? error.failure
    : { ...FACTS_BY_CODE.INTERNAL_SERVER_ERROR, ...FAILURES.internal };
}

/** Returns the outcome of a failed write whose command has begun. Only this function decides it. */
export function outcomeOf(error: unknown): WriteOutcome {
  if (!(error instanceof CommandApiError)) return FAILURES.internal.outcome;
  return error.failure.isSent === false ? NOT_SENT : error.failure.outcome;
}

/** Returns the failure of a reply that breaks the contract. */
export function invalid(flaw: ReplyFlaw, detail: string): CommandApiError {
  return new CommandApiError('invalid', { detail, flaw });
}

export const NO_MEMORY = 'no memory for the reply';

/** Returns the failure of a command for which this process has no room. */
export function noRoom(detail: string): CommandApiError {
  return new CommandApiError('no_room', { detail });
}

const FAILURES_BY_END: Readonly<Record<EndReason, readonly [FailureKind, Details]>> = {
  answered: ['cancelled', { detail: 'answered before' }],
  expired: ['timeout', { detail: 'out of time', publicMessage: 'The operation has no time left.', health: 'unknown' }],
  cancelled: ['cancelled', { detail: 'caller disconnected' }],
};

/** Returns the failure of a command, or of a value, for which its operation did not wait. */
export function endedBy(reason: EndReason, isSent = false): CommandApiError {
  const [kind, details] = FAILURES_BY_END[reason];
  return new CommandApiError(kind, { ...details, isSent, ended: reason });
}

/** Throws `endedBy` if the signal of an operation is aborted. */
export function throwIfEnded(signal: AbortSignal): void {
  if (signal.aborted) throw endedBy(signal.reason);
}

/**
 * Settles like `promise`, or throws `endedBy` when the signal of an operation aborts. The error is that of a command
 * which was not sent, because no write waits here after it was sent, and a read has no outcome.
 */
export async function untilEnded<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: result, resolve, reject } = Promise.withResolvers<T>();
  // Not `Promise.race`: a promise that has the same signal would be first.
  promise.then(resolve, reject);
  using _ = addAbortListener(signal, () => reject(endedBy(signal.reason)));
  return await result;
}
