/**
 * Makes the errors of a response public, where the operation is known. Whatever goes wrong, a caller receives a
 * `PublicError`, or a sentence of ours in place of a library's message, which may quote the request and the schema. An
 * error of a mutation also tells what is known of the write.
 *
 * `formatError` has the errors of requests that have no operation. http/refusals.ts has those of the HTTP server, which
 * refuses before Apollo Server sees a request.
 */
import type { GraphQLRequestContextWillSendResponse } from '@apollo/server';
import { type DocumentNode, GraphQLError, type GraphQLFormattedError, getOperationAST, Kind } from 'graphql';
import type { Logger } from 'pino';
import { NOT_SENT, type WriteOutcome } from '../command-api/failures.ts';
import { maskError, PublicError } from '../errors/public-error.ts';
import { LIMITS } from '../limits.ts';
import type { Context } from './context.ts';
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

/** Returns the errors of a response as the caller receives them. */
export function publicErrorsOf(
  { contextValue, document, errors = [], request, response }: GraphQLRequestContextWillSendResponse<Context>,
  isProduction: boolean,
): GraphQLFormattedError[] {
  const isRefused = response.body.kind === 'single' && response.body.singleResult.data === undefined;
  const isMutating = isMutation(document, request.operationName);
  // graphql names up to fifty faulty variables.
  const named = isRefused ? errors.slice(0, LIMITS.validationErrors + 1) : errors;
  return named.map((error) => {
    const { message, extensions } = refusalOf(error, isProduction) ?? publicOf(causeOf(error), contextValue.unforeseen);
    const outcome = isMutating ? outcomeOf(error, extensions.code, contextValue) : undefined;
    return { ...error.toJSON(), message, extensions: { ...withoutHttp(extensions), ...(outcome && { outcome }) } };
  });
}

/**
 * Returns what an error of a mutation says of a write: at a root field, what its resolver has noted, if it began; without
 * a path, that the operation was refused, unless it failed for an unforeseen reason. Below the root, the write succeeded.
 */
function outcomeOf({ path }: GraphQLError, code: unknown, { outcomes }: Context): WriteOutcome | undefined {
  if (!path) return code === 'INTERNAL_SERVER_ERROR' ? undefined : NOT_SENT;
  return path.length === 1 ? (outcomes.get(path[0]) ?? NOT_SENT) : undefined;
}

/** Formats an error of a request without an operation. `publicErrorsOf` replaces those of operations afterwards. */
export function createFormatError(logger: Logger, isProduction: boolean) {
  return ({ extensions }: GraphQLFormattedError, error: unknown): GraphQLFormattedError => {
    const code = extensions?.code;
    // Before there is an operation, Apollo Server refuses with this code alone.
    if (error instanceof GraphQLError && code !== 'BAD_REQUEST')
      return { message: 'Internal server error', extensions: { code } };
    if (error instanceof PublicError) return { message: error.message, extensions: withoutHttp(error.extensions) };
    const refusal = error instanceof GraphQLError ? refusalOf(error, isProduction) : undefined;
    if (refusal)
      return { message: refusal.message, extensions: { ...withoutHttp(refusal.extensions), outcome: NOT_SENT } };
    const { message, extensions: masked } = maskError(error, logger);
    return { message, extensions: masked };
  };
}

/** Returns what the caller learns of an error with which a library has refused a request or a field, or undefined. */
function refusalOf(error: GraphQLError, isProduction: boolean) {
  const isLibrarys = !(error.originalError instanceof PublicError) && (!error.path || isOfVariable(error));
  const code = isOfVariable(error) ? 'BAD_USER_INPUT' : error.extensions.code;
  const message = isLibrarys ? REFUSED_BY_LIBRARY.get(code) : undefined;
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

/** Returns whether an operation is a mutation, or may be one that its document does not tell. */
export function isMutation(document: DocumentNode | undefined, name: string | undefined): boolean {
  if (!document) return true;
  const operation = getOperationAST(document, name);
  const definitions = operation ? [operation] : document.definitions;
  return definitions.some((one) => one.kind === Kind.OPERATION_DEFINITION && one.operation === 'mutation');
}
