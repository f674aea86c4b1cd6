/**
 * The summary of an operation, for its log line, its metric and its span: which codes it has, and how grave they are.
 */
import type { Code } from '../errors/public-error.ts';
import type { AnsweredOperation } from '../graphql/context.ts';
import { failureCodeOf } from '../graphql/public-failures.ts';

/**
 * 4 is of this process, 1 to 3 are of the command API or a lack of room or time. All other codes are the caller's: 0.
 */
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
  const { records, lifetime } = operation.context;
  // A payload may have failed writes as data.
  const writes = records.flatMap(({ isWrite, failure }) => (isWrite && failure ? failureCodeOf(failure.kind) : []));
  // Also after a write that succeeded: its line in the log is then the only record of it.
  const codes = [...operation.codes, ...writes, ...(lifetime.callerHasLeft ? ['CALLER_GONE' as const] : [])];
  const sorted = [...new Set(codes)].sort((a, b) => severityOf(b) - severityOf(a));
  // No one else knows what became of a write without a caller.
  const isNotable = records.some(({ flaws, isWrite }) => flaws.length > 0 || (lifetime.callerHasLeft && isWrite));
  return { ...operation, codes: sorted, severity: Math.max(severityOf(sorted[0]), Number(isNotable)) };
}
