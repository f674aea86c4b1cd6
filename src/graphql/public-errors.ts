/**
 * Makes errors public. Whatever goes wrong, a caller receives a `PublicError`, or a sentence of ours in place of a
 * library's message, which may quote the request and the schema.
 *
 * An error of an operation is made public where the operation is known: the wrapper of a resolver in schema.ts does it,
 * because it knows what became of a write, and `errorPlugin` does it for what graphql or Apollo Server refuses.
 * `formatError` is for what has no operation. http/refusals.ts has the errors of the host, which refuses before Apollo
 * Server sees a request.
 */
import { randomUUID } from 'node:crypto';
import type { ApolloServerPlugin, GraphQLRequestContext } from '@apollo/server';
import { type DocumentNode, GraphQLError, type GraphQLFormattedError, getOperationAST, Kind } from 'graphql';
import type { Logger } from 'pino';
import { type FailureKind, failureOf, NOT_SENT, type WriteOutcome } from '../command-api/failures.ts';
import { type Code, type DescribedFailure, PublicError } from '../errors/public-error.ts';
import { LIMITS } from '../limits.ts';

const UNAVAILABLE = 'The command API could not be reached or could not answer.';
/** What callers read of a command's failure, by its kind. */
const MESSAGES: Readonly<Record<Exclude<FailureKind, 'internal'>, string>> = {
  unauthenticated: 'The command API rejected the access token.',
  forbidden: 'The command API does not allow this command to the caller.',
  rejected: 'The command API rejected the command.',
  throttled: UNAVAILABLE,
  unavailable: UNAVAILABLE,
  failed: UNAVAILABLE,
  unreachable: UNAVAILABLE,
  stale: UNAVAILABLE,
  timeout: 'The command API did not answer in time.',
  invalid: 'The command API sent an invalid reply.',
  too_large: 'The command API sent a reply that is too large.',
  no_memory: 'The subgraph has no memory for this reply now.',
  no_room: 'The subgraph has no room for this command now.',
  breaker_open: 'The command API is failing; the command was not sent.',
  too_many: `Too many commands in one operation: at most ${LIMITS.reads} that read and ${LIMITS.writes} that write.`,
  expired: 'The operation has no time left.',
  cancelled: 'The caller has disconnected.',
};

/** The errors of one operation. The unforeseen ones are masked: they share one id and one log line. */
export class OperationErrors {
  /** The codes of the errors that the response describes as data. */
  readonly codesInData: Code[] = [];
  readonly #unforeseen: unknown[] = [];
  readonly #errorId = randomUUID();

  /** Returns the public form of any error. That of a write tells its `outcome`. */
  toPublic(error: unknown, outcome?: WriteOutcome): PublicError {
    const told = outcome ? { outcome } : {};
    if (error instanceof PublicError) return outcome ? error.with(told) : error;
    const { kind, code, command, upstreamCode, cause } = failureOf(error);
    // The cause has the stack of the bug.
    if (kind === 'internal') return this.mask(cause ?? error, told);
    const known = { command: command?.name, commandId: command?.id, upstreamCode };
    return new PublicError(code, MESSAGES[kind], { ...known, ...told });
  }

  /** Describes the error of a write, for a payload that has it as data. The log has its code like that of an error. */
  describeAsData(error: unknown): DescribedFailure {
    const { code, outcome } = failureOf(error);
    const { message, extensions } = this.toPublic(error, outcome);
    this.codesInData.push(extensions.code);
    return { code, message: extensions.errorId ? `${message}, errorId ${extensions.errorId}` : message, outcome };
  }

