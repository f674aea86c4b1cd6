/**
 * Types of commands and of decoded replies.
 */
import type { CommandApiError, Flaw } from './failures.ts';

/** A command that takes an `I` and returns a `T`. */
export interface Command<I, T> {
  /** The vendor's name. */
  readonly name: string;
  /**
   * A write changes something, and its reply tells an outcome. It is sent on a fresh connection: if the command API had
   * just closed a kept one, the outcome would be unknown. It is sent again only if it certainly was not sent. It joins
   * no exchange, and later reads join none from before it. Once it has been sent, its operation continues without its
   * caller. Its reply is never refused for lack of memory.
   */
  readonly isWrite: boolean;
  /** Returns the id of what the command is about. For developers: no log has it. */
  subject(input: NoInfer<I>): string;
  /** Returns the parameters as the vendor names and writes them. Undefined parameters are not sent. */
  serialize(input: I): object;
  /** Decodes the result of a success. Throws a `CommandApiError`. */
  decode(result: unknown, input: I): DecodedReply<T>;
}

export type Read<I, T> = Command<I, T> & { readonly isWrite: false };
export type Write<I, T> = Command<I, T> & { readonly isWrite: true };

/** A decoded reply that can be used. */
export interface DecodedReply<T> {
  readonly value: T;
  readonly flaws?: readonly Flaw[];
  /** The number of entries without a usable id. */
  readonly dropped?: number;
  /** One error for all undecodable members, so that a long list does not cost a stack trace for each. */
  readonly memberError?: CommandApiError;
}
