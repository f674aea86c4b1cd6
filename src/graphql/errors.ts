/**
 * What a client sees of an error: every refusal, code and message, and the one place that maps our three kinds of failure to
 * them. What was not meant for a client is masked.
 */
import { randomUUID } from 'node:crypto';
import type { ApolloServerPlugin } from '@apollo/server';
import { ApolloServerErrorCode, unwrapResolverError } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError, Kind } from 'graphql';
import type { Logger } from 'pino';
import { CommandApiError, type Reason, type WriteOutcome } from '../command-api/errors.ts';
import { LIMITS } from './limits.ts';

type RefusalCode = 'UNAUTHENTICATED' | 'BAD_USER_INPUT' | 'UPSTREAM_UNAVAILABLE';

/**
 * What is refused before any command is sent, or since the answer to one is too large to pass on. The message is for the
 * client to read, and repeats no value.
 */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly arguments?: readonly ArgumentFault[] | undefined;
  outcome?: WriteOutcome;

  constructor(code: RefusalCode, message: string, faults?: readonly ArgumentFault[]) {
    // A thousand may be refused at once, and nobody reads where.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = code;
    this.arguments = faults;
  }
}

/** The path of an argument, `input.finishTime` or `ids[3]` → what is wrong with it, to go on where its name ends. */
export type Faults = Readonly<Record<string, string | undefined>>;

interface ArgumentFault {
  readonly argument: string;
  readonly message: string;
}

/** The refusal of a field's arguments, with the first 20 faults. At least one must be there. */
export function badInput(faults: Faults): Refusal {
  const found = Object.entries(faults).flatMap(([argument, message]) => (message ? { argument, message } : []));
  const told = found.slice(0, LIMITS.argumentFaults);
  const more = told.length > 1 ? ` ${told.length - 1} more in extensions.arguments.` : '';
  return new Refusal('BAD_USER_INPUT', `Argument "${told[0]?.argument}" ${told[0]?.message}.${more}`, told);
}

/** The code and message for each reason why a command failed. */
const FAILURES = {
  unauthenticated: { code: 'UNAUTHENTICATED', message: 'The command API did not accept the access token.' },
  forbidden: { code: 'FORBIDDEN', message: 'The command API does not allow this to the caller.' },
  rejected: { code: 'COMMAND_REJECTED', message: 'The command API refused the command.' },
  timeout: { code: 'UPSTREAM_TIMEOUT', message: 'The command API did not answer in time.' },
  unavailable: { code: 'UPSTREAM_UNAVAILABLE', message: 'The command API could not be reached or could not answer.' },
  // Nobody reads this answer.
  gone: { code: 'CALLER_GONE', message: 'The caller has gone.' },
  invalid: { code: 'UPSTREAM_INVALID_RESPONSE', message: 'The command API answered something other than it promises.' },
  internal: { code: 'INTERNAL_SERVER_ERROR', message: 'Internal server error' },
} as const satisfies Record<Reason, { code: string; message: string }>;

/** The outcomes that a command can have. */
export const OUTCOMES = ['OK', ...Object.values(FAILURES).map(({ code }) => code)];

/** The code of why a command failed. */
export function codeOf(error: unknown) {
  return error instanceof CommandApiError ? FAILURES[error.reason].code : 'INTERNAL_SERVER_ERROR';
}

/** Why a command failed, in a sentence. */
function messageOf({ reason, details: { limit } }: CommandApiError): string {
  const { message } = FAILURES[reason];
  return limit ? `The command API answered more than ${limit} bytes, the limit of MAX_REPLY_BYTES.` : message;
}

/** The errors of one operation that nobody foresaw. They share an id, which the client is told, and a line in the log. */
export class Unforeseen {
  readonly errorId = randomUUID();
  readonly errors: unknown[] = [];

  /** Returns what the client is told of an error. */
  mask(error: unknown) {
    this.errors.push(error);
    const { code, message } = FAILURES.internal;
    return { message, extensions: { code, errorId: this.errorId } };
  }

