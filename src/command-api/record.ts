/**
 * The record of a command. Only its own methods change it.
 */
import { randomUUID } from 'node:crypto';
import { CommandApiError, type Flaw, type WriteOutcome } from './errors.ts';

/**
 * One transmission of a command. When it has ended: its duration, and the status or the code of an incomplete reply.
 */
interface Attempt {
  readonly start: number;
  seconds?: number;
  status?: number;
  error?: string;
}

/** The result of a command. All undecodable members of the reply are the same `memberError`. */
interface Ending {
  readonly flaws?: readonly Flaw[];
  readonly dropped?: number;
  readonly error?: unknown;
  readonly memberError?: CommandApiError;
}

/** What became of a command. Without parameters, which contain personal data. */
export class CommandRecord {
  readonly name: string;
  readonly isWrite: boolean;
  readonly residenceId: string;
  readonly start = performance.now();
  id = `c${randomUUID().replaceAll('-', '')}`;
  attempts: Attempt[] = [];
  /** Whether the command shared another operation's exchange. Then `id` and `attempts` are from that exchange. */
  coalesced = false;
  /** The flaws of the reply. The rest of it may have been used. */
  flaws: readonly Flaw[] = [];
  /** The number of tickets without a usable id. */
  dropped = 0;
  durationMs = 0;
  /** The reason of the failure, if the command failed. */
  error: unknown;

  constructor(name: string, isWrite: boolean, residenceId: string) {
    this.name = name;
    this.isWrite = isWrite;
    this.residenceId = residenceId;
  }

  /** The outcome of a failed write. After an unforeseen error, it is unknown. */
  get outcome(): WriteOutcome | undefined {
    if (!this.isWrite || !this.error) return undefined;
    return this.error instanceof CommandApiError ? this.error.outcome : 'UNKNOWN';
  }

  /** Starts an attempt. Returns a function that ends it. */
  startAttempt() {
    const attempt: Attempt = { start: performance.now() };
    this.attempts.push(attempt);
    return (result: Pick<Attempt, 'status' | 'error'>) =>
      Object.assign(attempt, { seconds: (performance.now() - attempt.start) / 1000, ...result });
  }

  /** Takes over the id and attempts of the command that is really sent. */
  join({ id, attempts }: CommandRecord): void {
    Object.assign(this, { id, attempts, coalesced: true });
  }

  /** Ends the command. Adds the command's name and id to its errors. */
  end({ flaws = [], dropped = 0, error, memberError }: Ending): void {
    const { name, id } = this;
    Object.assign(this, { flaws, dropped, error, durationMs: performance.now() - this.start });
    for (const one of [error, memberError]) if (one instanceof CommandApiError) one.command = { name, id };
    if (error instanceof CommandApiError && error.details.flaw) this.flaws = [error.details.flaw];
  }
}
