/**
 * The report of an operation, when its response is made.
 */
import type { ApolloServerPlugin, GraphQLRequestContextWillSendResponse } from '@apollo/server';
import { trace } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { CommandApiError, publicFormOf, severityOf } from '../command-api/failures.ts';
import type { CommandRecord } from '../command-api/record.ts';
import type { Code } from '../graphql/errors.ts';
import { type Operation, shorten } from '../graphql/operation.ts';
import { createObserver } from './log.ts';
import type { Metrics } from './metrics.ts';
import { failSpan } from './spans.ts';

/** The commands of a log line. Each value has a bound, so that the line has at most 16 KB. */
const MAX_COMMANDS = 20;

type Answered = GraphQLRequestContextWillSendResponse<Operation>;

/** Reports each operation: a log line, metrics, and attributes of the request's span. */
export function operationReport(logger: Logger, metrics: Metrics): ApolloServerPlugin<Operation> {
  const observe = createObserver(logger);

  function report({ operationName, operation, contextValue, response: { body } }: Answered): void {
    const { caller, commands, failureCodes, lease, logFields, unforeseen } = contextValue;
    const errors = body.kind === 'single' ? (body.singleResult.errors ?? []) : [];
    // Every error has passed `formatError`.
    const found = [...errors.map(({ extensions }) => extensions?.code as Code), ...failureCodes];
    // Also after a write that succeeded: this line is then the only record of it.
    if (caller.hasLeft) found.push('CALLER_GONE');
    const codes = [...new Set(found)].sort((a, b) => severityOf(b) - severityOf(a));
    const errorId = unforeseen.errors.length > 0 ? unforeseen.errorId : undefined;
    if (errorId) unforeseen.log(logger);
    const name = shorten(operationName);
    const type = operation?.operation;
    const gravest = codes[0] ?? 'OK';
    // No one else knows what became of a write without a caller.
    const isNotable = commands.some((one) => one.flaws.length > 0 || (caller.hasLeft && one.isWrite));
    const severity = Math.max(severityOf(gravest), Number(isNotable));
    const rank = (command: CommandRecord) => rankOf(command, caller.hasLeft);
    const shown = commands.toSorted((a, b) => rank(b) - rank(a)).slice(0, MAX_COMMANDS);
    const line = {
      ...logFields,
      operationName: name,
      operationType: type,
      durationMs: Math.round(performance.now() - lease.startedAt),
      commands: shown.map(describeCommand),
      commandsLeftOut: commands.length - shown.length || undefined,
      codes,
      errorIds: errorId && [errorId],
    };
    logger[severity === 4 ? 'error' : severity > 0 ? 'warn' : 'info'](line, 'operation');
    metrics.operations.inc({ graphql_operation_type: type ?? 'unknown', code: gravest });
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

  return { requestDidStart: async () => ({ willSendResponse: async (context) => observe(() => report(context)) }) };
}

/**
 * Returns the rank of a command in the log line. The highest have writes that may have happened, then those whose
 * caller has left: no other place tells of them.
 */
function rankOf({ error, flaws, outcome, isWrite }: CommandRecord, hasCallerLeft: boolean): number {
  const ranks = [flaws.length > 0, error, error && isWrite, isWrite && hasCallerLeft, outcome === 'UNKNOWN'];
  return ranks.findLastIndex(Boolean);
}

function describeCommand(command: CommandRecord) {
  const { name, exchange, error } = command;
  // An unforeseen error has its own log line, without its message.
  const failed = error instanceof CommandApiError ? error : undefined;
  return {
    name,
    id: exchange.id,
    durationMs: Math.round(command.durationMs),
    attempts: exchange.attempts,
    coalesced: command.coalesced || undefined,
    dropped: command.dropped || undefined,
    flaws: command.flaws.length > 0 ? command.flaws : undefined,
    code: error ? publicFormOf(error).code : undefined,
    outcome: command.outcome,
    detail: failed?.message,
    upstreamCode: failed?.failure.upstreamCode,
  };
}
