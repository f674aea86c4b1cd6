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
import type { Config } from '../config.ts';
import type { Reply } from './decoder.ts';
import { abandoned, CommandApiError, type CommandRef } from './errors.ts';
import type { Send } from './transport.ts';

/**
 * A queue: `places` run at once and `room` wait, in turn; what is beyond fails at once. Whoever gives up leaves at once
 * and is never run.
 */
export function createQueue(places: number, room: number) {
  let free = places;
  const waiting = new Set<() => void>();

  function wait(command: CommandRef, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        waiting.delete(begin);
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        waiting.delete(begin);
        reject(abandoned(command, signal, false));
      };
      waiting.add(begin);
      signal.addEventListener('abort', giveUp);
    });
  }

  async function takeTurn<T>(command: CommandRef, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    if (signal.aborted) throw abandoned(command, signal, false);
    if (free > 0) free--;
    else if (waiting.size < room) await wait(command, signal);
    else throw notSent(command, 'queue full');
    try {
      return await run();
    } finally {
      // A place goes from hand to hand: nobody who comes just then gets ahead.
      const [next] = waiting;
      if (next) next();
      else free++;
    }
  }

  return { takeTurn, count: () => ({ inFlight: places - free, queued: waiting.size }) };
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

function notSent(command: CommandRef, detail: string): CommandApiError {
  return new CommandApiError(command, 'unavailable', { detail, sent: false });
}
