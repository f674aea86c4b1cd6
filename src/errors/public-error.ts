/**
 * The error that a caller receives: a code, our own message, and the extensions on which an app acts. Every other error
 * becomes a `PublicError`, or is masked.
 */
import type { ApolloServerErrorCode } from '@apollo/server/errors';
import type { FailureCode, WriteOutcome } from '../command-api/failures.ts';

/** The codes of errors for callers. Only logs and metrics have `CALLER_GONE`. */
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

  /** Returns this error with further extensions. */
  with(extensions: object, message = this.message): PublicError {
    return new PublicError(this.extensions.code, message, { ...this.extensions, ...extensions });
  }
}

/** The error of a write, for a payload that has it as data. */
export interface DescribedFailure {
  readonly code: FailureCode;
  readonly message: string;
  readonly outcome: WriteOutcome;
}
