/**
 * The log line of an operation, when its response is made.
 */
import type { Logger } from 'pino';
import type { CommandRecord } from '../command-api/command.ts';
import { failureCodeOf } from '../graphql/public-failures.ts';
import { LIMITS } from '../limits.ts';
import type { OperationSummary } from './operation-summary.ts';

/** The commands of a log line. Each value has a bound, so that the line has at most 16 KB. */
const MAX_COMMANDS = 20;

export type OperationLog = ReturnType<typeof createOperationLog>;

/** Creates what logs operations. */
export function createOperationLog(logger: Logger) {
  return {
    operationAnswered({ type, name, context, codes, severity }: OperationSummary): void {
      const { caller, records, unforeseen, lifetime } = context;
      unforeseen.log(logger);
      const rank = (record: CommandRecord) => rankOf(record, lifetime.callerHasLeft);
      const logged = records.toSorted((a, b) => rank(b) - rank(a)).slice(0, MAX_COMMANDS);
      const line = {
        ...caller.logFields,
        operationName: name?.slice(0, LIMITS.nameCharacters),
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
    flaws: flaws.length > 0 ? flaws : undefined,
    code: failure && failureCodeOf(failure.kind),
    outcome,
    // An unforeseen error has its own log line, without its message.
    detail: failure?.detail,
    upstreamCode: failure?.upstreamCode,
  };
}
