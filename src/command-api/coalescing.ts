/**
 * Request coalescing: identical reads share an exchange that is not sent yet, or was sent at most 50 ms ago. Nothing is
 * cached.
 */
import { addAbortListener } from 'node:events';
import type { SpanContext } from '@opentelemetry/api';
import { activeSpan } from '../tracing.ts';
import { ended } from './errors.ts';
import type { CommandRecord } from './record.ts';

/**
 * The maximum age of an exchange to join. A write on another replica detaches nothing here, so a read after that write
 * may join an exchange from before it. This limits the age of its data.
 */
const JOINABLE_MS = 50;

/** How long a command may take. */
export interface Lifetime {
  /** The deadline, on the clock of `performance.now()`. */
  readonly endsAt: number;
  /** Aborts at the deadline, or if the result is not wanted any more. */
  readonly signal: AbortSignal;
}

interface Exchange {
  readonly record: CommandRecord;
  readonly result: Promise<unknown>;
  readonly controller: AbortController;
  /** Its deadline is the latest of those who wait. */
  readonly lifetime: { endsAt: number; readonly signal: AbortSignal };
  /** The span of the command that is really sent. */
  readonly span: SpanContext | undefined;
  waiting: number;
}

type Run<T> = (lifetime: Lifetime) => Promise<T>;

export function createCoalescing() {
  const exchanges = new Map<string, Exchange>();

  function forget(key: string, exchange: Exchange): void {
    if (exchanges.get(key) === exchange) exchanges.delete(key);
  }

  function start(key: string, record: CommandRecord, endsAt: number, run: Run<unknown>): Exchange {
    const controller = new AbortController();
    const lifetime = { endsAt, signal: controller.signal };
    const result = run(lifetime).finally(() => forget(key, exchange));
    const exchange = { record, result, controller, lifetime, span: activeSpan()?.spanContext(), waiting: 0 };
    exchanges.set(key, exchange);
    return exchange;
  }

  return {
    /**
     * Joins the exchange of a key or starts one. The key must contain everything that decides the reply, including the
     * caller's token. `signal` ends the waiting. If no other caller waits, it also aborts the exchange.
     */
    async joinOrStart<T>(key: string, own: CommandRecord, { endsAt, signal }: Lifetime, run: Run<T>): Promise<T> {
      const known = exchanges.get(key);
      // Not sent yet, or its latest attempt is recent.
      const sentAt = known?.record.attempts.at(-1)?.start ?? Number.POSITIVE_INFINITY;
      const joined = performance.now() - sentAt <= JOINABLE_MS ? known : undefined;
      if (joined) {
        own.join(joined.record);
        joined.lifetime.endsAt = Math.max(joined.lifetime.endsAt, endsAt);
        if (joined.span) activeSpan()?.addLink({ context: joined.span });
      }
      const exchange = joined ?? start(key, own, endsAt, run);
      exchange.waiting++;
      const left = Promise.withResolvers<never>();
      using _ = addAbortListener(signal, () => {
        exchange.waiting--;
        if (exchange.waiting > 0) return left.reject(ended(signal));
        // Aborting the exchange rejects its result, for which this caller waits.
        forget(key, exchange);
        exchange.controller.abort(signal.reason);
      });
      return (await Promise.race([exchange.result, left.promise])) as T;
    },

    /** Prevents later reads, of any caller, from joining the current exchanges of a residence. */
    detach(residenceId: string): void {
      for (const [key, { record }] of exchanges) {
        if (record.residenceId === residenceId) exchanges.delete(key);
      }
    },
  };
}
