/**
 * Makes the errors of a response public, where the operation is known. Whatever goes wrong, a caller receives a
 * `PublicError`, or a sentence of ours in place of a library's message, which may quote the request and the schema. An
 * error of a mutation also tells what is known of the write.
 *
 * `formatError` has the errors of requests that have no operation. http/refusals.ts has those of the HTTP server, which
 * refuses before Apollo Server sees a request.
 */
import type { GraphQLRequestContextWillSendResponse } from '@apollo/server';
import { GraphQLError, type GraphQLFormattedError, Kind } from 'graphql';
import { failureOf, NOT_SENT, type WriteOutcome } from '../command-api/failures.ts';
import { PublicError } from '../errors/public-error.ts';
import { LIMITS } from '../limits.ts';
import type { Context } from './context.ts';
import { isMutation } from './operation-checks.ts';
import { publicOf } from './public-failures.ts';

/** Our sentences for what graphql or Apollo Server refuses, by code. Only developers see their own messages. */
const REFUSED_BY_LIBRARY = new Map<unknown, string>([
  ['GRAPHQL_PARSE_FAILED', `The document has a syntax error or over ${LIMITS.tokens.toLocaleString('en')} tokens.`],
  ['GRAPHQL_VALIDATION_FAILED', 'The document does not fit the schema, or selects one field too often.'],
  ['OPERATION_RESOLUTION_FAILURE', 'The document has several operations, or none of this name.'],
  ['BAD_USER_INPUT', 'A variable is missing, or has a value that does not fit its type.'],
  // Clients look for this text.
  ['PERSISTED_QUERY_NOT_SUPPORTED', 'PersistedQueryNotSupported'],
  ['BAD_REQUEST', 'Send one JSON object with a query by POST, and accept JSON.'],
]);

/** An error as the caller receives it. */
interface ResponseError extends GraphQLFormattedError {
  readonly extensions: Readonly<Record<string, unknown>>;
}

/** Returns the errors of a response as the caller receives them. */
export function publicErrorsOf(
  { contextValue, document, errors = [], request, response }: GraphQLRequestContextWillSendResponse<Context>,
  isProduction: boolean,
): ResponseError[] {
  const isMutating = isMutation(document, request.operationName);
  // graphql names up to fifty faulty variables.
  const hasNoData = response.body.kind === 'single' && response.body.singleResult.data === undefined;
  const named = hasNoData ? errors.slice(0, LIMITS.validationErrors + 1) : errors;
  return named.map((error) => {
    const cause = causeOf(error);
    const refused = cause instanceof PublicError ? cause : libraryRefusal(error, isProduction);
    const { message, extensions } = refused ?? publicOf(cause, contextValue.unforeseen);
    const outcome = isMutating && (refused ? refusedOutcomeOf(error) : outcomeOf(error));
    return { ...error.toJSON(), message, extensions: { ...withoutHttp(extensions), ...(outcome && { outcome }) } };
  });
}

/** Returns the outcome of a write that was refused at its root field, or with its operation. */
const refusedOutcomeOf = ({ path = [] }: GraphQLError) => (path.length <= 1 ? NOT_SENT : undefined);

/** Returns the outcome of a write whose root field failed. Below it, the write has succeeded. */
function outcomeOf(error: GraphQLError): WriteOutcome | undefined {
  return error.path?.length === 1 ? failureOf(causeOf(error)).outcome : undefined;
}

/**
 * Stands for an error of an operation, which Apollo Server formats before `publicErrorsOf` replaces it. No message of a
 * library can pass by it.
 */
const notYetPublic = (code: unknown) => ({ message: 'Internal server error', extensions: { code } });

/** Creates Apollo Server's `formatError`, which has the last word only on requests without an operation. */
export function createFormatError(isProduction: boolean) {
  return ({ extensions }: GraphQLFormattedError, error: unknown): GraphQLFormattedError => {
    if (error instanceof PublicError) return { message: error.message, extensions: withoutHttp(error.extensions) };
    const code = extensions?.code;
    // Before there is an operation, Apollo Server refuses with this code alone.
    const isRefused = code === 'BAD_REQUEST' && error instanceof GraphQLError;
    const refused = isRefused ? libraryRefusal(error, isProduction) : undefined;
    if (!refused) return notYetPublic(code);
    return { message: refused.message, extensions: { ...withoutHttp(refused.extensions), outcome: NOT_SENT } };
  };
}

/** Returns what the caller learns of an error with which a library has refused a request or a field, or undefined. */
function libraryRefusal(error: GraphQLError, isProduction: boolean) {
  const isOurs = error.originalError instanceof PublicError || (error.path && !isOfVariable(error));
  const code = isOfVariable(error) ? 'BAD_USER_INPUT' : error.extensions.code;
  const message = isOurs ? undefined : REFUSED_BY_LIBRARY.get(code);
  if (!message) return undefined;
  return { message: isProduction ? message : error.message, extensions: { ...error.extensions, code } };
}

/** Returns what graphql or Apollo Server has wrapped. */
const causeOf = (error: GraphQLError) => error.originalError ?? error;

/** Apollo Server has taken the status of the response from `http`. */
function withoutHttp({ http: _, ...extensions }: Readonly<Record<string, unknown>>) {
  return extensions;
}

/** Returns whether a root field was refused because a variable with a default is null where a value is required. */
function isOfVariable({ nodes, path }: GraphQLError): boolean {
  return path?.length === 1 && nodes?.[0]?.kind === Kind.VARIABLE;
}
