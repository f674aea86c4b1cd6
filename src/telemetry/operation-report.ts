/**
 * The report of an operation, when its response is made: how grave it is, and its line in the log.
 */
import type { Logger } from 'pino';
import type { CommandRecord } from '../command-api/command.ts';
import { CommandApiError, failureOf, severityOf } from '../command-api/failures.ts';
import type { Code } from '../errors/public-error.ts';
import { shorten } from '../values.ts';
import type { Answered } from './observer.ts';

/** The commands of a log line. Each value has a bound, so that the line has at most 16 KB. */
const MAX_COMMANDS = 20;

/** Creates the listener that logs operations. */
export function createReport(logger: Logger) {
  return {
    operationAnswered(context: Answered): void {
      const { operationName, operation, contextValue } = context;
      const { caller, records, errors, scope } = contextValue;
      const { codes, severity } = gravityOf(context);
      errors.log(logger);
      const rank = (record: CommandRecord) => rankOf(record, scope.callerHasLeft);
      const shown = records.toSorted((a, b) => rank(b) - rank(a)).slice(0, MAX_COMMANDS);
      const line = {
        ...caller.logFields,
        operationName: shorten(operationName),
        operationType: operation?.operation,
        durationMs: Math.round(performance.now() - scope.startedAt),
        commands: shown.map(describeCommand),
        commandsLeftOut: records.length - shown.length || undefined,
        codes,
        errorIds: errors.id && [errors.id],
      };
      logger[severity === 4 ? 'error' : severity > 0 ? 'warn' : 'info'](line, 'operation');
    },
  };
}

/** Returns the codes of all errors of an operation, the gravest first, and the severity of the operation, 0 to 4. */
export function gravityOf({ contextValue, response }: Answered): { codes: Code[]; severity: number } {
  const { errors, records, scope } = contextValue;
  const { body } = response;
  const shown = body.kind === 'single' ? (body.singleResult.errors ?? []) : [];
  // Every error has passed `formatError`.
  const codes = [...shown.map(({ extensions }) => extensions?.code as Code), ...errors.codesInData];
  // Also after a write that succeeded: its line in the log is then the only record of it.
  if (scope.callerHasLeft) codes.push('CALLER_GONE');
  const sorted = [...new Set(codes)].sort((a, b) => severityOf(b) - severityOf(a));
  // No one else knows what became of a write without a caller.
  const isNotable = records.some(({ flaws, isWrite }) => flaws.length > 0 || (scope.callerHasLeft && isWrite));
  return { codes: sorted, severity: Math.max(severityOf(sorted[0] ?? 'OK'), Number(isNotable)) };
}

/**
 * Returns the rank of a command in the log line, which has room for 20. The first are those of which only the log
 * tells: writes that may have happened, then writes whose caller has left. Other failed writes, failed reads and flawed
 * replies follow.
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
