/**
 * The circuit breaker: while the command API is down, commands fail at once.
 */
import type { Config } from '../config.ts';
import { type Health, unavailable } from './errors.ts';

export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;

/** A command that the breaker let pass. */
interface Trial extends Disposable {
  /** Whether its result closes or opens the breaker. */
  readonly isProbe: boolean;
  /** What the breaker learns from it in the end. */
  health: Health;
}

/**
 * Opens for `BREAKER_OPEN_MS` after `BREAKER_FAILURES` consecutive commands found the command API down. Then one command
 * probes, and other commands fail at once. A probe without a result is replaced by the next command. Uses a monotonic
 * clock.
 */
export function createCircuitBreaker({ BREAKER_FAILURES, BREAKER_OPEN_MS }: Config) {
  // Replaced when the breaker opens or closes, so that results of commands from an earlier period change nothing.
  let period = { openUntil: 0, failures: 0, isProbing: false };

  return {
    /** Lets a command pass, until it is disposed of. Throws a `CommandApiError` if the breaker is open. */
    enter(): Trial {
      const own = period;
      if (own.isProbing || performance.now() < own.openUntil) throw unavailable('breaker open');
      const isProbe = own.openUntil > 0;
      own.isProbing = isProbe;
      return { isProbe, health: 'unknown', [Symbol.dispose]: learn };

      function learn(this: Trial): void {
        own.isProbing = false;
        if (this.health === 'unknown') return;
        const isUp = this.health === 'up';
        own.failures = isUp ? 0 : own.failures + 1;
        if (own !== period || !(isProbe || own.failures >= BREAKER_FAILURES)) return;
        period = { openUntil: isUp ? 0 : performance.now() + BREAKER_OPEN_MS, failures: 0, isProbing: false };
      }
    },

    state(): (typeof BREAKER_STATES)[number] {
      if (period.openUntil === 0) return 'closed';
      return period.isProbing ? 'half_open' : 'open';
    },
  };
}
