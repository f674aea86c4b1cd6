/**
 * The circuit breaker: while the command API is down, no command begins but a probe.
 */
import type { Config } from '../config.ts';
import { CommandApiError, type FailureHealth } from './failures.ts';

export type CircuitBreaker = ReturnType<typeof createCircuitBreaker>;

export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;

/**
 * Opens for `BREAKER_OPEN_MS` after `BREAKER_FAILURES` consecutive commands found the command API down. Then one
 * command probes, and other commands fail. A probe without a result is replaced by the next command. Uses a monotonic
 * clock.
 */
export function createCircuitBreaker({ BREAKER_FAILURES, BREAKER_OPEN_MS }: Config) {
  // Replaced when the breaker opens or closes, so that results of commands from an earlier period change nothing.
  let period = { openUntil: 0, failures: 0, isProbing: false };

  /** Throws a `CommandApiError` if the breaker is open, or another command probes. */
  function throwIfOpen(): void {
    if (period.isProbing || performance.now() < period.openUntil)
      throw new CommandApiError('breaker_open', { detail: 'breaker open' });
  }

  return {
    throwIfOpen,

    /** Begins the call of a command, which its holder disposes. Throws as `throwIfOpen` does. */
    begin() {
      throwIfOpen();
      const own = period;
      const isProbe = own.openUntil > 0;
      own.isProbing = isProbe;
      let health: FailureHealth = 'unknown';
      return {
        /** Whether this is the probe, whose result alone closes or opens the breaker again. */
        isProbe,
        /** Takes the result of an attempt: its failure, or success. The last one is that of the command. */
        report(failure?: CommandApiError): void {
          health = failure?.failure.health ?? 'up';
        },
        /** Ends the call. */
        [Symbol.dispose](): void {
          own.isProbing = false;
          if (health === 'unknown') return;
          own.failures = health === 'up' ? 0 : own.failures + 1;
          if (own !== period || !(isProbe || own.failures >= BREAKER_FAILURES)) return;
          const openUntil = health === 'up' ? 0 : performance.now() + BREAKER_OPEN_MS;
          period = { openUntil, failures: 0, isProbing: false };
        },
      };
    },

    state(): (typeof BREAKER_STATES)[number] {
      if (period.openUntil === 0) return 'closed';
      return period.isProbing ? 'half_open' : 'open';
    },
  };
}
