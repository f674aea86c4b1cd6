/**
 * Codes and messages for clients: of failed commands, wrong arguments and unforeseen errors, which are masked.
 */
import { randomUUID } from 'node:crypto';
import type { ApolloServerPlugin } from '@apollo/server';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import { type DocumentNode, GraphQLError, type GraphQLFormattedError, getOperationAST, Kind } from 'graphql';
import type { Logger } from 'pino';
import { CommandApiError, type FailureCode, publicFormOf, type WriteOutcome } from '../command-api/failures.ts';
import { LIMITS } from './limits.ts';

/** The codes of clients. Only logs and metrics have `CALLER_GONE`. */
export type Code = FailureCode | `${ApolloServerErrorCode}` | 'OVERLOADED' | 'ROUTER_UNAUTHENTICATED' | 'NOT_FOUND';

/** An error whose message and extensions the client receives. Neither may repeat a value of the caller. */
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

/**
 * Maps the path of an argument (`input.finishTime`, `ids[3]`) to its fault, as the rest of a sentence after the name.
 */
export type Faults = Record<string, string | undefined>;

/** Returns the error of arguments, with their first 20 faults and further extensions. Needs at least one fault. */
export function badUserInput(faults: Faults, further: object = {}): PublicError {
  const found = Object.entries(faults).flatMap(([argument, message]) => (message ? { argument, message } : []));
  const shown = found.slice(0, LIMITS.argumentFaults);
  const more = shown.length > 1 ? ` ${shown.length - 1} more in extensions.arguments.` : '';
  const message = `Argument "${shown[0]?.argument}" ${shown[0]?.message}.${more}`;
  return new PublicError('BAD_USER_INPUT', message, { arguments: shown, ...further });
}

/** Throws if the time of the operation is over, or if its caller has left. */
export function refuseIfEnded({ reason }: AbortSignal): void {
  if (reason === 'cancelled') throw new PublicError('CALLER_GONE', 'The caller has disconnected.');
  if (reason === 'expired') throw new PublicError('UPSTREAM_TIMEOUT', 'The operation has no time left.');
}

/** Collects the unforeseen errors of one operation. They share one id, which the client receives, and one log line. */
export class Unforeseen {
  readonly errors: unknown[] = [];
  readonly errorId = randomUUID();

  /** Returns the masked error for the client. */
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
  const unforeseen = new Unforeseen();
  const masked = unforeseen.mask(error);
  unforeseen.log(logger);
  return masked;
}

/**
 * Returns the public form of an error of a resolver, or of an undecodable member. With `isWrite`, it tells the outcome of
 * the write: an error that is public already refused it before it was sent.
 */
export function toPublicError(error: unknown, unforeseen: Unforeseen, isWrite: boolean): PublicError {
  const withOutcome = (outcome: WriteOutcome) => (isWrite ? { outcome } : {});
  if (error instanceof PublicError) {
    const { message, extensions } = error;
    return isWrite ? new PublicError(extensions.code, message, { ...extensions, outcome: 'NOT_SENT' }) : error;
  }
  const { code, message } = publicFormOf(error);
  if (!(error instanceof CommandApiError)) return unforeseen.mask(error, withOutcome('UNKNOWN'));
  const { command, failure, outcome } = error;
  // The cause has the stack of the bug.
  if (code === 'INTERNAL_SERVER_ERROR') return unforeseen.mask(error.cause ?? error, withOutcome(outcome));
  const known = { command: command?.name, commandId: command?.id, upstreamCode: failure.upstreamCode };
  return new PublicError(code, message, { ...known, ...withOutcome(outcome) });
}

const { BAD_USER_INPUT, INTERNAL_SERVER_ERROR } = ApolloServerErrorCode;
/** Apollo's codes for requests that it refuses before execution. Faulty variables are our own errors: see variables.ts. */
const REQUEST_CODES: ReadonlySet<unknown> = new Set(
  Object.values(ApolloServerErrorCode).filter((code) => code !== BAD_USER_INPUT && code !== INTERNAL_SERVER_ERROR),
);

