/**
 * When a command may go to a command API that may be slow, full or down: how many at a time, and when none at all.
 */
import {
  BrokenCircuitError,
  type BulkheadPolicy,
  bulkhead,
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleType,
  isBrokenCircuitError,
  isBulkheadRejectedError,
} from 'cockatiel';
import type { Config } from '../config.ts';
import type { Reply } from './decoder.ts';
import { AbandonedError, type CommandRef, UnreachableError } from './errors.ts';
import type { Send } from './transport.ts';

type PolicyConfig = Pick<
  Config,
  'MAX_COMMANDS_IN_FLIGHT' | 'MAX_COMMANDS_QUEUED' | 'BREAKER_FAILURES' | 'BREAKER_OPEN_MS'
>;

/** Puts a bounded queue and a circuit breaker before what sends commands. */
export function guardCommands(send: Send, config: PolicyConfig): Send {
  const queue = bulkhead(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED);
  const isProbing = () => breaker.state === CircuitState.HalfOpen;
  // What we gave up ourselves says nothing of the command API, but a probe that was given up has not succeeded.
  const failures = handleType(UnreachableError, (error) => !(error instanceof AbandonedError) || isProbing())
    // Not 500, which one command alone may cause, nor 429, which says that it is well.
    .orWhenResult((reply) => [502, 503, 504].includes((reply as Reply).status));
  let breaker = createBreaker();

  function createBreaker(initialState?: unknown): CircuitBreakerPolicy {
    const made = circuitBreaker(failures, {
      halfOpenAfter: config.BREAKER_OPEN_MS,
      breaker: new ConsecutiveBreaker(config.BREAKER_FAILURES),
      initialState,
    });
    // Each that opens hands over to a new one: what began before reports to the old, since it says nothing of now.
    made.onBreak(() => {
      breaker = createBreaker(made.toJSON());
    });
    return made;
  }

  return (command, param, session, signal) =>
    takeTurn(queue, command, signal, async () => {
      // The breaker by itself would have the others wait for the probe, and hold their places meanwhile.
      if (isProbing()) throw new BrokenCircuitError();
      return breaker.execute(() => send(command, param, session, signal), signal);
    });
}

/** For the commands of one operation: so many at once that it cannot fill everybody's queue. */
export function createOperationPolicy(): BulkheadPolicy {
  return bulkhead(32, Number.POSITIVE_INFINITY);
}

/**
 * Runs once the policy lets it, or gives up when the signal aborts: what waits in a queue would only notice when its
 * turn comes. What gave up is never run.
 */
export function takeTurn<T>(queue: BulkheadPolicy, command: CommandRef, signal: AbortSignal, run: () => Promise<T>) {
  return new Promise<T>((resolve, reject) => {
    let waiting = true;
    const giveUp = () => waiting && reject(new AbandonedError(command, signal, false));
    const take = () => {
      waiting = false;
      return run();
    };
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    queue
      .execute(take, signal)
      .then(resolve, (error) => reject(explain(error, command)))
      .finally(() => signal.removeEventListener('abort', giveUp));
  });
}

/** Cockatiel's own errors in our terms; in each case nothing was sent. */
function explain(error: unknown, command: CommandRef): unknown {
  const refused = (detail: string) => new UnreachableError(command, 'unavailable', { detail, sent: false });
  if (isBulkheadRejectedError(error)) return refused('queue full');
  return isBrokenCircuitError(error) ? refused('breaker open') : error;
}
