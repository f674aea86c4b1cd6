/**
 * Spans, through OpenTelemetry's API. No span exists until `startTracing` loads an SDK. Attributes never contain data
 * of residents.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Span, SpanOptions, Tracer } from '@opentelemetry/api';
import { context, DiagLogLevel, diag, propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { SERVICE, VERSION } from './version.ts';

const FLUSH_MS = 2000;

let tracer: Tracer | undefined;

/** Runs a function in a span, if an SDK is loaded. The parent is the current span, or the span that `headers` name. */
export function inSpan<T>(
  name: string,
  options: SpanOptions,
  run: (span?: Span) => Promise<T>,
  headers?: IncomingHttpHeaders,
): Promise<T> {
  if (!tracer) return run();
  const parent = headers ? propagation.extract(ROOT_CONTEXT, headers) : context.active();
  return tracer.startActiveSpan(name, options, parent, async (span) => {
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

export function failSpan(span: Span | undefined, type: string): void {
  span?.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', type);
}

/** Returns the `traceparent` of the current span, or undefined without an SDK. */
export function currentTraceparent(): string | undefined {
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}

/**
 * Loads the SDK, which exports spans as the `OTEL_*` variables configure. Returns a function that sends the remaining
 * spans. It resolves after two seconds at most, so that an unresponsive collector does not delay shutdown.
 */
export async function startTracing(serviceName: string, logger: Logger): Promise<() => Promise<unknown>> {
  const { startNodeSdk } = await import('@opentelemetry/sdk-node');
  const sdk = startNodeSdk({
    resourceAttributes: { 'service.name': serviceName, 'service.version': VERSION },
    // Prometheus scrapes metrics, and logs go to standard output.
    metricReaders: [],
    logRecordProcessors: [],
  });
  tracer = trace.getTracer(SERVICE, VERSION);
  // The SDK's own message may quote the collector's response.
  const fail = () => logger.warn('spans could not be exported');
  const quiet = { error: fail, warn: fail, info: fail, debug: fail, verbose: fail };
  diag.setLogger(quiet, { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
  return () => Promise.race([sdk.shutdown().catch(fail), delay(FLUSH_MS)]);
}
