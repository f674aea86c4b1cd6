/**
 * The failures of a command: could not talk, said no, talked nonsense, our fault. An error keeps nothing of the upstream's
 * text except a short code, so that it cannot leak tokens or addresses.
 */

/** The known outcome of a failed write; see the public schema. */
export type WriteOutcome = 'NOT_SENT' | 'REJECTED' | 'UNKNOWN';

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

/** What follows from a failure, whatever its details. */
interface Judgment {
  /** What the failure says about the command API. */
  readonly health: 'up' | 'down' | 'unknown';
  /** When the command may be sent again, if a retry is left. */
  readonly retry: 'never' | 'later' | 'at once';
  /** The outcome of a write whose connection was made. Without a connection, the outcome is `NOT_SENT`. */
  readonly outcome: WriteOutcome;
  /** Whether the repair request that a read asks for may not exist. Its residence's list then decides. */
  readonly mayNotExist?: true;
  /** Whether the reply breaks the contract. The kind is then a flaw of the reply. */
  readonly isFlaw?: true;
  /** Whether a 429 or 5xx decides, if its body did not arrive because of this failure. A 401 or 403 always decides. */
  readonly yieldsToStatus?: true;
}

/** Judges each kind of failure. */
const FAILURES = {
  /** Status 401. */
  unauthenticated: { health: 'up', retry: 'never', outcome: 'REJECTED' },
  /** Status 403. */
  forbidden: { health: 'up', retry: 'never', outcome: 'REJECTED' },
  /** Our fault: no sockets are left, or an error in our code. */
  internal: { health: 'unknown', retry: 'never', outcome: 'UNKNOWN' },
  /** No reply within the time of an attempt. Not retried: the next attempt would probably take as long. */
  timeout: { health: 'down', retry: 'never', outcome: 'UNKNOWN' },
  /** The same, noticed late, because the event loop was blocked. The reply may already have arrived. */
  late_timeout: { health: 'unknown', retry: 'never', outcome: 'UNKNOWN' },
  /** No reply within the time of the operation. */
  expired: { health: 'unknown', retry: 'never', outcome: 'UNKNOWN' },
  /** The caller disconnected first. */
  cancelled: { health: 'unknown', retry: 'never', outcome: 'UNKNOWN' },
  /** This process has no slot or no memory for the command, or no memory for the reply to a read. */
  no_room: { health: 'unknown', retry: 'never', outcome: 'NOT_SENT' },
  /** The circuit breaker is open. */
  breaker_open: { health: 'unknown', retry: 'never', outcome: 'NOT_SENT' },
  /** The operation may send no further command. */
  too_many_reads: { health: 'unknown', retry: 'never', outcome: 'NOT_SENT' },
  too_many_writes: { health: 'unknown', retry: 'never', outcome: 'NOT_SENT' },
  /** Status 429, which shows that the command API works. */
  throttled: { health: 'up', retry: 'later', outcome: 'UNKNOWN' },
  /** Status 502, 503 or 504. */
  unavailable: { health: 'down', retry: 'later', outcome: 'UNKNOWN' },
  /** Another 5xx, which a single command may cause. */
  failed: { health: 'up', retry: 'never', outcome: 'UNKNOWN' },
  /** The same, but its body did not arrive. */
  failed_cut_off: { health: 'down', retry: 'never', outcome: 'UNKNOWN' },
  /** A kept connection broke before a reply. After an idle time, all may be closed, so this costs no retry. */
  stale: { health: 'down', retry: 'at once', outcome: 'UNKNOWN' },
  /** No connection or a broken one, which may pass: refused, no route, unknown name, reset, cut off. */
  unreachable: { health: 'down', retry: 'later', outcome: 'UNKNOWN', yieldsToStatus: true },
  /** No connection or a broken one, for another reason, such as a wrong certificate. */
  unusable: { health: 'down', retry: 'never', outcome: 'UNKNOWN', yieldsToStatus: true },
  /** `success: false`. */
  rejected: { health: 'up', retry: 'never', outcome: 'REJECTED', mayNotExist: true },
  /** Success without a result, or with an empty result. */
  empty: { health: 'up', retry: 'never', outcome: 'UNKNOWN', mayNotExist: true, isFlaw: true },
  /** Neither a success nor a refusal. */
  envelope: { health: 'up', retry: 'never', outcome: 'UNKNOWN', isFlaw: true },
  /** Success with another form of result. */
  result: { health: 'up', retry: 'never', outcome: 'UNKNOWN', isFlaw: true },
  /** More than MAX_REPLY_BYTES. */
  size: { health: 'up', retry: 'never', outcome: 'UNKNOWN', isFlaw: true, yieldsToStatus: true },
  /** Bytes that are not HTTP or not gzip. */
  bytes: { health: 'up', retry: 'never', outcome: 'UNKNOWN', isFlaw: true, yieldsToStatus: true },
  /** An undecodable member of a ticket. The rest of the reply is used. */
  member: { health: 'up', retry: 'never', outcome: 'UNKNOWN' },
} as const satisfies Record<string, Judgment>;

