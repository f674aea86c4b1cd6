/**
 * Makes the errors of operations public: those of commands, of arguments, of graphql and Apollo Server, and bugs.
 *
 * An error takes one of three ways to its caller. A resolver or a field fails: its wrapper in schema.ts calls
 * `OperationErrors.publish`. A part of a batch fails, and the payload describes it as data: `publishAsData`. graphql or
 * Apollo Server refuses the operation as a whole: Apollo Server calls `formatError`, as it does with every error of a
 * response. http/refusals.ts has the errors of the host, which refuses before Apollo Server sees a request.
 */
import { randomUUID } from 'node:crypto';
import type { GraphQLRequestContext, GraphQLRequestContextDidEncounterErrors } from '@apollo/server';
import { type DocumentNode, GraphQLError, type GraphQLFormattedError, getOperationAST, Kind } from 'graphql';
import type { Logger } from 'pino';
import { type CommandApiError, failureOf, NOT_SENT, outcomeOf, type WriteOutcome } from '../command-api/failures.ts';
import { type Code, type DescribedFailure, PublicError } from '../errors/public-error.ts';
import type { Account } from '../resources/memory.ts';
import { ExceededLimit, LIMITS } from './limits.ts';

/**
 * Bytes of an error with its message, path and extensions. 1,900 were measured; with 1,000, `npm run test:soak --
 * hostile-callers` keeps its bounds.
 */
const ERROR_BYTES = 1000;

/** Unforeseen errors, which are masked. They share one id, which the caller receives, and one log line. */
export class UnforeseenErrors {
  readonly #errors: unknown[] = [];
  readonly #errorId = randomUUID();

