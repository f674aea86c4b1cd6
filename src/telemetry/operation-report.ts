/**
 * The report of an operation, when its response is made: its codes, its severity, and its line in the log.
 */
import type { Logger } from 'pino';
import type { CommandRecord } from '../command-api/command.ts';
import type { Code } from '../errors/public-error.ts';
import { shorten } from '../values.ts';
import type { AnsweredOperation } from './observer.ts';

/** The commands of a log line. Each value has a bound, so that the line has at most 16 KB. */
const MAX_COMMANDS = 20;

/** 4 is of this process, 1 to 3 are of the command API or a lack of room or time. All other codes are the caller's: 0. */
const SEVERITIES: Partial<Record<Code, number>> = {
  INTERNAL_SERVER_ERROR: 4,
  UPSTREAM_INVALID_RESPONSE: 3,
  UPSTREAM_UNAVAILABLE: 2,
  UPSTREAM_TIMEOUT: 1,
};
const severityOf = (code: Code | undefined) => (code && SEVERITIES[code]) ?? 0;

/** Creates the listener that logs operations. */
export function createReport(logger: Logger) {
  return {
    operationAnswered(context: AnsweredOperation): void {
      const { operationName, operation, contextValue } = context;
      const { caller, records, errors, lifetime } = contextValue;
      const { codes, severity } = summaryOf(context);
      errors.log(logger);
      const rank = (record: CommandRecord) => rankOf(record, lifetime.callerHasLeft);
      const shown = records.toSorted((a, b) => rank(b) - rank(a)).slice(0, MAX_COMMANDS);
      const line = {
        ...caller.logFields,
        operationName: shorten(operationName),
        operationType: operation?.operation,
        durationMs: Math.round(performance.now() - lifetime.startedAt),
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
export function summaryOf({ contextValue, response }: AnsweredOperation): { codes: Code[]; severity: number } {
  const { errors, records, lifetime } = contextValue;
  const { body } = response;
  const shown = body.kind === 'single' ? (body.singleResult.errors ?? []) : [];
  // Each error is public by now: this plugin comes after `errorPlugin`.
  const codes = [...shown.map(({ extensions }) => extensions?.code as Code), ...errors.codesInData];
  // Also after a write that succeeded: its line in the log is then the only record of it.
  if (lifetime.callerHasLeft) codes.push('CALLER_GONE');
  const sorted = [...new Set(codes)].sort((a, b) => severityOf(b) - severityOf(a));
  // No one else knows what became of a write without a caller.
  const isNotable = records.some(({ flaws, isWrite }) => flaws.length > 0 || (lifetime.callerHasLeft && isWrite));
  return { codes: sorted, severity: Math.max(severityOf(sorted[0]), Number(isNotable)) };
}

/**
 * Returns the rank of a command in the log line, which has room for 20. The first are those of which only the log
 * tells: writes that may have happened, then writes whose caller has left. Other failed writes, failed reads and flawed
 * replies follow.
 */
function rankOf({ failure, flaws, outcome, isWrite }: CommandRecord, hasCallerLeft: boolean): number {
  const ranks = [flaws.length > 0, failure, failure && isWrite, isWrite && hasCallerLeft, outcome === 'UNKNOWN'];
  return ranks.findLastIndex(Boolean);
}

function describeCommand({ name, id, durationMs, attempts, dropped, flaws, failure, outcome }: CommandRecord) {
  return {
    name,
    id,
    durationMs: Math.round(durationMs),
    attempts: attempts.length,
    dropped: dropped || undefined,
    flaws: flaws.length > 0 ? flaws : undefined,
    code: failure?.code,
    outcome,
    // An unforeseen error has its own log line, without its message.
    detail: failure?.message,
    upstreamCode: failure?.upstreamCode,
  };
}
