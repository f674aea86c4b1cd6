/**
 * Request coalescing: identical reads share an exchange that was sent just now, or not yet. Nothing is kept after it settles.
 */
import { addAbortListener } from 'node:events';
import { type SpanContext, trace } from '@opentelemetry/api';
import { type Command, joinCommand } from './command.ts';
import { abandoned } from './errors.ts';

/** How old an exchange may be that a read joins: across replicas, nothing else bounds how long before a write it was sent. */
const JOINABLE_MS = 50;

interface Exchange {
  readonly command: Command;
  readonly result: Promise<unknown>;
  readonly end: AbortController;
  /** Of the command that is really sent. */
  readonly span: SpanContext | undefined;
  waiting: number;
}

type Run<T> = (signal: AbortSignal) => Promise<T>;

export function createCoalescing() {
  const exchanges = new Map<string, Exchange>();

  function forget(key: string, exchange: Exchange): void {
    if (exchanges.get(key) === exchange) exchanges.delete(key);
  }

  function start(key: string, command: Command, run: Run<unknown>): Exchange {
    const end = new AbortController();
    const result = run(end.signal).finally(() => forget(key, exchange));
    const exchange = { command, result, end, span: trace.getActiveSpan()?.spanContext(), waiting: 0 };
    exchanges.set(key, exchange);
    return exchange;
  }

  /** The exchange of a key, unless its latest attempt was sent too long ago. */
  function find(key: string): Exchange | undefined {
    const exchange = exchanges.get(key);
    const sentAt = exchange?.command.attempts.at(-1)?.start ?? Number.POSITIVE_INFINITY;
    return performance.now() - sentAt <= JOINABLE_MS ? exchange : undefined;
  }

  return {
    /**
     * Joins the exchange of a key, which holds everything that the answer depends on, the caller's token included, or
     * starts one. `signal` ends the waiting; where nobody else waits, it ends what `run` does, and with that the waiting.
     */
    async share<T>(key: string, own: Command, signal: AbortSignal, run: Run<T>): Promise<T> {
      const joined = find(key);
      if (joined) joinCommand(own, joined.command);
      if (joined?.span) trace.getActiveSpan()?.addLink({ context: joined.span });
      const exchange = joined ?? start(key, own, run);
      exchange.waiting++;
      const left = Promise.withResolvers<never>();
      using _ = addAbortListener(signal, () => {
        exchange.waiting--;
        if (exchange.waiting > 0) return left.reject(abandoned(signal, true));
        // Its failure is told by what ends now.
        forget(key, exchange);
        exchange.end.abort(signal.reason);
      });
      return (await Promise.race([exchange.result, left.promise])) as T;
    },

    /** Lets no later read join what is under way for a residence, whoever asked for it. */
    detach(residenceId: string): void {
      for (const [key, { command }] of exchanges) {
        if (command.residenceId === residenceId) exchanges.delete(key);
      }
    },
  };
}