export type FailureKind = keyof typeof FAILURES;
const KINDS = Object.keys(FAILURES) as FailureKind[];

/** A flaw of a reply: the kind of failure that breaks the contract, or a member of a ticket. */
export type Flaw = FailureKind | MemberName;
export const FLAWS: readonly Flaw[] = [...KINDS.filter((kind) => judge(kind).isFlaw), ...MEMBERS];

function judge(kind: FailureKind): Judgment {
  return FAILURES[kind];
}

/** Returns a flaw for logs and metrics. A ticket without a usable id has the kind `ticket`. */
export function describeFlaw(flaw: Flaw): { kind: string; member?: string } {
  if (!MEMBERS.some((member) => member === flaw)) return { kind: flaw };
  return { kind: flaw === 'maintenance_id' ? 'ticket' : 'member', member: flaw };
}

interface Details {
  /** An error code of Node or our own short text, never text from the upstream. Only for the log. */
  readonly detail: string;
  /** False only if no byte of a write can have left this process. */
  readonly isSent?: boolean;
  /** The header `Retry-After` and the short code of a reply. */
  readonly retryAfter?: string | undefined;
  readonly upstreamCode?: string | undefined;
}

/** Any failure of a command. */
export class CommandApiError extends Error {
  readonly kind: FailureKind;
  readonly details: Details;
  /** The failed command. Not its whole record, which refers to this error. */
  command?: { readonly name: string; readonly id: string };

  /** `cause` is the error of Node or of our code that a failure of kind `internal` comes from. Its stack is logged. */
  constructor(kind: FailureKind, details: Details, cause?: unknown) {
    super(details.detail, { cause });
    this.name = kind;
    this.kind = kind;
    this.details = details;
  }

  get judgment(): Judgment {
    return judge(this.kind);
  }

  /** The outcome of a failed write. Meaningless for a read. */
  get outcome(): WriteOutcome {
    return this.details.isSent === false ? 'NOT_SENT' : this.judgment.outcome;
  }
}

/** Returns the kind of failure that a status alone tells, whatever the body says, or undefined if the body decides. */
export function kindOfStatus(status: number, isCutOff = false): FailureKind | undefined {
  if (status === 401) return 'unauthenticated';
  if (status === 403) return 'forbidden';
  if (status === 429) return 'throttled';
  if (status >= 502 && status <= 504) return 'unavailable';
  if (status >= 500 && status < 600) return isCutOff ? 'failed_cut_off' : 'failed';
  return undefined;
}

/** Returns whether the status of an incomplete reply decides, and not the error that ended it. */
export function statusDecides(status: number, { judgment }: CommandApiError): boolean {
  if (status === 401 || status === 403) return true;
  return kindOfStatus(status) !== undefined && judgment.yieldsToStatus === true;
}

/** Returns the failure of a command that its signal ended, for the reason `expired` or `cancelled`. */
export function ended({ reason }: AbortSignal, isSent = true): CommandApiError {
  return reason === 'expired'
    ? new CommandApiError('expired', { detail: 'out of time', isSent })
    : new CommandApiError('cancelled', { detail: 'caller disconnected', isSent });
}

/** Returns the failure of a command, or of a read whose reply arrives, for which there is no memory. */
export function noMemoryFor(what: 'command' | 'reply'): CommandApiError {
  return new CommandApiError('no_room', { detail: `no memory for the ${what}` });
}
