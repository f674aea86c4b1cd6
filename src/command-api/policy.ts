/**
 * When a command may go to a command API that may be slow, full or down: how many at a time, and when none at all.
 */
import {
  BrokenCircuitError,
  bulkhead,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleType,
  isBrokenCircuitError,
  isBulkheadRejectedError,
  isTaskCancelledError,
} from 'cockatiel';
import type { Config } from '../config.ts';
import type { Reply } from './decoder.ts';
import { AbandonedError, type CommandRef, UnreachableError } from './errors.ts';

/** Runs something now, later or not at all. */
export interface Policy {
  execute<T>(run: () => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** A bounded queue before a circuit breaker. */
export function createPolicy(config: Config): Policy {
  const queue = bulkhead(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED);
  const isProbing = () => breaker.state === CircuitState.HalfOpen;
  // How often the breaker had changed when what came of a command began.
  const begun = new WeakMap<object, number>();
  let changes = 0;
  // What began before the last change says nothing of now; what we gave up ourselves says nothing of the command API,
  // but a probe that was given up has not succeeded.
  const counts = (outcome: object) => begun.get(outcome) === changes;
  const breaker: CircuitBreakerPolicy = circuitBreaker(
    handleType(UnreachableError, (error) => counts(error) && (!(error instanceof AbandonedError) || isProbing()))
      // Not 500, which one command alone may cause, nor 429, which says that it is well.
      .orWhenResult((reply) => counts(reply as Reply) && [502, 503, 504].includes((reply as Reply).status)),
    { halfOpenAfter: config.BREAKER_OPEN_MS, breaker: new ConsecutiveBreaker(config.BREAKER_FAILURES) },
  );
  breaker.onStateChange(() => {
    changes += 1;
  });

  /** Runs, and notes when it began on what comes of it. */
  async function note<T>(run: () => Promise<T>): Promise<T> {
    const at = changes;
    try {
      const reply = await run();
      begun.set(reply as object, at);
      return reply;
    } catch (error) {
      begun.set(error as object, at);
      throw error;
    }
  }

  return {
    execute: (run, signal) =>
      queue.execute(() => {
        // The breaker by itself would have the others wait for the probe, and hold their places meanwhile.
        if (isProbing()) throw new BrokenCircuitError();
        return breaker.execute(() => note(run), signal);
      }, signal),
  };
}

/** For the commands of one operation: so many at once that it cannot fill everybody's queue. */
export function createOperationPolicy(): Policy {
  return bulkhead(32, Number.POSITIVE_INFINITY);
}

/**
 * Runs once the policy lets it, or gives up when the signal aborts: what waits in a queue would only notice when its
 * turn comes. What gave up is never run.
 */
export function takeTurn<T>(
  policy: Policy,
  command: CommandRef,
  signal: AbortSignal,
  run: () => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let waiting = true;
    const giveUp = () => waiting && reject(new AbandonedError(command, signal, false));
    signal.addEventListener('abort', giveUp, { once: true });
    policy
      .execute(() => {
        waiting = false;
        return run();
      }, signal)
      .then(resolve, (error) => reject(explain(error, command, signal)))
      .finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/** Cockatiel's own errors in our terms; in each case nothing was sent. */
function explain(error: unknown, command: CommandRef, signal: AbortSignal): unknown {
  const refused = (detail: string) => new UnreachableError(command, 'unavailable', { detail, sent: false });
  if (isBulkheadRejectedError(error)) return refused('queue full');
  if (isBrokenCircuitError(error)) return refused('breaker open');
  return isTaskCancelledError(error) ? new AbandonedError(command, signal, false) : error;
}
