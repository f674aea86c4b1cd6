/**
 * The circuit breaker: while the command API is down, no command is sent but a probe.
 */
import type { Config } from '../config.ts';
import { CommandFailure, type FailureHealth } from './failures.ts';

export type CircuitBreaker = ReturnType<typeof createCircuitBreaker>;

export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;

/**
 * Opens for `BREAKER_OPEN_MS` after `BREAKER_FAILURES` consecutive attempts found the command API down. Then one
 * attempt probes, and others fail. A probe that shows nothing is replaced by the next attempt.
 */
export function createCircuitBreaker({ BREAKER_FAILURES, BREAKER_OPEN_MS }: Config) {
  // Replaced when the breaker opens or closes, so that results of attempts from an earlier period change nothing.
  let current = { openUntil: 0, failures: 0, isProbing: false };

  /** Throws a `CommandFailure` if the breaker is open, or another attempt probes. */
  function throwIfOpen(): void {
    if (current.isProbing || performance.now() < current.openUntil)
      throw new CommandFailure('breaker_open', { detail: 'breaker open' });
  }

  /** Runs an attempt, and learns from its result. Settles as the attempt does, or throws as `throwIfOpen`. */
  async function run<T>(attempt: () => Promise<T>): Promise<T> {
    throwIfOpen();
    const period = current;
    const isProbe = period.openUntil > 0;
    period.isProbing = isProbe;
    let health: FailureHealth = 'up';
    try {
      return await attempt();
    } catch (error) {
      health = error instanceof CommandFailure ? error.health : 'unknown';
      throw error;
    } finally {
      period.isProbing = false;
      if (health !== 'unknown') period.failures = health === 'up' ? 0 : period.failures + 1;
      const isDecided = isProbe ? health !== 'unknown' : period.failures >= BREAKER_FAILURES;
      if (period === current && isDecided) {
        const openUntil = health === 'up' ? 0 : performance.now() + BREAKER_OPEN_MS;
        current = { openUntil, failures: 0, isProbing: false };
      }
    }
  }

  return {
    run,
    throwIfOpen,

    state(): (typeof BREAKER_STATES)[number] {
      if (current.openUntil === 0) return 'closed';
      return current.isProbing ? 'half_open' : 'open';
    },
  };
}
