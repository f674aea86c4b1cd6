/**
 * When a command may go to a command API that may be slow, full or down: how many at a time, and when none at all.
 */
import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleType,
  isBrokenCircuitError,
} from 'cockatiel';
import PQueue from 'p-queue';
import type { Config } from '../config.ts';
import type { Command } from './command.ts';
import type { Reply } from './decoder.ts';
import { abandoned, CommandApiError } from './errors.ts';
import type { Send } from './transport.ts';

/**
 * A queue: `places` run at once and `room` wait, in turn; what is beyond fails at once, as does who gives up waiting. One that
 * is given up while it runs leaves its place to the next just then.
 */
export function createQueue(places: number, room: number) {
  const queue = new PQueue({ concurrency: places });

  async function takeTurn<T>(command: Command, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    if (queue.pending >= places && queue.size >= room) throw notSent(command, 'queue full');
    let begun: Promise<T> | undefined;
    const begin = () => {
      begun = run();
      return begun;
    };
    // What has begun is given up by itself, and then says how far it had come.
    return queue.add(begin, { signal }).catch(() => begun ?? Promise.reject(abandoned(command, signal, false)));
  }

  return { takeTurn, count: () => ({ inFlight: queue.pending, queued: queue.size }) };
}

/** Puts a bounded queue and a circuit breaker before what sends commands. `look` tells how they are. */
export function guardCommands(transport: Send, config: Config) {
  const { takeTurn, count } = createQueue(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED);
  // What we gave up ourselves says nothing of the command API, but a probe that was given up has not succeeded.
  const failures = handleType(CommandApiError, (error) => error.isUnreachable && (!error.details.gaveUp || isProbing()))
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

  function isProbing(): boolean {
    return breaker.state === CircuitState.HalfOpen;
  }

  const send: Send = (command, param, session, end) =>
    takeTurn(command, end.signal, async () => {
      // The breaker by itself would have the others wait for the probe, and hold their places meanwhile.
      if (isProbing()) throw notSent(command, 'breaker open');
      try {
        return await breaker.execute(() => transport(command, param, session, end));
      } catch (error) {
        throw isBrokenCircuitError(error) ? notSent(command, 'breaker open') : error;
      }
    });

  return { send, look: () => ({ ...count(), breaker: breaker.state }) };
}

function notSent(command: Command, detail: string): CommandApiError {
  return new CommandApiError(command, 'unavailable', { detail, sent: false });
}
