/**
 * Codes and messages for callers: of failed commands, refused documents and unforeseen errors, which are masked.
 */
import { randomUUID } from 'node:crypto';
import type { ApolloServerPlugin } from '@apollo/server';
import type { ApolloServerErrorCode } from '@apollo/server/errors';
import { type DocumentNode, GraphQLError, type GraphQLFormattedError, getOperationAST, Kind } from 'graphql';
import type { Logger } from 'pino';
import { CommandApiError, type FailureCode, publicFormOf, type WriteOutcome } from '../command-api/failures.ts';
import { ExceededLimit, LIMITS } from './limits.ts';

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
}

/** Collects the unforeseen errors of one operation. They share one id, which the caller receives, and one log line. */
export class UnforeseenErrors {
  readonly errors: unknown[] = [];
  readonly errorId = randomUUID();

  /** Returns the masked error for the caller. */
  mask(error: unknown, extensions: object = {}): PublicError {
    this.errors.push(error);
    return new PublicError('INTERNAL_SERVER_ERROR', 'Internal server error', { errorId: this.errorId, ...extensions });
  }

  /** Logs the first error and the number of errors. Needs at least one error. */
  log(logger: Logger): void {
    const { errorId, errors } = this;
    logger.error({ errorId, err: errors[0], count: errors.length }, 'unforeseen error');
  }
}

/** Masks and logs an error outside of any resolver. */
export function maskError(error: unknown, logger: Logger): PublicError {
  const unforeseen = new UnforeseenErrors();
  const masked = unforeseen.mask(error);
  unforeseen.log(logger);
  return masked;
}

/** A write, with its outcome if its error is a `PublicError`, which refuses it. */
export type WriteRefusal = { readonly ifPublic: WriteOutcome };

/**
 * Returns the public form of an error of a resolver, or of an undecodable member. Of a `write`, it tells the outcome,
 * also that of an error that is public already.
 */
export function toPublicError(error: unknown, unforeseen: UnforeseenErrors, write?: WriteRefusal): PublicError {
  const withOutcome = (outcome: WriteOutcome) => (write ? { outcome } : {});
  if (error instanceof PublicError) {
    const { message, extensions } = error;
    return write ? new PublicError(extensions.code, message, { ...extensions, outcome: write.ifPublic }) : error;
  }
  const { code, message } = publicFormOf(error);
  if (!(error instanceof CommandApiError)) return unforeseen.mask(error, withOutcome('UNKNOWN'));
  const { command, failure, outcome } = error;
  // The cause has the stack of the bug.
  if (code === 'INTERNAL_SERVER_ERROR') return unforeseen.mask(error.cause ?? error, withOutcome(outcome));
  const known = { command: command?.name, commandId: command?.id, upstreamCode: failure.upstreamCode };
  return new PublicError(code, message, { ...known, ...withOutcome(outcome) });
}

/** Returns the last error that is shown: without this, a null without an error would mean that nothing is there. */
export function sayOthersOmitted({ message, extensions }: PublicError): PublicError {
  const { code, ...others } = extensions;
  return new PublicError(code, `${message} Further errors may be omitted.`, { ...others, othersOmitted: true });
}

/**
 * The messages of requests that graphql or Apollo Server refuses, by code. Their own messages quote the request and the
 * schema: only developers see them.
 */
const REFUSALS = new Map<unknown, string>([
  ['GRAPHQL_PARSE_FAILED', `The document has a syntax error or over ${LIMITS.tokens.toLocaleString('en')} tokens.`],
  ['GRAPHQL_VALIDATION_FAILED', 'The document does not fit the schema, or selects one field too often.'],
  ['OPERATION_RESOLUTION_FAILURE', 'The document has several operations, or none of this name.'],
  // Clients look for this text.
  ['PERSISTED_QUERY_NOT_SUPPORTED', 'PersistedQueryNotSupported'],
  ['BAD_REQUEST', 'Send one JSON object with a query by POST, and accept JSON.'],
]);

/**
 * Creates Apollo Server's `formatError`, and its plugin: unforeseen errors outside of resolvers get the id of their
 * operation, and what refuses a mutation as a whole says that nothing was sent.
 */
export function createErrorFormat(logger: Logger, isProduction: boolean) {
  // Apollo Server calls `formatError` without the operation, but with the same error objects as the plugin.
  const operations = new WeakMap<object, { unforeseen: UnforeseenErrors; mayWrite: boolean }>();

  const plugin: ApolloServerPlugin<{ unforeseen: UnforeseenErrors }> = {
    requestDidStart: async () => ({
      async didEncounterErrors({ errors, document, request, contextValue: { unforeseen } }) {
        const mayWrite = isMutation(document, request.operationName);
        for (const error of errors) operations.set(error, { unforeseen, mayWrite });
      },
    }),
  };

  function formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
    const operation = operations.get(error as object);
    // graphql or Apollo Server may have wrapped it.
    const cause = error instanceof GraphQLError ? (error.originalError ?? error) : error;
    const isOurs = cause instanceof PublicError || cause instanceof ExceededLimit;
    // Of a resolver: its guard has told the outcome.
    if (isOurs && formatted.path) return formatted;
    // Of a request that is refused as a whole.
    const message = isOurs ? formatted.message : refusalOf(formatted);
    if (message) {
      // Apollo Server refuses a bad request before it is parsed, without its plugins.
      const isUnsent = operation?.mayWrite || formatted.extensions?.code === 'BAD_REQUEST';
      return {
        ...formatted,
        message,
        extensions: { ...formatted.extensions, ...(isUnsent && { outcome: 'NOT_SENT' }) },
      };
    }
    const masked = operation?.unforeseen.mask(cause) ?? maskError(cause, logger);
    return { ...formatted, message: masked.message, extensions: { ...masked.extensions } };
  }

  /** Returns the message of a request that a library refuses. Only developers see the library's own. */
  function refusalOf({ path, message, extensions }: GraphQLFormattedError): string | undefined {
    const refusal = path ? undefined : REFUSALS.get(extensions?.code);
    return refusal && !isProduction ? message : refusal;
  }

  return { plugin, formatError };
}

/** Returns whether an operation is a mutation, or may be one that its document does not tell. */
export function isMutation(document: DocumentNode | undefined, name: string | undefined): boolean {
  if (!document) return true;
  const operation = getOperationAST(document, name);
  const definitions = operation ? [operation] : document.definitions;
  return definitions.some((one) => one.kind === Kind.OPERATION_DEFINITION && one.operation === 'mutation');
}
