/**
 * When a command may go to a command API that may be slow, full or down: how many at a time, and when none at all.
 */
import type { Config } from '../config.ts';
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

  return async <T>(command: CommandRef, signal: AbortSignal, run: () => Promise<T>): Promise<T> => {
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
  };
}

/** Puts a bounded queue and a circuit breaker before what sends commands. */
export function guardCommands(send: Send, config: Config): Send {
  const takeTurn = createQueue(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED);
  // Another one each time that it opens: what began before reports to an old one, since it says nothing of now.
  let breaker = { failures: 0, openUntil: 0 };

  return (command, param, session, signal) =>
    takeTurn(command, signal, async () => {
      const current = breaker;
      const isProbe = current.openUntil > 0;
      if (performance.now() < current.openUntil) throw notSent(command, 'breaker open');
      // One probes, and the others fail at once meanwhile.
      if (isProbe) current.openUntil = Number.POSITIVE_INFINITY;

      function report(failed: boolean): void {
        // What we gave up ourselves says nothing of the command API, but a probe that was given up has not succeeded.
        if (current !== breaker || (signal.aborted && !isProbe)) return;
        current.failures = failed ? current.failures + 1 : 0;
        if (!failed) current.openUntil = 0;
        else if (isProbe || current.failures >= config.BREAKER_FAILURES)
          breaker = { failures: 0, openUntil: performance.now() + config.BREAKER_OPEN_MS };
      }

      try {
        const reply = await send(command, param, session, signal);
        // Not 500, which one command alone may cause, nor 429, which says that it is well.
        report([502, 503, 504].includes(reply.status));
        return reply;
      } catch (error) {
        report(error instanceof CommandApiError && error.isUnreachable);
        throw error;
      }
    });
}

function notSent(command: CommandRef, detail: string): CommandApiError {
  return new CommandApiError(command, 'unavailable', { detail, sent: false });
}
