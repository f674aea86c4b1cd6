/**
 * The circuit breaker: while the command API is down, no command is sent but a probe.
 */
import type { Config } from '../config.ts';
import { CommandFailure, type FailureHealth, failureOf } from './failures.ts';

export type CircuitBreaker = ReturnType<typeof createCircuitBreaker>;

export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;

/**
 * Opens for `BREAKER_OPEN_MS` after `BREAKER_FAILURES` consecutive attempts found the command API down. Then one attempt
 * probes, and others fail. A probe that shows nothing is replaced by the next attempt. Uses a monotonic clock.
 */
export function createCircuitBreaker({ BREAKER_FAILURES, BREAKER_OPEN_MS }: Config) {
  // Replaced when the breaker opens or closes, so that results of attempts from an earlier period change nothing.
  let period = { openUntil: 0, failures: 0, isProbing: false };

  /**
   * Runs an attempt, and learns from its result. Settles as the attempt does, or throws a `CommandFailure` if the breaker
   * is open or another attempt probes.
   */
  async function run<T>(attempt: () => Promise<T>): Promise<T> {
    const own = period;
    if (own.isProbing || performance.now() < own.openUntil)
      throw new CommandFailure('breaker_open', { detail: 'breaker open' });
    const isProbe = own.openUntil > 0;
    own.isProbing = isProbe;
    let health: FailureHealth = 'up';
    try {
      return await attempt();
    } catch (error) {
      health = failureOf(error).health;
      throw error;
    } finally {
      own.isProbing = false;
      if (health !== 'unknown') own.failures = health === 'up' ? 0 : own.failures + 1;
      const isDecided = isProbe ? health !== 'unknown' : own.failures >= BREAKER_FAILURES;
      if (own === period && isDecided) {
        const openUntil = health === 'up' ? 0 : performance.now() + BREAKER_OPEN_MS;
        period = { openUntil, failures: 0, isProbing: false };
      }
    }
  }

  return {
    run,

    state(): (typeof BREAKER_STATES)[number] {
      if (period.openUntil === 0) return 'closed';
      return period.isProbing ? 'half_open' : 'open';
    },
  };
}
