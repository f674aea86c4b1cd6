/**
 * How a command can fail: it could not talk, it was answered nonsense, or the answer was no. Nothing of what upstream
 * wrote is kept but a short code, so that none of these can carry its text, its addresses or a token anywhere.
 */

/** What is known of a write that failed; see the public schema. */
export type WriteOutcome = 'NOT_SENT' | 'REJECTED' | 'UNKNOWN';

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
}

/** Any failure of a command. `outcome` is there for a write only. */
export abstract class CommandApiError extends Error {
  abstract readonly reason: string;
  readonly command: CommandRef;
  readonly upstreamCode: string | undefined;
  readonly outcome: WriteOutcome | undefined;

  constructor(command: CommandRef, outcome: WriteOutcome, { detail, upstreamCode }: Details) {
    super(`${command.name}: ${detail}`);
    this.name = new.target.name;
    this.command = command;
    this.upstreamCode = upstreamCode;
    this.outcome = command.write ? outcome : undefined;
  }
}

/** Could not talk: not reached, cut off, out of time, or reached something that could not serve the command. */
export class UnreachableError extends CommandApiError {
  readonly reason: 'timeout' | 'unavailable';

  /** `sent` is false only where the command certainly never left this process. */
  constructor(
    command: CommandRef,
    reason: 'timeout' | 'unavailable',
    { sent, ...details }: Details & { sent: boolean },
  ) {
    super(command, sent ? 'UNKNOWN' : 'NOT_SENT', details);
    this.reason = reason;
  }
}

/** Talked nonsense: an answer that is not what the command promises. */
export class InvalidReplyError extends CommandApiError {
  readonly reason = 'invalid';
  /** The command API said that all went well and then nothing: no result, or an empty one. */
  readonly empty: boolean;

  constructor(command: CommandRef, { empty = false, ...details }: Details & { empty?: boolean }) {
    super(command, 'UNKNOWN', details);
    this.empty = empty;
  }
}

/** Said no: to the token, to this caller, or to the command. */
export class RejectedError extends CommandApiError {
  readonly reason: 'unauthenticated' | 'forbidden' | 'rejected';

  constructor(command: CommandRef, reason: 'unauthenticated' | 'forbidden' | 'rejected', details: Details) {
    super(command, 'REJECTED', details);
    this.reason = reason;
  }
}