  /** Logs the first error, and how many there are. */
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

/** Describes failed writes as data. An error that nobody foresaw has its id in the message. */
export function describeFailures(failures: readonly { id: string; error: unknown }[], unforeseen: Unforeseen) {
  for (const error of new Set(failures.map(({ error }) => error))) if (!isForeseen(error)) unforeseen.mask(error);
  return failures.map(({ id, error }) => ({
    id,
    // No write is given up for a caller that has gone.
    code: codeOf(error) as Exclude<ReturnType<typeof codeOf>, 'CALLER_GONE'>,
    message: isForeseen(error) ? messageOf(error) : `${FAILURES.internal.message}, errorId ${unforeseen.errorId}`,
    outcome: error instanceof CommandApiError ? error.outcome : 'UNKNOWN',
  }));
}

function isForeseen(error: unknown): error is CommandApiError {
  return error instanceof CommandApiError && error.reason !== 'internal';
}

/** Codes that Apollo gives to a request which it refuses before anything runs. */
const REQUEST_CODES: ReadonlySet<unknown> = new Set(
  Object.values(ApolloServerErrorCode).filter((code) => code !== ApolloServerErrorCode.INTERNAL_SERVER_ERROR),
);

const QUOTED = 250;

/** Apollo Server's `formatError`, and the plugin that gives all unforeseen errors of an operation one id and one line in the log. */
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
        async willSendResponse({ contextValue: { unforeseen }, source, request, response: { http } }) {
          unforeseen.log(logger);
          if (!source || http.status !== 400) return;
          // Apollo answers 400 to what does not parse or validate. GraphQL over HTTP wants 200 there in application/json.
          const [type] = /application\/(graphql-response\+)?json/.exec(request.http?.headers.get('accept') ?? '') ?? [];
          if (type) http.headers.set('content-type', `${type}; charset=utf-8`);
          if (type !== 'application/graphql-response+json') http.status = 200;
        },
      };
    },
  };

  function formatError(formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError {
    const cause = unwrapResolverError(error);
    const known = explain(formatted, cause);
    if (known) return { ...formatted, ...known };
    const masked = masks.get(error as object) ?? maskError(cause, logger);
    // What is known of a write, also where the resolver of a mutation noted it.
    const isRead = cause instanceof CommandApiError && !cause.command?.write;
    return { ...formatted, ...masked, extensions: { ...masked.extensions, ...(!isRead && noted(cause)) } };
  }

  return { plugin, formatError };
}

type Explained = Pick<GraphQLFormattedError, 'message' | 'extensions'>;

/** What a client is told of an error, or undefined where nobody foresaw it. */
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
  if (cause instanceof Refusal) {
    const { message, code, arguments: faults } = cause;
    return { message, extensions: { code, arguments: faults, ...noted(cause) } };
  }
  return isRefusedByGraphql(cause, path) ? { message, extensions: { code: 'BAD_USER_INPUT' } } : undefined;
}

function noted(cause: unknown): { outcome: unknown } {
  return { outcome: (cause as { outcome?: unknown } | undefined)?.outcome };
}

/**
 * The hook of Apollo Server's that hands an error which nobody foresaw on to formatError, so that it is masked and logged:
 * Apollo would log its message, which may quote anything, and answer one without an id. A document that graphql cannot
 * validate within the stack is its author's fault: hundreds of fragments that spread each other are within every limit.
 */
async function unexpectedErrorProcessingRequest({ error }: { error: Error }) {
  if (error.message !== 'Maximum call stack size exceeded') throw error;
  throw new GraphQLError('The document is nested too deeply.', {
    extensions: { code: ApolloServerErrorCode.GRAPHQL_VALIDATION_FAILED, http: { status: 200 } },
  });
}

/** graphql's words, which end in names of ours that would have fitted, and may quote a whole input before they say why. */
function curtail(message: string): string {
  const suggestion = message.endsWith('?') ? message.lastIndexOf(' Did you mean ') : -1;
  const said = suggestion < 0 ? message : message.slice(0, suggestion);
  const short = said.length > 2 * QUOTED ? `${said.slice(0, QUOTED)} … ${said.slice(-QUOTED)}` : said;
  // What is cut, or came in, in the middle of a character would make JSON that not everyone reads.
  return short.toWellFormed();
}

/**
 * graphql's own refusal of what the caller gave, which has no code: a null that came through a variable with a default,
 * or more faulty variables than it counts. It points at a value, or at no place in the answer; graphql's complaint about
 * what a resolver returned points at the field.
 */
function isRefusedByGraphql(cause: unknown, path: GraphQLFormattedError['path']): boolean {
  if (!(cause instanceof GraphQLError) || cause.originalError) return false;
  const [node] = cause.nodes ?? [];
  return node ? node.kind !== Kind.FIELD : path === undefined;
}
