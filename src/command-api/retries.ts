/**
 * Decides when a failed command is sent again, and whether its failure and the quota allow it. The exchange decides what
 * a write and an open breaker forbid.
 */
import type { CommandApiError } from './failures.ts';

/** Random pauses up to a bound that doubles, so that failed commands do not all return at once. */
const BACKOFF = { firstMs: 100, mostMs: 2000 };
/** The retries that all operations may spend, in tenths: 10 at the start, a tenth more for each command, 100 at most. */
const QUOTA = { atStart: 100, perCommand: 1, most: 1000, perRetry: 10 };

/** What an exchange knows of itself. */
interface ExchangeState {
  readonly attempts: number;
  readonly isProbe: boolean;
  /** No pause ends later, on the clock of `performance.now()`. */
  readonly retryUntil: number;
}

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
     * random, and spends a retry, unless it is 0. A probe is repeated only after a stale connection: its result tells
     * whether the command API is up again.
     */
    plan(failed: CommandApiError, { attempts, isProbe, retryUntil }: ExchangeState): number | undefined {
      const { retry, retryAfter } = failed.failure;
      if (attempts >= maxAttempts || retry === 'never') return undefined;
      if (retry === 'at once') return 0;
      const bound = Math.min(BACKOFF.mostMs, BACKOFF.firstMs * 2 ** (attempts - 1));
      const pauseMs = parseRetryAfter(retryAfter) + Math.random() * bound;
      if (isProbe || left < QUOTA.perRetry || performance.now() + pauseMs >= retryUntil) return undefined;
      left -= QUOTA.perRetry;
      return pauseMs;
    },
  };
}

/** Returns `Retry-After`, a number of seconds or a date, in milliseconds; 0 for a past or invalid value. */
function parseRetryAfter(retryAfter = '0'): number {
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Math.max(0, ms || 0);
}
