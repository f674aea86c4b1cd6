/**
 * What a client sees of an error: the one place that maps our three kinds of failure, and our refusals, to codes and
 * messages. What was not meant for a client is masked.
 */
import { randomUUID } from 'node:crypto';
import { ApolloServerErrorCode, unwrapResolverError } from '@apollo/server/errors';
import { GraphQLError, type GraphQLFormattedError, Kind } from 'graphql';
import type { Logger } from 'pino';
import {
  CommandApiError,
  type InvalidReplyError,
  type RejectedError,
  type UnreachableError,
} from './command-api/errors.ts';
import { Refusal } from './refusal.ts';

type Reason = (UnreachableError | InvalidReplyError | RejectedError)['reason'];

const FAILURES: Record<Reason, { code: string; message: string }> = {
  unauthenticated: { code: 'UNAUTHENTICATED', message: 'The command API did not accept the access token.' },
  forbidden: { code: 'FORBIDDEN', message: 'The command API does not allow this to the caller.' },
  timeout: { code: 'UPSTREAM_TIMEOUT', message: 'The command API did not answer in time.' },
  unavailable: { code: 'UPSTREAM_UNAVAILABLE', message: 'The command API could not be reached or could not answer.' },
  rejected: { code: 'COMMAND_REJECTED', message: 'The command API refused the command.' },
  invalid: { code: 'UPSTREAM_INVALID_RESPONSE', message: 'The command API answered something other than it promises.' },
};

/** The code and message for a failed command. */
export function describeFailure(error: CommandApiError): { code: string; message: string } {
  return FAILURES[error.reason as Reason];
}

/** What is known of the write, where the error is a write's. */
function withOutcome(cause: unknown): { outcome?: unknown } {
  return cause instanceof Error && 'outcome' in cause && cause.outcome ? { outcome: cause.outcome } : {};
}

/** Codes that Apollo gives to a request which it refuses before anything runs. */
const REQUEST_CODES: ReadonlySet<unknown> = new Set(
  Object.values(ApolloServerErrorCode).filter((code) => code !== ApolloServerErrorCode.INTERNAL_SERVER_ERROR),
);

/** The `formatError` of Apollo Server. Logs what it masks, with the id that the client is given. */
export function createFormatError(logger: Logger) {
  return (formatted: GraphQLFormattedError, error: unknown): GraphQLFormattedError => {
    const cause = unwrapResolverError(error);
    const { locations, path } = formatted;
    const answer = (message: string, extensions: Record<string, unknown>) => ({
      message,
      ...(locations && { locations }),
      ...(path && { path }),
      extensions,
    });
    if (cause instanceof CommandApiError) {
      const { command, upstreamCode } = cause;
      const { code, message } = describeFailure(cause);
      return answer(message, {
        code,
        command: command.name,
        commandId: command.id,
        ...(upstreamCode !== undefined && { upstreamCode }),
        ...withOutcome(cause),
      });
    }
    if (cause instanceof Refusal) {
      return answer(cause.message, { code: cause.code, ...withOutcome(cause) });
    }
    if (path === undefined && REQUEST_CODES.has(formatted.extensions?.code)) return formatted;
    if (isRefusedByGraphql(cause, path)) return answer(cause.message, { code: 'BAD_USER_INPUT' });

    const errorId = randomUUID();
    logger.error({ errorId, err: cause }, 'unforeseen error');
    const code = ApolloServerErrorCode.INTERNAL_SERVER_ERROR;
    return answer('Internal server error', { code, errorId, ...withOutcome(cause) });
  };
}

/**
 * graphql's own refusal of what the caller gave, which has no code: a null that came through a variable with a default,
 * or more faulty variables than it counts. It points at a value, or at no place in the answer; graphql's complaint about
 * what a resolver returned points at the field.
 */
function isRefusedByGraphql(cause: unknown, path: GraphQLFormattedError['path']): cause is GraphQLError {
  if (!(cause instanceof GraphQLError) || cause.originalError) return false;
  const [node] = cause.nodes ?? [];
  return node ? node.kind !== Kind.FIELD : path === undefined;
}
