/**
 * The circuit breaker: while the command API is down, no command is sent.
 */
import type { Config } from '../config.ts';
import { type CommandApiError, type FailureKind, overloaded } from './errors.ts';

const DOWN_STATUSES: readonly unknown[] = [502, 503, 504];
/** This process ended the command, so nothing is known of the command API. */
const UNKNOWN_KINDS: readonly FailureKind[] = ['timeout', 'expired', 'cancelled', 'overloaded', 'internal'];

export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;

/**
 * Opens for `BREAKER_OPEN_MS` after `BREAKER_FAILURES` consecutive commands found the command API down. Then one command
 * probes, and other commands fail. A probe without a result is replaced by the next command. Uses a monotonic
 * clock.
 */
export function createCircuitBreaker({ BREAKER_FAILURES, BREAKER_OPEN_MS }: Config) {
  // Replaced when the breaker opens or closes, so that results of commands from an earlier period change nothing.
  let period = { openUntil: 0, failures: 0, isProbing: false };

  return {
    /** Lets a command pass, until it is disposed of. Throws a `CommandApiError` if the breaker is open. */
    enter() {
      const own = period;
      if (own.isProbing || performance.now() < own.openUntil) throw overloaded('breaker open');
      const isProbe = own.openUntil > 0;
      own.isProbing = isProbe;
      return {
        /** Whether the result of this command closes or opens the breaker. */
        isProbe,
        /** Takes the result of the command: its final error, or success. */
        end(error?: CommandApiError): void {
          const health = healthAfter(error);
          if (health === 'unknown') return;
          own.failures = health === 'up' ? 0 : own.failures + 1;
          if (own !== period || !(isProbe || own.failures >= BREAKER_FAILURES)) return;
          const openUntil = health === 'up' ? 0 : performance.now() + BREAKER_OPEN_MS;
          period = { openUntil, failures: 0, isProbing: false };
        },
        [Symbol.dispose](): void {
          own.isProbing = false;
        },
      };
    },

    state(): (typeof BREAKER_STATES)[number] {
      if (period.openUntil === 0) return 'closed';
      return period.isProbing ? 'half_open' : 'open';
    },
  };
}

/** Returns what the end of a command says about the command API. */
function healthAfter(error: CommandApiError | undefined): 'up' | 'down' | 'unknown' {
  if (!error) return 'up';
  const { kind, details } = error;
  // Not 500, which a single command may cause, and not 429, which shows that the command API works.
  if (kind === 'unavailable') return details.isCutOff || DOWN_STATUSES.includes(details.status) ? 'down' : 'up';
  // If the event loop was blocked, the reply to a late timeout may already have arrived.
  if (kind === 'unreachable' || (kind === 'timeout' && !details.isLate)) return 'down';
  return UNKNOWN_KINDS.includes(kind) ? 'unknown' : 'up';
}
