/**
 * Decides whether and when a failed command is sent again.
 */
import { type CommandApiError, TRANSIENT_STATUSES } from './errors.ts';

/** Failures that may pass. A timeout is not among them: the next attempt would probably take as long. */
const TRANSIENT: ReadonlySet<unknown> = new Set([
  ...TRANSIENT_STATUSES,
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  // The last two are got's and zlib's codes for an incomplete body.
  ...['ECONNRESET', 'EPIPE', 'ERR_HTTP_CONTENT_LENGTH_MISMATCH', 'Z_BUF_ERROR'],
]);
/** Random pauses up to a bound that doubles, so that failed commands do not all return at once. */
const BACKOFF = { firstMs: 100, mostMs: 2000 };
/** The retries that all operations may spend, in tenths: 10 at the start, a tenth more per command, 100 at most. */
const BUDGET = { start: 100, perCommand: 1, most: 1000, perRetry: 10 };

interface Failure {
  readonly error: CommandApiError;
  readonly isWrite: boolean;
  /** Whether the command probes for the circuit breaker. */
  readonly isProbe: boolean;
  /** Attempts so far, and attempts that may follow. */
  readonly attempts: number;
  readonly attemptsLeft: number;
  /** Time until the deadline. */
  readonly msLeft: number;
  /** Retries left in the budget. */
  readonly retriesLeft: number;
}

/** Returns the pause before the next attempt, which is partly random, and its cost in retries, or undefined if no attempt may follow. */
export function planRetry(failure: Failure): { pauseMs: number; cost: number } | undefined {
  const { status, detail, retryAfter, sent, isStale } = failure.error.details;
  if (failure.attemptsLeft <= 0 || !TRANSIENT.has(status ?? detail)) return undefined;
  if (failure.isWrite && sent !== false) return undefined;
  // After an idle time, all kept connections may be closed. That is no outage and costs no budget.
  if (isStale) return { pauseMs: 0, cost: 0 };
  const bound = Math.min(BACKOFF.mostMs, BACKOFF.firstMs * 2 ** (failure.attempts - 1));
  const pauseMs = toMilliseconds(retryAfter) + Math.random() * bound;
  const isPossible = !failure.isProbe && failure.retriesLeft >= 1 && pauseMs < failure.msLeft;
  return isPossible ? { pauseMs, cost: 1 } : undefined;
}

/** Creates the budget of retries. */
export function createRetryBudget() {
  let left = BUDGET.start;
  return {
    /** Returns the retries that are left. */
    left: () => left / BUDGET.perRetry,
    /** Earns a tenth of a retry, for a command. */
    earn(): void {
      left = Math.min(left + BUDGET.perCommand, BUDGET.most);
    },
    spend(retries: number): void {
      left -= retries * BUDGET.perRetry;
    },
  };
}

/** Parses `Retry-After`, which is a number of seconds or a date. Returns 0 for a past or invalid value. */
function toMilliseconds(retryAfter = '0'): number {
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Math.max(0, ms || 0);
}
