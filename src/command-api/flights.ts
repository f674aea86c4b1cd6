/**
 * Identical reads under way share one exchange. Nothing is kept after it settles.
 */
import { abandoned } from './errors.ts';
import type { SentCommand } from './transport.ts';

interface Flight {
  readonly command: SentCommand;
  readonly residenceId: string;
  readonly result: Promise<unknown>;
  readonly controller: AbortController;
  waiting: number;
}

type Run<T> = (end: AbortController) => Promise<T>;

export function createFlights() {
  const flights = new Map<string, Flight>();

  function forget(key: string, flight: Flight): void {
    if (flights.get(key) === flight) flights.delete(key);
  }

  function start(key: string, command: SentCommand, residenceId: string, run: Run<unknown>): Flight {
    const controller = new AbortController();
    const result = run(controller).finally(() => forget(key, flight));
    const flight = { command, residenceId, result, controller, waiting: 0 };
    flights.set(key, flight);
    return flight;
  }

  function wait(key: string, flight: Flight, signal: AbortSignal): Promise<unknown> {
    flight.waiting++;
    return new Promise((resolve, reject) => {
      const leave = () => {
        reject(abandoned(flight.command, signal, true));
        flight.waiting--;
        if (flight.waiting > 0) return;
        forget(key, flight);
        flight.controller.abort(signal.reason);
      };
      const stay = () => signal.removeEventListener('abort', leave);
      signal.addEventListener('abort', leave);
      flight.result.then(resolve, reject).then(stay);
    });
  }

  return {
    /**
     * Joins the flight of a key, which holds everything that the answer depends on, the caller's token included, or
     * starts one. `signal` ends the waiting; what `run` is given aborts once nobody waits any more. The
     * command that is returned is the one really sent.
     */
    share<T>(key: string, own: SentCommand, residenceId: string, signal: AbortSignal, run: Run<T>) {
      const flight = flights.get(key) ?? start(key, own, residenceId, run);
      return { command: flight.command, result: wait(key, flight, signal) as Promise<T> };
    },

    /** Lets no later read join what is under way for a residence, whoever asked for it. */
    detach(residenceId: string): void {
      for (const [key, flight] of flights) {
        if (flight.residenceId === residenceId) flights.delete(key);
      }
    },
  };
}
