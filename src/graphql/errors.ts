/**
 * Maps every refusal and failure to a code and a message for the client. This is the only place that does so. Other
 * errors are masked.
 */
import { randomUUID } from 'node:crypto';
import type { ApolloServerPlugin } from '@apollo/server';
import { ApolloServerErrorCode, unwrapResolverError } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError, Kind } from 'graphql';
import type { Logger } from 'pino';
import { CommandApiError, type Reason } from '../command-api/errors.ts';
import { LIMITS } from './limits.ts';

/**
 * A refusal before any command is sent, or because the response would be too large. The client receives the message,
 * which never repeats a value, and the extensions.
 */
export class Refusal extends Error {
  /** graphql takes them for the error of the field. */
  readonly extensions: Record<string, unknown>;

  constructor(code: 'UNAUTHENTICATED' | 'BAD_USER_INPUT' | 'UPSTREAM_UNAVAILABLE', message: string, faults?: object[]) {
    // Skip the stack: an operation may have a thousand refusals, and a refusal's stack is never logged.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
    this.extensions = { code, arguments: faults };
  }
}

/**
 * Maps the path of an argument (`input.finishTime`, `ids[3]`) to its fault, as the rest of a sentence after the name.
 */
export type Faults = Readonly<Record<string, string | undefined>>;

/** Returns the refusal of a field's arguments, with their first 20 faults. Needs at least one fault. */
export function badInput(faults: Faults): Refusal {
  const found = Object.entries(faults).flatMap(([argument, message]) => (message ? { argument, message } : []));
  const shown = found.slice(0, LIMITS.argumentFaults);
  const more = shown.length > 1 ? ` ${shown.length - 1} more in extensions.arguments.` : '';
  return new Refusal('BAD_USER_INPUT', `Argument "${shown[0]?.argument}" ${shown[0]?.message}.${more}`, shown);
}

/** Code and message for each reason why a command failed. */
const FAILURES = {
  unauthenticated: { code: 'UNAUTHENTICATED', message: 'The command API refused the access token.' },
  forbidden: { code: 'FORBIDDEN', message: 'The command API does not allow this command to the caller.' },
  rejected: { code: 'COMMAND_REJECTED', message: 'The command API refused the command.' },
  timeout: { code: 'UPSTREAM_TIMEOUT', message: 'The command API did not answer in time.' },
  unavailable: { code: 'UPSTREAM_UNAVAILABLE', message: 'The command API could not be reached or could not answer.' },
  // Only for logs and metrics: the caller has disconnected.
  gone: { code: 'CALLER_GONE', message: 'The caller has disconnected.' },
  invalid: { code: 'UPSTREAM_INVALID_RESPONSE', message: 'The command API sent an invalid reply.' },
  internal: { code: 'INTERNAL_SERVER_ERROR', message: 'Internal server error' },
} as const satisfies Record<Reason, { code: string; message: string }>;

/** All possible outcomes of a command in metrics. */
export const OUTCOMES = ['OK', ...Object.values(FAILURES).map(({ code }) => code)];

/** Returns the code of a failed command. */
export function codeOf(error: unknown) {
  return error instanceof CommandApiError ? FAILURES[error.reason].code : 'INTERNAL_SERVER_ERROR';
}

/** Returns the message for a failed command. */
function messageOf({ reason, details: { limit } }: CommandApiError): string {
  const { message } = FAILURES[reason];
  return limit ? `The command API sent more than ${limit} bytes, the limit of MAX_REPLY_BYTES.` : message;
}

/** Collects the unforeseen errors of one operation. They share one id, which the client receives, and one log line. */
export class Unforeseen {
  readonly errorId = randomUUID();
  readonly errors: unknown[] = [];

  /** Returns the masked error for the client. */
  mask(error: unknown) {
    this.errors.push(error);
    const { code, message } = FAILURES.internal;
    return { message, extensions: { code, errorId: this.errorId } };
  }

  /** Logs the first error and the number of errors. */
  log(logger: Logger): void {
    const { errorId, errors } = this;
    if (errors.length > 0) logger.error({ errorId, err: errors[0], count: errors.length }, 'unforeseen error');
  }
}

/** Masks and logs an error outside of any operation. */
export function maskError(error: unknown, logger: Logger) {
  const unforeseen = new Unforeseen();
  const masked = unforeseen.mask(error);
  unforeseen.log(logger);
  return masked;
}

/** Describes failed writes as data. The message of an unforeseen error contains its id. */
export function describeFailures(failures: readonly { id: string; error: unknown }[], unforeseen: Unforeseen) {
  for (const error of new Set(failures.map(({ error }) => error))) if (!isForeseen(error)) unforeseen.mask(error);
  return failures.map(({ id, error }) => ({
    id,
    // A write is never aborted because its caller has disconnected.
    code: codeOf(error) as Exclude<ReturnType<typeof codeOf>, 'CALLER_GONE'>,
    message: isForeseen(error) ? messageOf(error) : `${FAILURES.internal.message}, errorId ${unforeseen.errorId}`,
    outcome: error instanceof CommandApiError ? error.outcome : 'UNKNOWN',
  }));
}

