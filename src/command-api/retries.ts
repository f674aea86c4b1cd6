/**
 * Decides when a failed command is sent again, and whether its failure, its time and the quota of the process allow it.
 */
import type { CommandFailure } from './failures.ts';

/** Random pauses up to a bound that doubles, so that failed commands do not all return at once. */
const BACKOFF = { firstMs: 100, mostMs: 2000 };
/** The retries that all operations may spend, in tenths: 10 at the start, a tenth more for each command, 100 at most. */
const QUOTA = { atStart: 100, perCommand: 1, most: 1000, perRetry: 10 };

export type Retries = ReturnType<typeof createRetries>;

/** Creates the policy of all retries, and their quota. A command has at most `maxAttempts`. */
export function createRetries(maxAttempts: number) {
  let left = QUOTA.atStart;

  return {
    /** Earns a tenth of a retry, for a command. */
    earn(): void {
      left = Math.min(left + QUOTA.perCommand, QUOTA.most);
    },

    /**
     * Returns the pause before the attempt that follows a failed one; undefined if none may follow. A pause is partly
     * random, spends a retry, and ends before `deadline`, on the clock of `performance.now()`. After a stale connection,
     * there is no pause, and no retry is spent.
     */
    plan({ retry, retryAfter }: CommandFailure, attempts: number, deadline: number): number | undefined {
      if (attempts >= maxAttempts || retry === 'never') return undefined;
      if (retry === 'at once') return 0;
      const bound = Math.min(BACKOFF.mostMs, BACKOFF.firstMs * 2 ** (attempts - 1));
      const pauseMs = parseRetryAfter(retryAfter) + Math.random() * bound;
      if (left < QUOTA.perRetry || performance.now() + pauseMs >= deadline) return undefined;
      left -= QUOTA.perRetry;
      return pauseMs;
    },

    /** Gives back what was spent on a pause after which no attempt followed. */
    giveBack(pauseMs: number): void {
      if (pauseMs > 0) left += QUOTA.perRetry;
    },
  };
}

/** Returns `Retry-After`, a number of seconds or a date, in milliseconds; 0 for a past or invalid value. */
function parseRetryAfter(retryAfter = '0'): number {
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Math.max(0, ms || 0);
}
