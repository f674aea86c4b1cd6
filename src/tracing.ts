/**
 * Spans. OpenTelemetry is loaded only by `startTracing`; until then there is no span. Attributes never contain data of
 * residents.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Attributes, Span, Tracer } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { SERVICE, VERSION } from './version.ts';

const FLUSH_MS = 2000;

let loaded: { readonly api: typeof import('@opentelemetry/api'); readonly tracer: Tracer } | undefined;

/** Runs a function in the span of a request, if there are spans. The headers name its parent. */
export function inRequestSpan<T>(
  name: string,
  attributes: Attributes,
  headers: IncomingHttpHeaders,
  run: (span?: Span) => Promise<T>,
): Promise<T> {
  if (!loaded) return run();
  const { propagation, ROOT_CONTEXT, SpanKind } = loaded.api;
  // A client can write any text into `tracestate`, and a router may forward it.
  const parent = propagation.extract(ROOT_CONTEXT, { ...headers, tracestate: undefined });
  return loaded.tracer.startActiveSpan(name, { kind: SpanKind.SERVER, attributes }, parent, async (span) => {
    try {
      return await run(span);
    } catch (error) {
      // Not the error itself: its message may quote anything.
      failSpan(span, (error as Error).name);
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Starts the span of a command, beneath the span of its request. */
export function startCommandSpan(name: string): Span | undefined {
  return loaded?.tracer.startSpan(name, { kind: loaded.api.SpanKind.CLIENT });
}

export function activeSpan(): Span | undefined {
  return loaded?.api.trace.getActiveSpan();
}

export function failSpan(span: Span | undefined, type: string): void {
  if (loaded) span?.setStatus({ code: loaded.api.SpanStatusCode.ERROR }).setAttribute('error.type', type);
}

/** Returns the `traceparent` of a span. */
export function traceparentOf(span: Span | undefined): string | undefined {
  const carrier: { traceparent?: string } = {};
  if (loaded && span) loaded.api.propagation.inject(loaded.api.trace.setSpan(loaded.api.ROOT_CONTEXT, span), carrier);
  return carrier.traceparent;
}

/**
 * Loads the SDK, which exports spans as the `OTEL_*` variables configure. Returns a function that sends the remaining
 * spans. It resolves after two seconds at most, so that an unresponsive collector does not delay shutdown.
 */
export async function startTracing(serviceName: string, logger: Logger): Promise<() => Promise<unknown>> {
  const { startNodeSdk } = await import('@opentelemetry/sdk-node');
  const api = await import('@opentelemetry/api');
  const sdk = startNodeSdk({
    resourceAttributes: { 'service.name': serviceName, 'service.version': VERSION },
    // Prometheus scrapes metrics, and logs go to standard output.
    metricReaders: [],
    logRecordProcessors: [],
  });
  loaded = { api, tracer: api.trace.getTracer(SERVICE, VERSION) };
  // The SDK's own message may quote the collector's response.
  const fail = () => logger.warn('spans could not be exported');
  const quiet = { error: fail, warn: fail, info: fail, debug: fail, verbose: fail };
  api.diag.setLogger(quiet, { logLevel: api.DiagLogLevel.ERROR, suppressOverrideMessage: true });
  // The export itself keeps the process alive.
  return () => Promise.race([sdk.shutdown().catch(fail), delay(FLUSH_MS, undefined, { ref: false })]);
}
