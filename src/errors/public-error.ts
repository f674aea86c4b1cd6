/**
 * The error that a caller receives: a code, our own message, and the extensions on which an app acts. Every other error
 * becomes a `PublicError`, or is unforeseen and masked: then the caller learns an id, and the log has the error.
 */
import { randomUUID } from 'node:crypto';
import type { ApolloServerErrorCode } from '@apollo/server/errors';
import type { Logger } from 'pino';

/** The codes of failed commands. Only logs and metrics have `CALLER_GONE`. */
export type FailureCode =
  | ('UNAUTHENTICATED' | 'FORBIDDEN' | 'COMMAND_REJECTED' | 'INTERNAL_SERVER_ERROR')
  | ('UPSTREAM_TIMEOUT' | 'UPSTREAM_UNAVAILABLE' | 'UPSTREAM_INVALID_RESPONSE')
  | ('BAD_USER_INPUT' | 'CALLER_GONE');

/** The codes of all errors. */
export type Code = FailureCode | `${ApolloServerErrorCode}` | 'OVERLOADED' | 'ROUTER_UNAUTHENTICATED' | 'NOT_FOUND';

/** An error whose message and extensions the caller receives. Neither may repeat the caller's values. */
export class PublicError extends Error {
  /** graphql takes them for the error of the field. */
  readonly extensions: Readonly<Record<string, unknown> & { code: Code }>;

  constructor(code: Code, message: string, extensions: object = {}) {
    // Skip the stack: an operation may have a thousand such errors, and their stacks are never logged.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
    this.extensions = { code, ...extensions };
  }
}

/** The unforeseen errors of one operation, which share one id and one line in the log. */
export class UnforeseenErrors {
  /** Undefined if there are none. */
  id: string | undefined;
  #first: unknown;
  #count = 0;

  /** Returns what the caller learns of an unforeseen error. */
  mask(error: unknown): PublicError {
    if (this.#count++ === 0) this.#first = error;
    this.id ??= randomUUID();
    return new PublicError('INTERNAL_SERVER_ERROR', 'Internal server error', { errorId: this.id });
  }

  /** Logs the first error and their number, if there are any. */
  log(logger: Logger): void {
    const { id: errorId } = this;
    if (errorId) logger.error({ errorId, err: this.#first, count: this.#count }, 'unforeseen error');
  }
}
