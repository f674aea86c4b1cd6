/**
 * The record of a command. Tells its observers what happens, when it happens.
 */
import { randomUUID } from 'node:crypto';
import { CommandApiError, type Flaw, type WriteOutcome } from './failures.ts';
import type { Rules } from './rules.ts';

/** An attempt that has ended: with the status of a whole reply, or with the short code of its failure. */
export interface Attempt {
  readonly start: number;
  readonly seconds: number;
  readonly status?: number;
  readonly error?: string;
  /** The attempt that this one repeats. */
  readonly before?: Attempt | undefined;
}

/** Hears of all commands. A command that joined the exchange of another has no attempts and no flaws of its own. */
export interface Observer {
  /** May set the command's `traceparent`. */
  commandBegan?(command: CommandRecord): void;
  attemptEnded?(command: CommandRecord, attempt: Attempt): void;
  /** The reply to the command has these flaws. */
  flawsFound?(command: CommandRecord, flaws: readonly Flaw[]): void;
  commandEnded?(command: CommandRecord): void;
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
  /** Identical reads that share an exchange have the same: the id that the command API receives, and the attempts so far. */
  exchange = { id: `c${randomUUID().replaceAll('-', '')}`, attempts: 0 };
  /** Whether the command joined another operation's exchange. */
  coalesced = false;
  readonly start = performance.now();
  durationMs = 0;
  /** The flaws of the reply. The rest of it may have been used. */
  flaws: readonly Flaw[] = [];
  /** The number of tickets without a usable id. */
  dropped = 0;
  /** Why the command failed, if it failed. */
  error: unknown;
  /** What the command API receives as `traceparent`. */
  traceparent: string | undefined;
  readonly name: string;
  readonly rules: Rules;
  readonly residenceId: string;
  readonly #observers: readonly Observer[];

  constructor(
    { name, rules }: { readonly name: string; readonly rules: Rules },
    residenceId: string,
    observers: readonly Observer[],
  ) {
    this.name = name;
    this.rules = rules;
    this.residenceId = residenceId;
    this.#observers = observers;
  }

  /** The outcome of a failed write. After an unforeseen error, it is unknown. */
  get outcome(): WriteOutcome | undefined {
    if (!this.rules.tellsOutcome || !this.error) return undefined;
    return this.error instanceof CommandApiError ? this.error.outcome : 'UNKNOWN';
  }

  begin(): void {
    for (const observer of this.#observers) observer.commandBegan?.(this);
  }

  /** Joins the exchange of an identical read. */
  join({ exchange }: CommandRecord): void {
    this.exchange = exchange;
    this.coalesced = true;
  }

  /** Starts an attempt, perhaps a retry. Returns a function that ends it. */
  startAttempt(before?: Attempt): (end: Pick<Attempt, 'status' | 'error'>) => Attempt {
    const start = performance.now();
    this.exchange.attempts++;
    return (end) => {
      const attempt = { start, seconds: (performance.now() - start) / 1000, ...end, before };
      for (const observer of this.#observers) observer.attemptEnded?.(this, attempt);
      return attempt;
    };
  }

  /** Tells the flaws of the reply, whoever waits for it. */
  findFlaws(flaws: readonly Flaw[] = []): void {
    if (flaws.length > 0) for (const observer of this.#observers) observer.flawsFound?.(this, flaws);
  }

  /** Ends the command with a reply or an error. Its error, or the one of all undecodable members, names the command. */
  end(found: Findings, error?: unknown): void {
    const { flaws = flawsOf(error), dropped = 0, memberError } = found;
    this.durationMs = performance.now() - this.start;
    // Not the whole reply, which the record would keep in memory.
    this.flaws = flaws;
    this.dropped = dropped;
    this.error = error;
    const shown = error ?? memberError;
    if (shown instanceof CommandApiError) shown.command = { name: this.name, id: this.exchange.id };
    for (const observer of this.#observers) observer.commandEnded?.(this);
  }
}

/** Returns the flaw of a reply that could not be used. */
export function flawsOf(error: unknown): readonly Flaw[] {
  const flaw = error instanceof CommandApiError && error.failure.flaw;
  return flaw ? [flaw] : [];
}