/** graphql's messages that quote a request or give no reason, and what replaces them. Anchored, because a name may have a megabyte. */
const QUOTES: readonly [RegExp, string][] = [
  [/^(Syntax Error: .*?)(?:: |(?<=String|Int|Float|Name) ").*$/s, '$1.'],
  [/^(Expected value of type "[^"]+"), found .*$/s, '$1.'],
  [/^((?:Enum )?"?\w+"? cannot represent [^:]+): .*$/s, '$1.'],
  [/^Value "\w+"/, 'The value'],
  [/^Unknown operation named .*$/s, 'Unknown operation.'],
  [/^Maximum call stack size exceeded$/, 'The document is nested too deeply.'],
  // graphql stops after half a million comparisons of fields.
  [/^Validation aborted\.$/, 'The document selects one field too often to be validated.'],
];
/** Suggestions show the schema. */
const SUGGESTION = / Did you mean .*$/s;
/** A name in a document may have a megabyte. */
const MAX_MESSAGE = 500;

/**
 * Creates Apollo Server's `formatError`, and its plugin: unforeseen errors outside of resolvers get the id of their operation,
 * and what refuses a mutation as a whole says that nothing was sent. Errors of resolvers are public already.
 */
export function createErrorFormat(logger: Logger) {
  const masks = new WeakMap<object, PublicError>();
  const refusals = new WeakSet<object>();

  const plugin: ApolloServerPlugin<{ unforeseen: Unforeseen }> = {
    requestDidStart: async () => ({
      async didEncounterErrors({ errors, document, request, contextValue: { unforeseen } }) {
        const mayWrite = !document || isMutation(document, request.operationName);
        for (const error of errors) {
          if (!toKnown(error.toJSON(), error)) masks.set(error, unforeseen.mask(causeOf(error)));
          else if (mayWrite && !error.path) refusals.add(error);
        }
      },
    }),
  };

  function formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
    const known = toKnown(formatted, error);
    if (!known) {
      const { message, extensions } = masks.get(error as object) ?? maskError(causeOf(error), logger);
      return { ...formatted, message, extensions: { ...extensions } };
    }
    // Apollo Server refuses a bad request before it is parsed, without its plugins.
    const isRefusal = refusals.has(error as object) || known.extensions?.code === ApolloServerErrorCode.BAD_REQUEST;
    return isRefusal ? { ...known, extensions: { ...known.extensions, outcome: 'NOT_SENT' } } : known;
  }

  return { plugin, formatError };
}

/** Returns whether an operation is a mutation, or may be one that its document does not tell. */
function isMutation(document: DocumentNode, name: string | undefined): boolean {
  const operation = getOperationAST(document, name);
  const definitions = operation ? [operation] : document.definitions;
  return definitions.some((one) => one.kind === Kind.OPERATION_DEFINITION && one.operation === 'mutation');
}

/** Returns the error that graphql or Apollo Server has wrapped, if any. */
function causeOf(error: unknown): unknown {
  return error instanceof GraphQLError ? (error.originalError ?? error) : error;
}

/** Returns the error for the client, or undefined for an unforeseen error. */
function toKnown(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError | undefined {
  if (causeOf(error) instanceof PublicError) return formatted;
  if (formatted.path !== undefined) return undefined;
  // graphql itself refuses a subscription, without a code.
  const isCodeless = error instanceof GraphQLError && !error.originalError && !error.extensions.code;
  if (!isCodeless && !REQUEST_CODES.has(formatted.extensions?.code)) return undefined;
  const whole = QUOTES.reduce((text, [quote, rest]) => text.replace(quote, rest), formatted.message);
  const message = whole.slice(0, MAX_MESSAGE).replace(SUGGESTION, '');
  const extensions = isCodeless ? { code: BAD_USER_INPUT } : { ...formatted.extensions };
  return { ...formatted, message, extensions };
}
