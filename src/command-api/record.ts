/**
 * The record of a command, and what observers hear of it.
 */
import { randomUUID } from 'node:crypto';
import type { Command, DecodedReply } from './command.ts';
import { CommandApiError, type Flaw, type WriteOutcome } from './failures.ts';

/** An attempt that has ended: with the status of a whole reply, or with what interrupted it. */
export interface Attempt {
  readonly startedAt: number;
  readonly seconds: number;
  readonly status?: number;
  readonly error?: string;
  /** The attempt that this one repeats. */
  readonly previous: Attempt | undefined;
}

/**
 * What happens to a command. For one that joined an exchange, there are no attempts and no flaws. The attempt of one
 * whose caller has left may end after it.
 */
export interface CommandEvents {
  /** A listener may set the command's `traceparent`. */
  commandBegan: [CommandRecord];
  attemptEnded: [CommandRecord, Attempt];
  /**
   * The exchange of the command has ended, for all who share it: with these flaws of its reply, and with an error if it
   * failed. A command that was refused before, for example because its operation has ended, has none.
   */
  exchangeEnded: [CommandRecord, readonly Flaw[], unknown];
  commandEnded: [CommandRecord];
}

/** What became of a command. Has none of its parameters, which are personal data, except its subject: no log has it. */
export class CommandRecord {
  /**
   * Its exchange: the id that the command API receives, whether it has begun, and the attempts so far. All reads that
   * share it have the same object.
   */
  exchange = { id: `c${randomUUID().replaceAll('-', '')}`, hasBegun: false, attempts: 0 };
  /** Whether the command joined the exchange of an earlier one. */
  coalesced = false;
  readonly startedAt = performance.now();
  durationMs = 0;
  /** The flaws of the reply. The rest of it may have been used. */
  flaws: readonly Flaw[] = [];
  /** The number of entries without a usable id. */
  dropped = 0;
  /** Why the command failed, if it failed. */
  error: unknown;
  readonly name: string;
  readonly isWrite: boolean;
  readonly subject: string;
  /** What the command API receives as `traceparent`. */
  traceparent: string | undefined;

  constructor({ name, isWrite }: Pick<Command<never, unknown>, 'name' | 'isWrite'>, subject: string) {
    this.name = name;
    this.isWrite = isWrite;
    this.subject = subject;
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

  /** Ends the command with a reply or an error. Its error, or the one of all undecodable members, names the command. */
  end({ flaws, dropped = 0, memberError }: Partial<DecodedReply<unknown>>, error?: unknown): void {
    this.durationMs = performance.now() - this.startedAt;
    this.flaws = flaws ?? (error instanceof CommandApiError ? error.flaws : []);
    this.dropped = dropped;
    this.error = error;
    const shown = error ?? memberError;
    if (shown instanceof CommandApiError) shown.command = { name: this.name, id: this.exchange.id };
  }
}
