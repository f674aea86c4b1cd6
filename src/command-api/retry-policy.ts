/**
 * Decides whether and when a failed command is sent again.
 */
import type { CommandFailure } from './failures.ts';

/** Random pauses up to a bound that doubles, so that failed commands do not all return at once. */
const BACKOFF = { firstMs: 100, mostMs: 2000 };
/** The retries of the process, in tenths: 10 at the start, a tenth more for each command, 100 at most. */
const QUOTA = { atStart: 100, perCommand: 1, most: 1000, perRetry: 10 };

export type RetryPolicy = ReturnType<typeof createRetryPolicy>;

/** Creates the policy of all retries, and their quota. A command has at most `maxAttempts`. */
export function createRetryPolicy(maxAttempts: number) {
  let quota = QUOTA.atStart;

  return {
    /** Adds a tenth of a retry to the quota, for a command. */
    addForCommand(): void {
      quota = Math.min(quota + QUOTA.perCommand, QUOTA.most);
    },

    /**
     * Returns the pause after a failed attempt, in ms, or undefined if none may follow. It is partly random, and ends
     * before `deadline`, on the clock of `performance.now()`.
     */
    pauseAfter({ retry, retryAfter }: CommandFailure, attempts: number, deadline: number): number | undefined {
      if (attempts >= maxAttempts || retry !== 'later' || quota < QUOTA.perRetry) return undefined;
      const bound = Math.min(BACKOFF.mostMs, BACKOFF.firstMs * 2 ** (attempts - 1));
      const pauseMs = parseRetryAfter(retryAfter) + Math.random() * bound;
      return performance.now() + pauseMs < deadline ? pauseMs : undefined;
    },

    /** Spends a retry, after its pause. Returns false if others have spent them all. */
    trySpend(): boolean {
      if (quota < QUOTA.perRetry) return false;
      quota -= QUOTA.perRetry;
      return true;
    },
  };
}

/** Returns `Retry-After`, a number of seconds or a date, in milliseconds; 0 for a past or invalid value. */
function parseRetryAfter(retryAfter = '0'): number {
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Math.max(0, ms || 0);
}
