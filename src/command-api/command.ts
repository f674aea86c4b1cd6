/**
 * A command, the record of what became of it, and who hears of that.
 */
import { randomUUID } from 'node:crypto';
import { CommandApiError, type Flaw, outcomeOf, type WriteOutcome } from './failures.ts';

/** A command that takes an `I` and returns a `T`. */
export interface Command<I, T> {
  /** The vendor's name. */
  readonly name: string;
  /**
   * A write changes something, and its reply tells an outcome. It is sent on a fresh connection: if the command API had
   * just closed a kept one, the outcome would be unknown. It is sent again only if it certainly was not sent. It joins
   * no exchange, and later reads join none from before it. Its operation goes on without its caller from the moment in
   * which the write is asked for. Its reply is never refused for lack of memory.
   */
  readonly isWrite: boolean;
  /** The largest reply, if it is smaller than that of any command. */
  readonly maxReplyBytes?: number;
  /** Returns the parameters as the vendor names and writes them. Undefined parameters are not sent. */
  serialize(input: I): object;
  /** Decodes the result of a success. Throws a `CommandApiError`. */
  decode(result: unknown, input: I): DecodedReply<T>;
}

export type Read<I, T> = Command<I, T> & { readonly isWrite: false };
export type Write<I, T> = Command<I, T> & { readonly isWrite: true };

/** What the command API learns of the caller. */
export interface Credentials {
  readonly headers: Readonly<Record<string, string>>;
  /** All headers as one text: identical reads of other callers have another reply. */
  readonly key: string;
}

/** Returns the credentials of a caller. A header that is added here is sent, and is in the key. */
export function createCredentials(token: string): Credentials {
  const headers = { authorization: `Bearer ${token}` };
  return { headers, key: JSON.stringify(headers) };
}

/** A decoded reply that can be used. */
export interface DecodedReply<T> {
  readonly value: T;
  readonly flaws?: readonly Flaw[];
  /** The number of entries that a list holds. */
  readonly entries?: number;
  /** The number of entries without a usable id. */
  readonly dropped?: number;
  /** One error for all undecodable fields, so that a long list does not cost a stack trace for each. */
  readonly fieldError?: CommandApiError | undefined;
}

/** An attempt that has ended: with the status of a whole reply, or with why it failed. */
export interface Attempt {
  readonly startedAt: number;
  readonly seconds: number;
  readonly status: number | undefined;
  /** Of a failure: an error code of Node or our own short text. */
  readonly detail: string | undefined;
  /** The attempt that this one repeats. */
  readonly previous: Attempt | undefined;
}

/** What is known of an exchange. All records of the commands that joined it have the same one. */
export interface ExchangeFacts {
  readonly id: string;
  /** How many attempts have begun. */
  readonly attempts: number;
  /** What breaks the contract in its reply. */
  readonly flaws: readonly Flaw[];
  /** Why it failed, if it failed. */
  readonly error: unknown;
}

/**
 * What became of a command. Has none of its parameters, which are personal data. Only the client of its operation
 * writes it.
 */
export class CommandRecord {
  readonly name: string;
  readonly isWrite: boolean;
  readonly startedAt = performance.now();
  /** What the command API receives as id. A read that joined an exchange has the id of that. */
  id = `c${randomUUID().replaceAll('-', '')}`;
  /** The exchange that sends it. A command that is refused before has none. */
  exchange: ExchangeFacts | undefined;
  /** Whether it joined the exchange of an identical read. */
  hasJoined = false;
  durationMs = 0;
  /** The flaws of the reply. The rest of it may have been used. */
  flaws: readonly Flaw[] = [];
  /** The number of entries without a usable id. */
  dropped = 0;
  /** Why the command failed, if it failed. */
  error: unknown;

  constructor({ name, isWrite }: Pick<Command<never, unknown>, 'name' | 'isWrite'>) {
    this.name = name;
    this.isWrite = isWrite;
  }

  /** The outcome of a failed write. */
  get outcome(): WriteOutcome | undefined {
    return this.isWrite && this.error ? outcomeOf(this.error) : undefined;
  }

  setExchange(exchange: ExchangeFacts, hasJoined: boolean): void {
    this.exchange = exchange;
    this.id = exchange.id;
    this.hasJoined = hasJoined;
  }

  succeed({ flaws = [], dropped = 0, fieldError }: DecodedReply<unknown>): void {
    this.flaws = flaws;
    this.dropped = dropped;
    this.#end(fieldError);
  }

  fail(error: unknown): void {
    const failure = error instanceof CommandApiError ? error : undefined;
    this.flaws = failure?.flaws ?? [];
    this.error = error;
    this.#end(failure);
  }

  /** Callers learn from an error which command failed. */
  #end(error: CommandApiError | undefined): void {
    this.durationMs = performance.now() - this.startedAt;
    if (error) error.command = { name: this.name, id: this.id };
  }
}

/**
 * Hears what happens to commands when it happens. It changes nothing of what it hears, and what goes wrong in it fails
 * nothing: see telemetry/observer.ts.
 */
export interface CommandObserver {
  /** A command begins. Returns the `traceparent` that the command API receives in place of the caller's, if any. */
  commandBegan(record: CommandRecord): string | undefined;
  /** An attempt has ended. The record is that of the command that began the exchange, here and in the next one. */
  attemptEnded(record: CommandRecord, attempt: Attempt): void;
  /** An exchange has ended, for all commands that joined it. */
  exchangeEnded(record: CommandRecord, exchange: ExchangeFacts): void;
  /** A command has ended, and its record is complete. An attempt of it may end later, if its caller has left. */
  commandEnded(record: CommandRecord): void;
}
