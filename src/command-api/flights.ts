/**
 * Identical reads under way share one exchange. Nothing is kept after it settles.
 */
import { addAbortListener } from 'node:events';
import type { Command } from './command.ts';
import { abandoned } from './errors.ts';

interface Flight {
  readonly command: Command;
  readonly result: Promise<unknown>;
  readonly end: AbortController;
  waiting: number;
}

type Run<T> = (end: AbortController) => Promise<T>;

export function createFlights() {
  const flights = new Map<string, Flight>();

  function forget(key: string, flight: Flight): void {
    if (flights.get(key) === flight) flights.delete(key);
  }

  function start(key: string, command: Command, run: Run<unknown>): Flight {
    const end = new AbortController();
    const result = run(end).finally(() => forget(key, flight));
    const flight = { command, result, end, waiting: 0 };
    flights.set(key, flight);
    return flight;
  }

  return {
    /**
     * Joins the flight of a key, which holds everything that the answer depends on, the caller's token included, or
     * starts one. `signal` ends the waiting; where nobody else waits, it ends what `run` does, and with that the waiting. A
     * command that joins gets the id and the attempts of the one that is really sent.
     */
    async share<T>(key: string, own: Command, signal: AbortSignal, run: Run<T>): Promise<T> {
      const flight = flights.get(key) ?? start(key, own, run);
      const { id, attempts } = flight.command;
      Object.assign(own, { id, attempts, coalesced: flight.command !== own });
      flight.waiting++;
      const left = Promise.withResolvers<never>();
      using _ = addAbortListener(signal, () => {
        flight.waiting--;
        if (flight.waiting > 0) return left.reject(abandoned(own, signal, true));
        // Its failure is told by what ends now.
        forget(key, flight);
        flight.end.abort(signal.reason);
      });
      return (await Promise.race([flight.result, left.promise])) as T;
    },

    /** Lets no later read join what is under way for a residence, whoever asked for it. */
    detach(residenceId: string): void {
      for (const [key, { command }] of flights) {
        if (command.residenceId === residenceId) flights.delete(key);
      }
    },
  };
}
