/**
 * Decides whether and when a failed command is sent again.
 */
import type { CommandApiError } from './failures.ts';
import type { Grant } from './grant.ts';
import type { CommandRecord } from './record.ts';

/** Random pauses up to a bound that doubles, so that failed commands do not all return at once. */
const BACKOFF = { firstMs: 100, mostMs: 2000 };
/** The retries that all operations may spend, in tenths: 10 at the start, a tenth more per command, 100 at most. */
const ALLOWANCE = { atStart: 100, perCommand: 1, most: 1000, perRetry: 10 };

/** Creates the policy of all retries, and what they may spend. A command has at most `maxAttempts`. */
export function createRetries(maxAttempts: number) {
  let allowance = ALLOWANCE.atStart;

  return {
    /** Earns a tenth of a retry, for a command. */
    earn(): void {
      allowance = Math.min(allowance + ALLOWANCE.perCommand, ALLOWANCE.most);
    },

    /**
     * Returns the pause before the attempt that follows a failed one; undefined if none may follow. A pause is partly
     * random, and spends a retry, unless it is 0. A probe is repeated only after a stale connection: its result tells
     * whether the command API is up again.
     */
    plan(error: CommandApiError, record: CommandRecord, isProbe: boolean, { retryUntil }: Grant): number | undefined {
      const { attempts } = record.exchange;
      const mayRepeat = !record.isWrite || error.outcome === 'NOT_SENT';
      const { retry, retryAfter } = error.failure;
      if (attempts >= maxAttempts || retry === 'never' || !mayRepeat) return undefined;
      if (retry === 'at once') return 0;
      const bound = Math.min(BACKOFF.mostMs, BACKOFF.firstMs * 2 ** (attempts - 1));
      const pauseMs = toMilliseconds(retryAfter) + Math.random() * bound;
      if (isProbe || allowance < ALLOWANCE.perRetry || performance.now() + pauseMs >= retryUntil) return undefined;
      allowance -= ALLOWANCE.perRetry;
      return pauseMs;
    },
  };
}

/** Parses `Retry-After`, which is a number of seconds or a date. Returns 0 for a past or invalid value. */
function toMilliseconds(retryAfter = '0'): number {
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Math.max(0, ms || 0);
}
