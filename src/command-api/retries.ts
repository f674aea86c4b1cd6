/**
 * Decides whether and when a failed command is sent again.
 */
import type { CommandApiError } from './failures.ts';

/** Random pauses up to a bound that doubles, so that failed commands do not all return at once. */
const BACKOFF = { firstMs: 100, mostMs: 2000 };
/** The retries that all operations may spend, in tenths: 10 at the start, a tenth more per command, 100 at most. */
const BUDGET = { start: 100, perCommand: 1, most: 1000, perRetry: 10 };

/** A failed command. */
interface FailedAttempt {
  readonly error: CommandApiError;
  readonly isWrite: boolean;
  /** Whether the command probes for the circuit breaker. */
  readonly isProbe: boolean;
  /** Attempts so far. */
  readonly attempts: number;
  /** The deadline, on the clock of `performance.now()`. */
  readonly endsAt: number;
}

/** Creates the policy and the budget of all retries. A command has at most `maxAttempts`. */
export function createRetries(maxAttempts: number) {
  let budget = BUDGET.start;

  return {
    /** Earns a tenth of a retry, for a command. */
    earn(): void {
      budget = Math.min(budget + BUDGET.perCommand, BUDGET.most);
    },

    /** Returns the pause before the next attempt, partly random, and spends a retry; undefined if no attempt may follow. */
    plan({ error, isWrite, isProbe, attempts, endsAt }: FailedAttempt): number | undefined {
      const { retry, retryAfter } = error.failure;
      if (attempts >= maxAttempts || retry === 'never' || (isWrite && error.outcome !== 'NOT_SENT')) return undefined;
      if (retry === 'at once') return 0;
      const bound = Math.min(BACKOFF.mostMs, BACKOFF.firstMs * 2 ** (attempts - 1));
      const pauseMs = toMilliseconds(retryAfter) + Math.random() * bound;
      if (isProbe || budget < BUDGET.perRetry || performance.now() + pauseMs >= endsAt) return undefined;
      budget -= BUDGET.perRetry;
      return pauseMs;
    },
  };
}

/** Parses `Retry-After`, which is a number of seconds or a date. Returns 0 for a past or invalid value. */
function toMilliseconds(retryAfter = '0'): number {
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Math.max(0, ms || 0);
}
