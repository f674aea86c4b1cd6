/**
 * How a command can fail: it could not talk, it was answered nonsense, or the answer was no. Nothing of what upstream
 * wrote is kept but a short code, so that none of these can carry its text, its addresses or a token anywhere.
 */

/** What is known of a write that failed; see the public schema. */
export type WriteOutcome = 'NOT_SENT' | 'REJECTED' | 'UNKNOWN';

export type Reason = 'unauthenticated' | 'forbidden' | 'rejected' | 'timeout' | 'unavailable' | 'invalid';

/** Which command an error or a reply belongs to. */
export interface CommandRef {
  readonly name: string;
  readonly id: string;
  /** Whether it changes something at the command API. */
  readonly write: boolean;
}

interface Details {
  /** For the log: a short text of ours or an error code of Node's, never upstream's words. */
  readonly detail: string;
  readonly upstreamCode?: string | undefined;
  readonly empty?: boolean;
}

/** Any failure of a command. `outcome` means something where the command is a write. */
export abstract class CommandApiError extends Error {
  readonly command: CommandRef;
  readonly reason: Reason;
  readonly outcome: WriteOutcome;
  readonly upstreamCode: string | undefined;
  /** The command API said that all went well and then nothing: no result, or an empty one. */
  readonly empty: boolean;

  constructor(command: CommandRef, reason: Reason, outcome: WriteOutcome, details: Details) {
    super(`${command.name}: ${details.detail}`);
    // No more of it than is told: it may be a record that holds this very error in the end.
    this.command = { name: command.name, id: command.id, write: command.write };
    this.reason = reason;
    this.outcome = outcome;
    this.upstreamCode = details.upstreamCode;
    this.empty = details.empty ?? false;
  }
}

/** Could not talk: not reached, cut off, out of time, or reached something that could not serve the command. */
export class UnreachableError extends CommandApiError {
  /** `sent` is false only where the command certainly never left this process. */
  constructor(command: CommandRef, reason: 'timeout' | 'unavailable', details: Details & { sent: boolean }) {
    super(command, reason, details.sent ? 'UNKNOWN' : 'NOT_SENT', details);
  }
}

/** Given up by us, since its operation is out of time or its caller has gone. Says nothing of the command API. */
export class AbandonedError extends UnreachableError {
  constructor(command: CommandRef, { reason }: AbortSignal, sent: boolean) {
    if (reason?.name === 'TimeoutError') super(command, 'timeout', { detail: 'out of time', sent });
    else super(command, 'unavailable', { detail: 'the caller has gone', sent });
  }
}

/** Talked nonsense: an answer that is not what the command promises. */
export class InvalidReplyError extends CommandApiError {
  constructor(command: CommandRef, details: Details) {
    super(command, 'invalid', 'UNKNOWN', details);
  }
}

/** Said no: to the token, to this caller, or to the command. */
export class RejectedError extends CommandApiError {
  constructor(command: CommandRef, reason: 'unauthenticated' | 'forbidden' | 'rejected', details: Details) {
    super(command, reason, 'REJECTED', details);
  }
}
