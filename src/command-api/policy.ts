/**
 * When a command may go to a command API that may be slow, full or down: how many at a time, and when none at all.
 */
import {
  bulkhead,
  ConsecutiveBreaker,
  circuitBreaker,
  handleType,
  type IPolicy,
  isBrokenCircuitError,
  isBulkheadRejectedError,
  isTaskCancelledError,
  wrap,
} from 'cockatiel';
import type { Reply } from './decoder.ts';
import { abandoned, CallerGoneError, type CommandRef, UnreachableError } from './errors.ts';

export interface PolicyOptions {
  /** Commands of the whole process that are under way at once, and how many more may wait for their turn. */
  readonly maxCommandsInFlight: number;
  readonly maxCommandsQueued: number;
  /** After so many failures in a row nothing is sent for `breakerOpenMs`, and then one command to see. */
  readonly breakerFailures: number;
  readonly breakerOpenMs: number;
}

/** A bounded queue before a circuit breaker. */
export function createPolicy(options: PolicyOptions): IPolicy {
  const breaker = circuitBreaker(
    handleType(UnreachableError, (error) => !(error instanceof CallerGoneError))
      // Not 500, which one command alone may cause, nor 429, which says that it is well.
      .orWhenResult((reply) => [502, 503, 504].includes((reply as Reply).status)),
    { halfOpenAfter: options.breakerOpenMs, breaker: new ConsecutiveBreaker(options.breakerFailures) },
  );
  return wrap(bulkhead(options.maxCommandsInFlight, options.maxCommandsQueued), breaker);
}

/** The policy, with so many commands of one operation in flight that it cannot fill everybody's queue. */
export function createOperationPolicy(policy: IPolicy): IPolicy {
  return wrap(bulkhead(32, Number.POSITIVE_INFINITY), policy);
}

/**
 * Runs once the policy lets it, or gives up when the signal aborts: what waits in a queue would only notice when its
 * turn comes. What gave up is never run.
 */
export function takeTurn<T>(
  policy: IPolicy,
  command: CommandRef,
  signal: AbortSignal,
  run: () => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let waiting = true;
    const giveUp = () => waiting && reject(abandoned(command, signal, false));
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
  return isTaskCancelledError(error) ? abandoned(command, signal, false) : error;
}
