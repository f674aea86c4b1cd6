/**
 * The error that a caller receives: a code, our own message, and the extensions on which an app acts. Every other error
 * becomes a `PublicError`, or is masked.
 */
import type { ApolloServerErrorCode } from '@apollo/server/errors';

/** The codes of failed writes that a payload has as data. */
export type WriteFailureCode =
  | ('UNAUTHENTICATED' | 'FORBIDDEN' | 'COMMAND_REJECTED' | 'INTERNAL_SERVER_ERROR')
  | ('UPSTREAM_TIMEOUT' | 'UPSTREAM_UNAVAILABLE' | 'UPSTREAM_INVALID_RESPONSE');

/** The codes of failed commands. Only logs and metrics have `CALLER_GONE`. */
export type FailureCode = WriteFailureCode | 'BAD_USER_INPUT' | 'CALLER_GONE';

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