  /** Returns the masked error for the caller. */
  mask(error: unknown, extensions: object = {}): PublicError {
    this.#errors.push(error);
    return new PublicError('INTERNAL_SERVER_ERROR', 'Internal server error', { errorId: this.#errorId, ...extensions });
  }

  /** Their id, or undefined if there are none. */
  get id(): string | undefined {
    return this.#errors.length > 0 ? this.#errorId : undefined;
  }

  /** Logs the first error and the number of errors, if there are any. */
  log(logger: Logger): void {
    const [err] = this.#errors;
    if (this.id) logger.error({ errorId: this.id, err, count: this.#errors.length }, 'unforeseen error');
  }
}

/** The errors of one operation: makes them public, limits their number, and collects the unforeseen ones. */
export class OperationErrors extends UnforeseenErrors {
  /** The codes of the errors that the response describes as data. */
  readonly codesInData: Code[] = [];
  readonly #account: Account;
  #left: number = LIMITS.errors;

  /** The account holds the bytes of the errors, even without room for them. */
  constructor(account: Account) {
    super();
    this.#account = account;
  }

  /** Whether the response has room for a further error. */
  hasRoom(): boolean {
    return this.#left > 0;
  }

  /**
   * Returns the public form of the error of a resolver or of an undecodable field, or null without room for it. The
   * error of a write always has room, and tells its `outcome`.
   */
  publish(error: unknown, outcome?: WriteOutcome): PublicError | null {
    if (this.#left === 0 && !outcome) return null;
    this.#left = Math.max(0, this.#left - 1);
    this.#account.reserve(ERROR_BYTES);
    const shown = this.#toPublic(error, outcome);
    // The last error says that others are missing, because a null without an error means that nothing is there.
    return this.#left > 0
      ? shown
      : shown.with({ othersOmitted: true }, `${shown.message} Further errors may be omitted.`);
  }

  /** Describes the error of a write, for a payload that has it as data. The log has its code like that of an error. */
  publishAsData(error: unknown): DescribedFailure {
    const { code } = failureOf(error);
    const outcome = outcomeOf(error);
    const { message, extensions } = this.#toPublic(error, outcome);
    this.codesInData.push(extensions.code);
    return {
      code,
      message: extensions.errorId ? `${message}, errorId ${extensions.errorId}` : message,
      outcome,
    };
  }

  #toPublic(error: unknown, outcome?: WriteOutcome): PublicError {
    const told = outcome ? { outcome } : {};
    if (error instanceof PublicError) return outcome ? error.with(told) : error;
    const { code, publicMessage } = failureOf(error);
    // The cause has the stack of the bug.
    if (code === 'INTERNAL_SERVER_ERROR') return this.mask((error as Error | undefined)?.cause ?? error, told);
    const { command, failure } = error as CommandApiError;
    const known = { command: command?.name, commandId: command?.id, upstreamCode: failure.upstreamCode };
    return new PublicError(code, publicMessage, { ...known, ...told });
  }
}

/** Masks and logs an error outside of any operation. */
export function maskError(error: unknown, logger: Logger): PublicError {
  const unforeseen = new UnforeseenErrors();
  const masked = unforeseen.mask(error);
  unforeseen.log(logger);
  return masked;
}

/**
 * The messages of requests that graphql or Apollo Server refuses, by code. Their own messages quote the request and the
 * schema: only developers see them.
 */
const REFUSED_BY_LIBRARY = new Map<unknown, string>([
  ['GRAPHQL_PARSE_FAILED', `The document has a syntax error or over ${LIMITS.tokens.toLocaleString('en')} tokens.`],
  ['GRAPHQL_VALIDATION_FAILED', 'The document does not fit the schema, or selects one field too often.'],
  ['OPERATION_RESOLUTION_FAILURE', 'The document has several operations, or none of this name.'],
  // Clients look for this text.
  ['PERSISTED_QUERY_NOT_SUPPORTED', 'PersistedQueryNotSupported'],
  ['BAD_REQUEST', 'Send one JSON object with a query by POST, and accept JSON.'],
]);

type Encountered = GraphQLRequestContextDidEncounterErrors<{ readonly errors: UnforeseenErrors }>;
type Unexpected = { readonly requestContext: GraphQLRequestContext<object>; readonly error: Error };

/** Creates Apollo Server's `formatError`, and the hook that tells it of which operation an error is. */
export function createErrorFormat(logger: Logger, isProduction: boolean) {
  // Apollo Server calls `formatError` without the operation, but with the same error objects as the hook.
  const operations = new WeakMap<object, { errors: UnforeseenErrors; mayWrite: boolean }>();

  async function didEncounterErrors({ errors, document, request, contextValue }: Encountered): Promise<void> {
    const mayWrite = isMutation(document, request.operationName);
    for (const error of errors) operations.set(error, { errors: contextValue.errors, mayWrite });
  }

  function formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
    // graphql or Apollo Server may have wrapped it.
    const cause = error instanceof GraphQLError ? (error.originalError ?? error) : error;
    const isOurs = cause instanceof PublicError || cause instanceof ExceededLimit;
    const { path, extensions } = formatted;
    // Of a resolver: its wrapper has told the outcome.
    if (isOurs && path) return formatted;
    const operation = operations.get(error as object);
    const refused = path ? undefined : REFUSED_BY_LIBRARY.get(extensions?.code);
    if (isOurs || refused) {
      const message = isOurs || !isProduction ? formatted.message : String(refused);
      // Nothing of it was executed. Apollo Server refuses a bad request before it is parsed, without plugins.
      const isUnsent = operation?.mayWrite || extensions?.code === 'BAD_REQUEST';
      return { ...formatted, message, extensions: { ...extensions, ...(isUnsent && { outcome: NOT_SENT }) } };
    }
    const masked = operation?.errors.mask(cause) ?? maskError(cause, logger);
    return { ...formatted, message: masked.message, extensions: { ...masked.extensions } };
  }

  return { formatError, didEncounterErrors };
}

/**
 * Apollo Server's hook for unexpected errors. Rethrows them, so that `formatError` masks and logs them. Apollo would
 * log the message, which may quote anything, and respond without an id. Exception: deep nesting can overflow graphql's
 * stack during validation, which is the caller's fault.
 */
export async function unexpectedErrorProcessingRequest({ error, requestContext: { document, request } }: Unexpected) {
  if (!(error instanceof RangeError)) throw error;
  const outcome = isMutation(document, request.operationName) ? NOT_SENT : undefined;
  const extensions = { outcome, http: { status: 200 } };
  throw new PublicError('GRAPHQL_VALIDATION_FAILED', 'The document is nested too deeply.', extensions);
}

/** Returns whether an operation is a mutation, or may be one that its document does not tell. */
function isMutation(document: DocumentNode | undefined, name: string | undefined): boolean {
  if (!document) return true;
  const operation = getOperationAST(document, name);
  const definitions = operation ? [operation] : document.definitions;
  return definitions.some((one) => one.kind === Kind.OPERATION_DEFINITION && one.operation === 'mutation');
}
