/**
 * The log line of an operation, when its response is made, and the summary of the operation, which metrics and spans
 * have too.
 */
import type { Logger } from 'pino';
import type { CommandRecord } from '../command-api/command.ts';
import type { Flaw } from '../command-api/failures.ts';
import type { Code } from '../errors/public-error.ts';
import type { AnsweredOperation } from '../graphql/operation-plugin.ts';
import { failureCodeOf } from '../graphql/public-failures.ts';
import { shorten } from './log.ts';

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

/** An operation whose response is made, as telemetry sees it. */
export interface OperationSummary extends AnsweredOperation {
  /** The codes of all errors, also of those in data, the gravest first. */
  readonly codes: readonly Code[];
  /** 0 to 4. */
  readonly severity: number;
}

export function summaryOf(operation: AnsweredOperation): OperationSummary {
  const { codesInData, records, lifetime } = operation.context;
  // Also after a write that succeeded: its line in the log is then the only record of it.
  const codes = [...operation.codes, ...codesInData, ...(lifetime.callerHasLeft ? ['CALLER_GONE' as const] : [])];
  const sorted = [...new Set(codes)].sort((a, b) => severityOf(b) - severityOf(a));
  // No one else knows what became of a write without a caller.
  const isNotable = records.some(({ flaws, isWrite }) => flaws.length > 0 || (lifetime.callerHasLeft && isWrite));
  return { ...operation, codes: sorted, severity: Math.max(severityOf(sorted[0]), Number(isNotable)) };
}

/** Creates the listener that logs operations. */
export function createOperationLog(logger: Logger) {
  return {
    operationAnswered({ type, name, context, codes, severity }: OperationSummary): void {
      const { caller, records, unforeseen, lifetime } = context;
      unforeseen.log(logger);
      const rank = (record: CommandRecord) => rankOf(record, lifetime.callerHasLeft);
      const logged = records.toSorted((a, b) => rank(b) - rank(a)).slice(0, MAX_COMMANDS);
      const line = {
        ...caller.logFields,
        operationName: shorten(name),
        operationType: type,
        durationMs: Math.round(performance.now() - lifetime.startedAt),
        commands: logged.map(commandFields),
        commandsLeftOut: records.length - logged.length || undefined,
        codes,
        errorIds: unforeseen.id && [unforeseen.id],
      };
      logger[severity === 4 ? 'error' : severity > 0 ? 'warn' : 'info'](line, 'operation');
    },
  };
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

function commandFields({ name, id, durationMs, attempts, dropped, flaws, failure, outcome }: CommandRecord) {
  return {
    name,
    id,
    durationMs: Math.round(durationMs),
    attempts: attempts.length,
    dropped: dropped || undefined,
    flaws: flaws.length > 0 ? flaws.map(flawLabels) : undefined,
    code: failure && failureCodeOf(failure.kind),
    outcome,
    // An unforeseen error has its own log line, without its message.
    detail: failure?.message,
    upstreamCode: failure?.upstreamCode,
  };
}

/** Returns a flaw under the names that have left the process, in logs and metrics. */
export function flawLabels({ kind, field: member }: Flaw) {
  return { kind, ...(member && { member }) };
}