function isForeseen(error: unknown): error is CommandApiError {
  return error instanceof CommandApiError && error.reason !== 'internal';
}

/** Apollo's codes for requests that it refuses before execution. */
const REQUEST_CODES: ReadonlySet<unknown> = new Set(
  Object.values(ApolloServerErrorCode).filter((code) => code !== ApolloServerErrorCode.INTERNAL_SERVER_ERROR),
);

const QUOTED = 250;

/**
 * Creates Apollo Server's `formatError`, and the plugin that gives the unforeseen errors of an operation one id and one
 * log line.
 */
export function createErrorFormat(logger: Logger) {
  const masks = new WeakMap<object, ReturnType<typeof maskError>>();

  const plugin: ApolloServerPlugin<{ unforeseen: Unforeseen }> = {
    unexpectedErrorProcessingRequest,
    async requestDidStart() {
      return {
        async didEncounterErrors({ errors, contextValue: { unforeseen } }) {
          for (const error of errors) {
            const cause = unwrapResolverError(error);
            if (!explain(error, cause)) masks.set(error, unforeseen.mask(cause));
          }
        },
        async willSendResponse({ contextValue: { unforeseen }, operation, source, request, response: { http } }) {
          unforeseen.log(logger);
          const isMutation = operation?.operation === 'mutation';
          if (!isMutation && (!source || http.status !== 400)) return;
          const [type] = /application\/(graphql-response\+)?json/.exec(request.http?.headers.get('accept') ?? '') ?? [];
          // The first JSON type that is named. Apollo would refuse others with 406, even after a mutation has run.
          if (type || isMutation) http.headers.set('content-type', `${type ?? 'application/json'}; charset=utf-8`);
          // Apollo answers 400 if a document does not parse or validate. GraphQL over HTTP requires 200 for
          // application/json.
          if (http.status === 400 && type !== 'application/graphql-response+json') http.status = 200;
        },
      };
    },
  };

  function formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
    const cause = unwrapResolverError(error);
    const known = explain(formatted, cause);
    if (known) return { ...formatted, ...known };
    const masked = masks.get(error as object) ?? maskError(cause, logger);
    // Add the outcome of a write, even if the resolver itself failed.
    const isRead = cause instanceof CommandApiError && !cause.command?.write;
    const outcome = isRead ? undefined : (cause as { outcome?: unknown } | undefined)?.outcome;
    return { ...formatted, ...masked, extensions: { ...masked.extensions, outcome } };
  }

  return { plugin, formatError };
}

type Explained = Pick<GraphQLFormattedError, 'message' | 'extensions'>;

/** Returns message and extensions for the client, or undefined for an unforeseen error. */
function explain(error: GraphQLError | GraphQLFormattedError, cause: unknown): Explained | undefined {
  const { message, path, extensions } = error;
  if (path === undefined && REQUEST_CODES.has(extensions?.code))
    return { message: curtail(message), extensions: { ...extensions } };
  if (isForeseen(cause)) {
    const { command, outcome, details } = cause;
    const known = { command: command?.name, commandId: command?.id, upstreamCode: details.upstreamCode };
    return {
      message: messageOf(cause),
      extensions: { code: codeOf(cause), ...known, ...(command?.write && { outcome }) },
    };
  }
  if (cause instanceof Refusal) return { message, extensions: cause.extensions };
  return isRefusedByGraphql(cause, path) ? { message, extensions: { code: 'BAD_USER_INPUT' } } : undefined;
}

/**
 * Apollo Server's hook for unexpected errors. Rethrows them, so that formatError masks and logs them. Apollo would log
 * the message, which may quote anything, and respond without an id. Exception: hundreds of nested fragments can
 * overflow graphql's stack during validation, which is the caller's fault.
 */
async function unexpectedErrorProcessingRequest({ error }: { error: Error }) {
  if (error.message !== 'Maximum call stack size exceeded') throw error;
  throw new GraphQLError('The document is nested too deeply.', {
    extensions: { code: ApolloServerErrorCode.GRAPHQL_VALIDATION_FAILED, http: { status: 200 } },
  });
}

/**
 * Removes graphql's suggestions, which name parts of the schema, and shortens messages, which may quote a whole input.
 */
function curtail(message: string): string {
  const suggestion = message.endsWith('?') ? message.lastIndexOf(' Did you mean ') : -1;
  const head = suggestion < 0 ? message : message.slice(0, suggestion);
  const short = head.length > 2 * QUOTED ? `${head.slice(0, QUOTED)} … ${head.slice(-QUOTED)}` : head;
  // Cutting may split a character, which some JSON parsers reject.
  return short.toWellFormed();
}

/**
 * Returns whether graphql itself refused the caller's input, without a code: a null through a variable with a default,
 * or too many faulty variables. Such an error points at a value or nowhere. An error about a resolver's result points
 * at a field.
 */
function isRefusedByGraphql(cause: unknown, path: GraphQLFormattedError['path']): boolean {
  if (!(cause instanceof GraphQLError) || cause.originalError) return false;
  const [node] = cause.nodes ?? [];
  return node ? node.kind !== Kind.FIELD : path === undefined;
}
