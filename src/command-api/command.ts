/**
 * A command, the record of what became of it, and who hears of that.
 */
import { randomUUID } from 'node:crypto';
import type { CommandFailure, Flaw, WriteOutcome } from './failures.ts';

/** A command that takes an `I` and returns a `T`. */
export interface Command<I, T> {
  /** The vendor's name. */
  readonly name: string;
  /**
   * A write changes something, and its reply tells an outcome. It is sent on a fresh connection: if the command API had
   * just closed a kept one, the outcome would be unknown. It is sent again only if it certainly was not sent. Once it
   * is sent, it goes on without its caller. Its reply is never refused for lack of memory.
   */
  readonly isWrite: boolean;
  /** The largest reply, if it is smaller than that of any command. */
  readonly maxReplyBytes?: number;
  /** Returns the parameters as the vendor names and writes them. Undefined parameters are not sent. */
  serialize(input: I): object;
  /** Decodes the result of a success. Throws a `CommandFailure`. */
  decode(result: unknown, input: I): DecodedReply<T>;
}

export type Read<I, T> = Command<I, T> & { readonly isWrite: false };
export type Write<I, T> = Command<I, T> & { readonly isWrite: true };

/** The headers by which the command API knows the caller. */
export type Credentials = Readonly<Record<string, string>>;

/** A decoded reply that can be used. */
export interface DecodedReply<T> {
  readonly value: T;
  readonly flaws?: readonly Flaw[];
  /** The number of entries that a list holds. */
  readonly entries?: number;
  /** The number of entries without a usable id. */
  readonly dropped?: number;
  /** One error for all undecodable fields, so that a long list does not cost a stack trace for each. */
  readonly fieldError?: CommandFailure | undefined;
}

/** What became of an attempt: the status that arrived, or why there is no reply. */
export interface AttemptResult {
  readonly startedAt: number;
  readonly seconds: number;
  readonly status?: number;
  /** Of a failure: an error code of Node or our own short text. */
  readonly detail?: string;
}

/**
 * What became of a command. Has none of its parameters, which are personal data. Only the client of its operation
 * writes it.
 */
export class CommandRecord {
  readonly name: string;
  readonly isWrite: boolean;
  readonly startedAt = performance.now();
  /** What the command API receives as id. */
  readonly id = `c${randomUUID().replaceAll('-', '')}`;
  /** The attempts that have ended. A command that is refused before it is sent has none. */
  readonly attempts: AttemptResult[] = [];
  durationMs = 0;
  /** The flaws of the reply. The rest of it may have been used. */
  flaws: readonly Flaw[] = [];
  /** The number of entries without a usable id. */
  dropped = 0;
  /** Why the command failed, if it failed. */
  failure: CommandFailure | undefined;

  constructor({ name, isWrite }: Pick<Command<never, unknown>, 'name' | 'isWrite'>) {
    this.name = name;
    this.isWrite = isWrite;
  }

  /** The outcome of a failed write. */
  get outcome(): WriteOutcome | undefined {
    return this.isWrite ? this.failure?.outcome : undefined;
  }

  succeed({ flaws = [], dropped = 0 }: DecodedReply<unknown>): void {
    this.durationMs = performance.now() - this.startedAt;
    this.flaws = flaws;
    this.dropped = dropped;
  }

  fail(failure: CommandFailure): void {
    this.durationMs = performance.now() - this.startedAt;
    this.flaws = failure.flaw ? [{ kind: failure.flaw }] : [];
    this.failure = failure;
  }
}

/** Is told what happens to commands, when it happens. An error in it fails nothing: see telemetry/telemetry.ts. */
export interface CommandTelemetry {
  /**
   * Starts the span of a command. Returns the `traceparent` that the command API gets in place of the caller's, if any.
   */
  startSpan(record: CommandRecord): string | undefined;
  /** An attempt has ended: the last one of the record. */
  attemptEnded(record: CommandRecord, result: AttemptResult): void;
  /** A command has ended, and its record is complete. */
  commandEnded(record: CommandRecord): void;
}
