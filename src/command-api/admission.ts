/**
 * Decides when a command may be sent: a bounded queue and a circuit breaker.
 */
import { addAbortListener } from 'node:events';
import type { Config } from '../config.ts';
import type { Reply } from './decoder.ts';
import { abandoned, CommandApiError, refused } from './errors.ts';

export const BREAKER_STATES = ['closed', 'open', 'half_open'] as const;

/** Runs at most `places` tasks; `room` more wait in FIFO order. Further tasks and aborted waiters are rejected. */
export function createQueue(places: number, room: number) {
  const waiting = new Set<() => void>();
  let running = 0;

  async function takeTurn<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    if (signal.aborted) throw abandoned(signal, { sent: false });
    if (running < places) running++;
    else if (waiting.size >= room) throw refused('queue full');
    else {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting.add(resolve);
      using _ = addAbortListener(signal, () => {
        waiting.delete(resolve);
        reject(abandoned(signal, { sent: false }));
      });
      await promise;
    }
    try {
      return await run();
    } finally {
      // Hand the place to the first waiter, so that new tasks cannot overtake it.
      const [next] = waiting;
      if (next) waiting.delete(next);
      else running--;
      next?.();
    }
  }

  return { takeTurn, count: () => ({ inFlight: running, queued: waiting.size }) };
}

/**
 * Opens for `BREAKER_OPEN_MS` after `BREAKER_FAILURES` consecutive commands could not reach the command API. Then one
 * command probes, and other commands fail at once. A probe without a result is replaced by the next command. Uses a
 * monotonic clock.
 */
function createBreaker({ BREAKER_FAILURES, BREAKER_OPEN_MS }: Config) {
  // Replaced when the breaker opens or closes, so that results of commands from an earlier period change nothing.
  let period = { openUntil: 0, failures: 0, isProbing: false };

  async function guard(send: (isProbe: boolean) => Promise<Reply>): Promise<Reply> {
    const own = period;
    if (own.isProbing || performance.now() < own.openUntil) throw refused('breaker open');
    own.isProbing = own.openUntil > 0;
    let isWell: boolean | undefined;
    try {
      const reply = await send(own.isProbing);
      // Not 500, which a single command may cause, and not 429, which shows that the command API works.
      isWell = ![502, 503, 504].includes(reply.status) && !reply.isCutOff;
      return reply;
    } catch (error) {
      // An abandoned command says nothing about the command API.
      if (error instanceof CommandApiError && !error.details.inconclusive) isWell = !error.isUnreachable;
      throw error;
    } finally {
      if (isWell !== undefined) own.failures = isWell ? 0 : own.failures + 1;
      const isOver = own.failures >= BREAKER_FAILURES || (own.isProbing && isWell !== undefined);
      const openUntil = isWell ? 0 : performance.now() + BREAKER_OPEN_MS;
      if (isOver && own === period) period = { openUntil, failures: 0, isProbing: false };
      own.isProbing = false;
    }
  }

  function state(): (typeof BREAKER_STATES)[number] {
    if (period.openUntil === 0) return 'closed';
    return period.isProbing ? 'half_open' : 'open';
  }

  return { guard, state };
}

export type Admission = ReturnType<typeof createAdmission>;

/** Creates the queue and breaker of all operations. `state` returns their current state. */
export function createAdmission(config: Config) {
  const { takeTurn, count } = createQueue(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED);
  const breaker = createBreaker(config);
  return { takeTurn, guard: breaker.guard, state: () => ({ ...count(), breaker: breaker.state() }) };
}
