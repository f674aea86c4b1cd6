/**
 * Request coalescing: identical reads share an exchange that is not sent yet, or was sent at most 50 ms ago. Nothing is
 * cached.
 */
import { addAbortListener } from 'node:events';
import { type SpanContext, trace } from '@opentelemetry/api';
import { type Command, joinCommand } from './command.ts';
import { abandoned } from './errors.ts';

/**
 * The maximum age of an exchange to join. A write on another replica detaches nothing here, so a read after that write
 * may join an exchange from before it. This limits the age of its data.
 */
const JOINABLE_MS = 50;

interface Exchange {
  readonly command: Command;
  readonly result: Promise<unknown>;
  readonly controller: AbortController;
  /** The span of the command that is really sent. */
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
    const controller = new AbortController();
    const result = run(controller.signal).finally(() => forget(key, exchange));
    const exchange = { command, result, controller, span: trace.getActiveSpan()?.spanContext(), waiting: 0 };
    exchanges.set(key, exchange);
    return exchange;
  }

  return {
    /**
     * Joins the exchange of a key or starts one. The key must contain everything that decides the reply, including the
     * caller's token. `signal` ends the waiting. If no other caller waits, it also aborts the exchange.
     */
    async joinOrStart<T>(key: string, own: Command, signal: AbortSignal, run: Run<T>): Promise<T> {
      const known = exchanges.get(key);
      // Not sent yet, or its latest attempt is recent.
      const sentAt = known?.command.attempts.at(-1)?.start ?? Number.POSITIVE_INFINITY;
      const joined = performance.now() - sentAt <= JOINABLE_MS ? known : undefined;
      if (joined) joinCommand(own, joined.command);
      if (joined?.span) trace.getActiveSpan()?.addLink({ context: joined.span });
      const exchange = joined ?? start(key, own, run);
      exchange.waiting++;
      const disconnected = Promise.withResolvers<never>();
      using _ = addAbortListener(signal, () => {
        exchange.waiting--;
        if (exchange.waiting > 0) return disconnected.reject(abandoned(signal, { sent: true }));
        // Aborting the exchange rejects its result, for which this caller waits.
        forget(key, exchange);
        exchange.controller.abort(signal.reason);
      });
      return (await Promise.race([exchange.result, disconnected.promise])) as T;
    },

    /** Prevents later reads, of any caller, from joining the current exchanges of a residence. */
    detach(residenceId: string): void {
      for (const [key, { command }] of exchanges) {
        if (command.residenceId === residenceId) exchanges.delete(key);
      }
    },
  };
}
