/**
 * What callers learn of a failed command: the table of codes and sentences, by the kind of the failure.
 */
import { type FailureKind, failureOf } from '../command-api/failures.ts';
import { type FailureCode, PublicError, type UnforeseenErrors } from '../errors/public-error.ts';
import { LIMITS } from '../limits.ts';

const UNAVAILABLE = 'The command API could not be reached or could not answer.';
const TOO_MANY = `Too many commands in one operation: at most ${LIMITS.reads} that read and ${LIMITS.writes} that write.`;

const PUBLIC_FAILURES: Readonly<Record<FailureKind, readonly [code: FailureCode, message: string]>> = {
  unauthenticated: ['UNAUTHENTICATED', 'The command API rejected the access token.'],
  forbidden: ['FORBIDDEN', 'The command API does not allow this command to the caller.'],
  rejected: ['COMMAND_REJECTED', 'The command API rejected the command.'],
  throttled: ['UPSTREAM_UNAVAILABLE', UNAVAILABLE],
  unavailable: ['UPSTREAM_UNAVAILABLE', UNAVAILABLE],
  failed: ['UPSTREAM_UNAVAILABLE', UNAVAILABLE],
  unreachable: ['UPSTREAM_UNAVAILABLE', UNAVAILABLE],
  timeout: ['UPSTREAM_TIMEOUT', 'The command API did not answer in time.'],
  invalid: ['UPSTREAM_INVALID_RESPONSE', 'The command API sent an invalid reply.'],
  too_large: ['UPSTREAM_INVALID_RESPONSE', 'The command API sent a reply that is too large.'],
  no_room_for_reply: ['UPSTREAM_UNAVAILABLE', 'The subgraph has no memory for this reply now.'],
  no_room_for_command: ['UPSTREAM_UNAVAILABLE', 'The subgraph has no room for this command now.'],
  breaker_open: ['UPSTREAM_UNAVAILABLE', 'The command API is failing; the command was not sent.'],
  too_many: ['BAD_USER_INPUT', TOO_MANY],
  expired: ['UPSTREAM_TIMEOUT', 'The operation has no time left.'],
  cancelled: ['CALLER_GONE', 'The caller has disconnected.'],
  // It is masked, so that its caller reads another sentence.
  internal: ['INTERNAL_SERVER_ERROR', 'The command failed for a reason within the subgraph.'],
};

export const FAILURE_CODES: ReadonlySet<FailureCode> = new Set(Object.values(PUBLIC_FAILURES).map(([code]) => code));

export const failureCodeOf = (kind: FailureKind): FailureCode => PUBLIC_FAILURES[kind][0];

/** Returns the public form of any error: as it is, by the table, or masked. */
export function publicOf(error: unknown, unforeseen: UnforeseenErrors): PublicError {
  if (error instanceof PublicError) return error;
  const failure = failureOf(error);
  const { kind, command, upstreamCode } = failure;
  // The cause has the stack of the bug.
  if (kind === 'internal') return unforeseen.mask(failure.cause ?? failure);
  const [code, message] = PUBLIC_FAILURES[kind];
  return new PublicError(code, message, { command: command?.name, commandId: command?.id, upstreamCode });
}

/**
 * Returns the error of a write as data of a payload. Its code is that of the failure, or `UPSTREAM_UNAVAILABLE` for
 * those that the schema lacks: too many commands, and a caller who has left and reads nothing.
 */
export function failureInData(error: unknown, unforeseen: UnforeseenErrors) {
  const { kind, outcome } = failureOf(error);
  const { message, extensions } = publicOf(error, unforeseen);
  const code = PUBLIC_FAILURES[kind][0];
  return {
    code: code === 'BAD_USER_INPUT' || code === 'CALLER_GONE' ? ('UPSTREAM_UNAVAILABLE' as const) : code,
    message: extensions.errorId ? `${message}, errorId ${extensions.errorId}` : message,
    outcome,
  };
}
