/**
 * Spans, by OpenTelemetry's API. None is made until `startTracing` has brought an SDK. No attribute holds anything that a
 * resident wrote.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import {
  context,
  DiagConsoleLogger,
  DiagLogLevel,
  diag,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanOptions,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Logger } from 'pino';
import { SERVICE, VERSION } from './version.ts';

const FLUSH_MS = 2000;

let tracer: Tracer | undefined;

/**
 * Runs something in a span, if there is an SDK: under the span that is current or, where the headers of a request are given,
 * under theirs.
 */
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
      // Not the error itself, whose message may quote anything.
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

/** The `traceparent` of the current span, to hand on; undefined where there is no SDK. */
export function currentTraceparent(): string | undefined {
  if (!tracer) return undefined;
  const carrier: { traceparent?: string } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent;
}

/**
 * Loads the SDK and has spans exported as the `OTEL_*` variables of the environment say. What is returned sends the last
 * ones, or gives up after two seconds: a collector that hangs must not hold up the end.
 */
export async function startTracing(serviceName: string, logger: Logger): Promise<() => Promise<unknown>> {
  const { startNodeSdk } = await import('@opentelemetry/sdk-node');
  const sdk = startNodeSdk({
    resourceAttributes: { 'service.name': serviceName, 'service.version': VERSION },
    // Metrics are for Prometheus, and logs go to standard output.
    metricReaders: [],
    logRecordProcessors: [],
  });
  tracer = trace.getTracer(SERVICE, VERSION);
  // What it says may quote what a collector answered.
  const fail = () => logger.warn('spans could not be exported');
  const quiet = Object.assign(new DiagConsoleLogger(), { error: fail });
  diag.setLogger(quiet, { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
  return () => Promise.race([sdk.shutdown().catch(fail), delay(FLUSH_MS)]);
}
