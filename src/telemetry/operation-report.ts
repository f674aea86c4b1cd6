import type { ApolloServerPlugin } from '@apollo/server';
import type { Level, Logger } from 'pino';
import { CommandApiError, describeFlaw, publicFormOf, severityOf } from '../command-api/failures.ts';
import type { CommandRecord } from '../command-api/record.ts';
import type { Code } from '../graphql/errors.ts';
import { type Operation, shorten } from '../graphql/operation.ts';
import { activeSpan, failSpan } from '../tracing.ts';
import type { Metrics } from './metrics.ts';

/** Limits of a log line, so that it has at most 16 KB. */
const LOG_LIMITS = { commands: 50, commandBytes: 13_500 };

/** Reports each operation: a log line, metrics, and attributes of the request's span. */
export function operationReport(logger: Logger, metrics: Metrics): ApolloServerPlugin<Operation> {
  return {
    async requestDidStart() {
      const start = performance.now();
      return {
        async willSendResponse({ operationName, operation, contextValue, response: { body } }) {
          const errors = body.kind === 'single' ? (body.singleResult.errors ?? []) : [];
          const { caller, commands: all, unforeseen } = contextValue;
          // Every error has passed `formatError`.
          const found = [...errors.map(({ extensions }) => extensions?.code as Code), ...contextValue.failureCodes];
          const isUnforeseen = unforeseen.errors.length > 0;
          if (isUnforeseen) {
            unforeseen.log(logger);
            found.push('INTERNAL_SERVER_ERROR');
          }
          // Also after a write that succeeded: this line is then the only record of it.
          if (caller.hasLeft) found.push('CALLER_GONE');
          const codes = [...new Set(found)].sort((a, b) => severityOf(b) - severityOf(a));
          const name = shorten(operationName);
          const type = operation?.operation;
          metrics.operationEnded(type ?? 'unknown', codes[0] ?? 'OK');
          const level = chooseLevel(codes, all, caller.hasLeft);
          const line = {
            ...contextValue.logFields,
            operationName: name,
            operationType: type,
            durationMs: Math.round(performance.now() - start),
            ...describeCommands(all),
            codes,
            ...(isUnforeseen && { errorIds: [unforeseen.errorId] }),
          };
          logger[level](line, 'operation');
          const span = activeSpan();
          if (type) span?.updateName(type).setAttribute('graphql.operation.type', type);
          if (name) span?.setAttribute('graphql.operation.name', name);
          if (codes.length > 0) span?.setAttribute('graphql.error.codes', codes);
          if (isUnforeseen) span?.setAttribute('graphql.error.id', unforeseen.errorId);
          if (codes[0] && level !== 'info') failSpan(span, codes[0]);
        },
      };
    },
  };
}

/** Returns the level of the gravest code: 4 is our fault and an error. Of a command too: the response does not show each failed read. */
function chooseLevel(codes: readonly Code[], commands: readonly CommandRecord[], callerLeft: boolean): Level {
  let severity = Math.max(0, ...codes.map(severityOf));
  for (const { error, flaws, rules } of commands) {
    // No one else knows what became of a write without a caller.
    if (flaws.length > 0 || (callerLeft && rules.tellsOutcome)) severity = Math.max(severity, 1);
    if (error) severity = Math.max(severity, severityOf(publicFormOf(error).code));
  }
  if (severity === 0) return 'info';
  return severity === 4 ? 'error' : 'warn';
}

/** Returns entries for as many commands as a line may have, failed commands first. */
function describeCommands(all: readonly CommandRecord[]) {
  const rank = ({ error, flaws }: CommandRecord) => (error ? 0 : flaws.length > 0 ? 1 : 2);
  const commands = all
    .toSorted((a, b) => rank(a) - rank(b))
    .slice(0, LOG_LIMITS.commands)
    .map(describeCommand);
  // One command always fits.
  while (commands.length > 1 && JSON.stringify(commands).length > LOG_LIMITS.commandBytes) commands.pop();
  return { commands, commandsLeftOut: all.length - commands.length || undefined };
}

function describeCommand(command: CommandRecord) {
  const { name, sent, dropped, error } = command;
  const entry = {
    name,
    id: sent.id,
    durationMs: Math.round(command.durationMs),
    attempts: sent.attempts,
    coalesced: command.coalesced || undefined,
    dropped: dropped || undefined,
    flaws: command.flaws.length > 0 ? command.flaws.map(describeFlaw) : undefined,
    code: error ? publicFormOf(error).code : undefined,
    outcome: command.outcome,
  };
  // An unforeseen error has its own log line, without its message.
  if (!(error instanceof CommandApiError)) return entry;
  return { ...entry, detail: error.message, upstreamCode: error.failure.upstreamCode };
}
