/**
 * Identical reads under way share one exchange. Nothing is kept after it settles.
 */
import { abandoned, type CommandRef } from './errors.ts';

interface Flight {
  readonly command: CommandRef;
  readonly residenceId: string;
  readonly result: Promise<unknown>;
  readonly controller: AbortController;
  waiting: number;
}

export type Flights = ReturnType<typeof createFlights>;

export function createFlights() {
  const flights = new Map<string, Flight>();

  function forget(key: string, flight: Flight): void {
    if (flights.get(key) === flight) flights.delete(key);
  }

  function wait<T>(key: string, flight: Flight, signal: AbortSignal): Promise<T> {
    flight.waiting++;
    return new Promise((resolve, reject) => {
      const leave = () => {
        reject(abandoned(flight.command, signal, true));
        flight.waiting--;
        if (flight.waiting > 0) return;
        forget(key, flight);
        flight.controller.abort(signal.reason);
      };
      signal.addEventListener('abort', leave, { once: true });
      flight.result
        .then((result) => resolve(result as T), reject)
        .finally(() => signal.removeEventListener('abort', leave));
    });
  }

  return {
    /**
     * Joins the flight of a key, which holds everything that the answer depends on, the caller's token included, or
     * starts one. `signal` ends the waiting; the signal that `run` is given aborts once nobody waits any more. The
     * command that is returned is the one really sent.
     */
    share<T>(
      key: string,
      own: CommandRef,
      residenceId: string,
      signal: AbortSignal,
      run: (signal: AbortSignal) => Promise<T>,
    ): { command: CommandRef; result: Promise<T> } {
      let flight = flights.get(key);
      if (!flight) {
        const controller = new AbortController();
        const started = { command: own, residenceId, result: run(controller.signal), controller, waiting: 0 };
        const landed = () => forget(key, started);
        started.result.then(landed, landed);
        flights.set(key, started);
        flight = started;
      }
      return { command: flight.command, result: wait(key, flight, signal) };
    },

    /** Lets no later read join what is under way for a residence, whoever asked for it. */
    detach(residenceId: string): void {
      for (const [key, flight] of flights) {
        if (flight.residenceId === residenceId) flights.delete(key);
      }
    },
  };
}
