/**
 * Decides when a failed command is sent again, and whether its failure, its time and the quota of the process allow it.
 */
import type { CommandFailure } from './failures.ts';

/** Random pauses up to a bound that doubles, so that failed commands do not all return at once. */
const BACKOFF = { firstMs: 100, mostMs: 2000 };
/** The retries that all operations may spend, in tenths: 10 at the start, a tenth more for each command, 100 at most. */
const QUOTA = { atStart: 100, perCommand: 1, most: 1000, perRetry: 10 };

/** A retry that the quota has room for. Whoever disposes it without `spend` gives that room back. */
export interface PlannedRetry extends Disposable {
  readonly pauseMs: number;
  /** Keeps the retry spent: the pause is over, and an attempt follows. */
  spend(): void;
}

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
     * Plans the attempt that follows a failed one, or returns undefined if none may follow. The pause before it is partly
     * random, and ends before `deadline`, on the clock of `performance.now()`.
     */
    plan({ retry, retryAfter }: CommandFailure, attempts: number, deadline: number): PlannedRetry | undefined {
      if (attempts >= maxAttempts || retry !== 'later' || quota < QUOTA.perRetry) return undefined;
      const bound = Math.min(BACKOFF.mostMs, BACKOFF.firstMs * 2 ** (attempts - 1));
      const pauseMs = parseRetryAfter(retryAfter) + Math.random() * bound;
      if (performance.now() + pauseMs >= deadline) return undefined;
      quota -= QUOTA.perRetry;
      let unspent = QUOTA.perRetry;
      return {
        pauseMs,
        spend: () => {
          unspent = 0;
        },
        [Symbol.dispose]: () => {
          quota += unspent;
        },
      };
    },
  };
}

/** Returns `Retry-After`, a number of seconds or a date, in milliseconds; 0 for a past or invalid value. */
function parseRetryAfter(retryAfter = '0'): number {
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Math.max(0, ms || 0);
}
