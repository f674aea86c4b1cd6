/**
 * The record of a command. Only its own methods change it.
 */
import { randomUUID } from 'node:crypto';
import { CommandApiError, type Flaw, type WriteOutcome } from './errors.ts';

/** One attempt. When it has ended: its duration, and the status or the code of an incomplete reply. */
interface Attempt {
  readonly start: number;
  seconds?: number;
  status?: number;
  error?: string;
}

/** A command that is really sent: the id that the upstream receives, and each attempt. */
interface Exchange {
  readonly id: string;
  readonly attempts: Attempt[];
  /** While it may send further attempts, or its reply is not decoded yet. */
  isRunning: boolean;
  isReported: boolean;
}

/** What was found in a reply that was used. */
export interface Findings {
  readonly flaws?: readonly Flaw[];
  /** The number of tickets without a usable id. */
  readonly dropped?: number;
  /** One error for all undecodable members, so that a long list does not cost a stack trace for each. */
  readonly memberError?: CommandApiError;
}

/**
 * What became of a command. Without its parameters, which contain personal data, except the residence's id. No log has
 * this id.
 */
export class CommandRecord {
  readonly name: string;
  readonly isWrite: boolean;
  readonly residenceId: string;
  readonly start = performance.now();
  /** Identical reads that share an exchange have the same. Its attempts continue after one of the callers has left. */
  exchange: Exchange = {
    id: `c${randomUUID().replaceAll('-', '')}`,
    attempts: [],
    isRunning: false,
    isReported: false,
  };
  /** Whether the command joined another operation's exchange. */
  coalesced = false;
  /** The flaws of the reply. The rest of it may have been used. */
  flaws: readonly Flaw[] = [];
  /** The number of tickets without a usable id. */
  dropped = 0;
  durationMs = 0;
  /** Why the command failed, if it failed. */
  error: unknown;

  constructor({ name, isWrite }: { readonly name: string; readonly isWrite: boolean }, residenceId: string) {
    this.name = name;
    this.isWrite = isWrite;
    this.residenceId = residenceId;
  }

  /** The outcome of a failed write. After an unforeseen error, it is unknown. */
  get outcome(): WriteOutcome | undefined {
    if (!this.isWrite || !this.error) return undefined;
    return this.error instanceof CommandApiError ? this.error.outcome : 'UNKNOWN';
  }

  /** Joins the exchange of an identical read. */
  join({ exchange }: CommandRecord): void {
    this.exchange = exchange;
    this.coalesced = true;
  }

  /** Tells whether the exchange runs, for which several commands may wait. */
  setRunning(isRunning: boolean): void {
    this.exchange.isRunning = isRunning;
  }

  /** Returns true for the first command that reports an exchange which has ended: its caller may have left before. */
  takeReport(): boolean {
    const { isRunning, isReported } = this.exchange;
    const isFirst = !isRunning && !isReported;
    this.exchange.isReported ||= isFirst;
    return isFirst;
  }

  /** Starts an attempt. Returns a function that ends it. */
  startAttempt() {
    const attempt: Attempt = { start: performance.now() };
    this.exchange.attempts.push(attempt);
    return (result: Pick<Attempt, 'status' | 'error'>) =>
      Object.assign(attempt, { seconds: (performance.now() - attempt.start) / 1000, ...result });
  }

  /** Ends the command with a reply. All its undecodable members are the same error, which names the command. */
  succeed({ flaws = [], dropped = 0, memberError }: Findings): void {
    this.durationMs = performance.now() - this.start;
    this.flaws = flaws;
    this.dropped = dropped;
    if (memberError) memberError.command = { name: this.name, id: this.exchange.id };
  }

  /** Ends the command with an error, which names the command. */
  fail(error: unknown): void {
    this.durationMs = performance.now() - this.start;
    this.error = error;
    if (!(error instanceof CommandApiError)) return;
    error.command = { name: this.name, id: this.exchange.id };
    if (error.judgment.isFlaw) this.flaws = [error.kind];
  }
}
