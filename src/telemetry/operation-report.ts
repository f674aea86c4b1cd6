/**
 * The report of an operation, when its response is made: a log line, metrics, and attributes of the request's span.
 */
import type { GraphQLRequestContextWillSendResponse } from '@apollo/server';
import { trace } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { CommandRecord } from '../command-api/command.ts';
import { CommandApiError, failureOf, severityOf } from '../command-api/failures.ts';
import type { Operation } from '../graphql/operation.ts';
import type { Code } from '../graphql/public-errors.ts';
import { shorten } from '../values.ts';
import type { Metrics } from './metrics.ts';
import { failSpan } from './spans.ts';

/** The commands of a log line. Each value has a bound, so that the line has at most 16 KB. */
const MAX_COMMANDS = 20;

export type Answered = GraphQLRequestContextWillSendResponse<Operation>;

/** Creates the report, which the observer tells of each operation whose response is made. */
export function createReport(logger: Logger, metrics: Metrics) {
  function answered({ operationName, operation, contextValue, response }: Answered): void {
    const { caller, commands, errors, scope } = contextValue;
    const codes = codesOf(contextValue, response);
    const gravest = codes[0] ?? 'OK';
    const errorId = errors.log(logger);
    const name = shorten(operationName);
    const type = operation?.operation;

    // No one else knows what became of a write without a caller.
    const isNotable = commands.some((one) => one.flaws.length > 0 || (scope.callerHasLeft && one.isWrite));
    const severity = Math.max(severityOf(gravest), Number(isNotable));
    const rank = (record: CommandRecord) => rankOf(record, scope.callerHasLeft);
    const shown = commands.toSorted((a, b) => rank(b) - rank(a)).slice(0, MAX_COMMANDS);
    const line = {
      ...caller.logFields,
      operationName: name,
      operationType: type,
      durationMs: Math.round(performance.now() - scope.startedAt),
      commands: shown.map(describeCommand),
      commandsLeftOut: commands.length - shown.length || undefined,
      codes,
      errorIds: errorId && [errorId],
    };
    logger[severity === 4 ? 'error' : severity > 0 ? 'warn' : 'info'](line, 'operation');
    metrics.countOperation(type, gravest);

    const span = trace.getActiveSpan();
    if (type) span?.updateName(type);
    span?.setAttributes({
      'graphql.operation.type': type,
      'graphql.operation.name': name,
      'graphql.error.codes': codes.length > 0 ? codes : undefined,
      'graphql.error.id': errorId,
    });
    if (severity > 0 && gravest !== 'OK') failSpan(span, gravest);
  }

  return { answered };
}

/** Returns the codes of all errors of an operation, the gravest first. */
function codesOf({ errors, scope }: Operation, { body }: Answered['response']): Code[] {
  const shown = body.kind === 'single' ? (body.singleResult.errors ?? []) : [];
  // Every error has passed `formatError`.
  const codes = [...shown.map(({ extensions }) => extensions?.code as Code), ...errors.codesInData];
  // Also after a write that succeeded: this line is then the only record of it.
  if (scope.callerHasLeft) codes.push('CALLER_GONE');
  return [...new Set(codes)].sort((a, b) => severityOf(b) - severityOf(a));
}

/**
 * Returns the rank of a command in the log line, which has room for 20. The first are those of which only the log tells:
 * writes that may have happened, then writes whose caller has left. Other failed writes, failed reads and flawed replies
 * follow.
 */
function rankOf({ error, flaws, outcome, isWrite }: CommandRecord, hasCallerLeft: boolean): number {
  const ranks = [flaws.length > 0, error, error && isWrite, isWrite && hasCallerLeft, outcome === 'UNKNOWN'];
  return ranks.findLastIndex(Boolean);
}

function describeCommand(command: CommandRecord) {
  const { name, id, exchange, error } = command;
  // An unforeseen error has its own log line, without its message.
  const failed = error instanceof CommandApiError ? error : undefined;
  return {
    name,
    id,
    durationMs: Math.round(command.durationMs),
    attempts: exchange?.attempts ?? 0,
    coalesced: command.hasJoined || undefined,
    dropped: command.dropped || undefined,
    flaws: command.flaws.length > 0 ? command.flaws : undefined,
    code: error ? failureOf(error).code : undefined,
    outcome: command.outcome,
    detail: failed?.message,
    upstreamCode: failed?.failure.upstreamCode,
  };
}