  /** Returns what the caller learns of an unforeseen error. */
  mask(error: unknown, told: object = {}): PublicError {
    this.#unforeseen.push(error);
    return new PublicError('INTERNAL_SERVER_ERROR', 'Internal server error', { errorId: this.#errorId, ...told });
  }

  /** The id of the unforeseen errors, or undefined if there are none. */
  get id(): string | undefined {
    return this.#unforeseen.length > 0 ? this.#errorId : undefined;
  }

  /** Logs the first unforeseen error and their number, if there are any. */
  log(logger: Logger): void {
    const [err] = this.#unforeseen;
    if (this.id) logger.error({ errorId: this.id, err, count: this.#unforeseen.length }, 'unforeseen error');
  }
}

/** Masks and logs an error outside of any operation. */
export function maskError(error: unknown, logger: Logger): PublicError {
  const errors = new OperationErrors();
  const masked = errors.mask(error);
  errors.log(logger);
  return masked;
}

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

/** Creates Apollo Server's `formatError`, and the plugin that has the last word where the operation is known. */
export function createErrorFormat(logger: Logger, isProduction: boolean) {
  /** Returns what the caller learns of an error. `toPublic` is for those that no library has refused. */
  function describe(error: unknown, toPublic: (cause: unknown) => PublicError) {
    const code = error instanceof GraphQLError ? codeOfRefusal(error) : undefined;
    const refused = REFUSED_BY_LIBRARY.get(code);
    const message = isProduction ? refused : (error as Error).message;
    const shown = refused
      ? { message: String(message), extensions: { ...(error as GraphQLError).extensions, code } }
      : toPublic(causeOf(error));
    // Apollo Server has taken the status from it.
    const { http: _, ...extensions } = shown.extensions;
    return { message: shown.message, extensions };
  }

  /** Also gets the errors of operations, which the plugin describes afterwards: they must not be masked twice. */
  function formatError({ extensions }: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
    const code = extensions?.code;
    // Before there is an operation, Apollo Server refuses with this code alone.
    const isBad = code === 'BAD_REQUEST';
    if (error instanceof GraphQLError && !isBad) return { message: 'Internal server error', extensions: { code } };
    const described = describe(error, (cause) => (cause instanceof PublicError ? cause : maskError(cause, logger)));
    return isBad ? { ...described, extensions: { ...described.extensions, outcome: NOT_SENT } } : described;
  }

  const errorPlugin: ApolloServerPlugin<{ readonly errors: OperationErrors }> = {
    unexpectedErrorProcessingRequest,
    requestDidStart: async () => ({
      async willSendResponse({ contextValue, document, errors = [], request, response: { body } }) {
        if (body.kind !== 'single' || errors.length === 0) return;
        const isRefused = body.singleResult.data === undefined;
        const mayWrite = isMutation(document, request.operationName);
        // graphql names up to fifty faulty variables.
        const shown = isRefused ? errors.slice(0, LIMITS.validationErrors + 1) : errors;
        body.singleResult.errors = shown.map((error) => {
          const { message, extensions } = describe(error, (cause) => contextValue.errors.toPublic(cause));
          // Nothing of it was executed.
          const told = mayWrite && (isRefused || isOfVariable(error)) ? { outcome: NOT_SENT } : {};
          return { ...error.toJSON(), message, extensions: { ...extensions, ...told } };
        });
      },
    }),
  };

  return { formatError, errorPlugin };
}

/** Returns what graphql or Apollo Server has wrapped. */
const causeOf = (error: unknown) => (error instanceof GraphQLError ? (error.originalError ?? error) : error);

/** Returns the code with which a library has refused an operation or a field; undefined for any other error. */
function codeOfRefusal(error: GraphQLError): unknown {
  if (causeOf(error) instanceof PublicError) return undefined;
  if (isOfVariable(error)) return 'BAD_USER_INPUT';
  return error.path ? undefined : error.extensions.code;
}

/** Returns whether a root field was refused because a variable with a default is null where a value is required. */
const isOfVariable = ({ nodes, path }: GraphQLError) => path?.length === 1 && nodes?.[0]?.kind === Kind.VARIABLE;

/**
 * Apollo Server's hook for unexpected errors. Rethrows them, so that `formatError` masks and logs them. Apollo would
 * log the message, which may quote anything, and respond without an id. Exception: deep nesting can overflow graphql's
 * stack during validation, which is the caller's fault.
 */
async function unexpectedErrorProcessingRequest({ error, requestContext }: Unexpected): Promise<void> {
  if (!(error instanceof RangeError)) throw error;
  const { document, request } = requestContext;
  const outcome = isMutation(document, request.operationName) ? NOT_SENT : undefined;
  const extensions = { outcome, http: { status: 200 } };
  throw new PublicError('GRAPHQL_VALIDATION_FAILED', 'The document is nested too deeply.', extensions);
}
type Unexpected = { readonly requestContext: GraphQLRequestContext<object>; readonly error: Error };

/** Returns whether an operation is a mutation, or may be one that its document does not tell. */
function isMutation(document: DocumentNode | undefined, name: string | undefined): boolean {
  if (!document) return true;
  const operation = getOperationAST(document, name);
  const definitions = operation ? [operation] : document.definitions;
  return definitions.some((one) => one.kind === Kind.OPERATION_DEFINITION && one.operation === 'mutation');
}
