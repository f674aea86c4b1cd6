/**
 * Codes and messages for clients: of failed commands, wrong arguments and unforeseen errors, which are masked.
 */
import { randomUUID } from 'node:crypto';
import type { ApolloServerPlugin } from '@apollo/server';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Logger } from 'pino';
import { CommandApiError, type FailureKind, type WriteOutcome } from '../command-api/errors.ts';
import { LIMITS } from './limits.ts';

/** The codes of failed commands. The public schema lists the same. */
type FailureCode =
  | ('UNAUTHENTICATED' | 'FORBIDDEN' | 'COMMAND_REJECTED' | 'INTERNAL_SERVER_ERROR')
  | `UPSTREAM_${'TIMEOUT' | 'UNAVAILABLE' | 'INVALID_RESPONSE'}`;
/** Every code that the subgraph sends. `CALLER_GONE` is only in logs and metrics. */
export type Code =
  | FailureCode
  | `${ApolloServerErrorCode}`
  | 'CALLER_GONE'
  | 'OVERLOADED'
  | 'ROUTER_UNAUTHENTICATED'
  | 'NOT_FOUND';

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

/** The code and message of a kind of failure. */
type PublicFailure = { readonly message: string } & (
  | { readonly code: FailureCode }
  // A batch delete describes failures as data, with fewer codes.
  | { readonly code: Exclude<Code, FailureCode>; readonly batchCode: FailureCode }
);

const TIMEOUT = { code: 'UPSTREAM_TIMEOUT', message: 'The command API did not answer in time.' } as const;
const UNAVAILABLE = {
  code: 'UPSTREAM_UNAVAILABLE',
  message: 'The command API could not be reached or could not answer.',
} as const;
const INVALID = { code: 'UPSTREAM_INVALID_RESPONSE', message: 'The command API sent an invalid reply.' } as const;
const INTERNAL = { code: 'INTERNAL_SERVER_ERROR', message: 'Internal server error' } as const;
const TOO_MANY = { code: 'BAD_USER_INPUT', batchCode: UNAVAILABLE.code } as const;

/** Code and message for each kind of failure of a command. */
const PUBLIC_FAILURES: Readonly<Record<FailureKind, PublicFailure>> = {
  unauthenticated: { code: 'UNAUTHENTICATED', message: 'The command API refused the access token.' },
  forbidden: { code: 'FORBIDDEN', message: 'The command API does not allow this command to the caller.' },
  rejected: { code: 'COMMAND_REJECTED', message: 'The command API refused the command.' },
  timeout: TIMEOUT,
  late_timeout: TIMEOUT,
  expired: TIMEOUT,
  throttled: UNAVAILABLE,
  unavailable: UNAVAILABLE,
  failed: UNAVAILABLE,
  failed_cut_off: UNAVAILABLE,
  stale: UNAVAILABLE,
  unreachable: UNAVAILABLE,
  unusable: UNAVAILABLE,
  no_room: { ...UNAVAILABLE, message: 'The subgraph has no room for this command now.' },
  breaker_open: { ...UNAVAILABLE, message: 'The command API is failing; the command was not sent.' },
  too_many_reads: { ...TOO_MANY, message: `Too many reads in one operation: at most ${LIMITS.reads} commands.` },
  too_many_writes: { ...TOO_MANY, message: `Too many writes in one operation: at most ${LIMITS.writes} commands.` },
  // Only for logs and metrics: the caller has disconnected. A write is never cancelled.
  cancelled: { code: 'CALLER_GONE', batchCode: INTERNAL.code, message: 'The caller has disconnected.' },
  envelope: INVALID,
  result: INVALID,
  empty: INVALID,
  bytes: INVALID,
  member: INVALID,
  size: { ...INVALID, message: 'The command API sent a reply larger than MAX_REPLY_BYTES.' },
  internal: INTERNAL,
};

/** The codes of commands in metrics: of success and of failures. A command that is one too many is not recorded. */
export const COMMAND_CODES = new Set(
  ['OK', ...Object.values(PUBLIC_FAILURES).map(({ code }) => code)].filter((code) => code !== 'BAD_USER_INPUT'),
);

/** Returns the code and message of a failed command. */
function describeFailure(error: unknown): PublicFailure {
  return error instanceof CommandApiError ? PUBLIC_FAILURES[error.kind] : INTERNAL;
}

/** Returns the code of a failed command. */
export function codeOf(error: unknown): Code {
  return describeFailure(error).code;
}

/** Returns the code of a failed command in the data of a batch. */
export function batchCodeOf(error: unknown): FailureCode {
  const failure = describeFailure(error);
  return 'batchCode' in failure ? failure.batchCode : failure.code;
}

/** Throws if the caller has disconnected, so that no one waits for the response. */
export function refuseIfCancelled({ reason }: AbortSignal): void {
  const { code, message } = PUBLIC_FAILURES.cancelled;
  if (reason === 'cancelled') throw new PublicError(code, message);
}

/** Collects the unforeseen errors of one operation. They share one id, which the client receives, and one log line. */
export class Unforeseen {
  readonly errors: unknown[] = [];
  readonly errorId = randomUUID();

  /** Returns the masked error for the client. */
  mask(error: unknown, extensions: object = {}): PublicError {
    this.errors.push(error);
    return new PublicError(INTERNAL.code, INTERNAL.message, { errorId: this.errorId, ...extensions });
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
  const { code, message } = describeFailure(error);
  if (!(error instanceof CommandApiError)) return unforeseen.mask(error, withOutcome('UNKNOWN'));
  const { command, details, outcome } = error;
  if (code === 'INTERNAL_SERVER_ERROR') return unforeseen.mask(error.cause ?? error, withOutcome(outcome));
  const known = { command: command?.name, commandId: command?.id, upstreamCode: details.upstreamCode };
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
 * Creates Apollo Server's `formatError`, and the plugin that gives unforeseen errors outside of resolvers the id of their
 * operation. Errors of resolvers are public already.
 */
export function createErrorFormat(logger: Logger) {
  const masks = new WeakMap<object, PublicError>();

  const plugin: ApolloServerPlugin<{ unforeseen: Unforeseen }> = {
    requestDidStart: async () => ({
      async didEncounterErrors({ errors, contextValue: { unforeseen } }) {
        for (const error of errors)
          if (!toKnown(error.toJSON(), error)) masks.set(error, unforeseen.mask(causeOf(error)));
      },
    }),
  };

  function formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
    const known = toKnown(formatted, error);
    if (known) return known;
    const { message, extensions } = masks.get(error as object) ?? maskError(causeOf(error), logger);
    return { ...formatted, message, extensions: { ...extensions } };
  }

  return { plugin, formatError };
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
