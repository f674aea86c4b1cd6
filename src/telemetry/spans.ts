/**
 * The spans of requests and commands, and the SDK of OpenTelemetry, without which they do nothing. Their attributes
 * never contain data of residents.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Attributes,
  DiagLogLevel,
  diag,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Attempt, CommandRecord } from '../command-api/command.ts';
import { SERVICE, VERSION } from '../config.ts';
import { shorten } from '../values.ts';
import type { AnsweredOperation } from './observer.ts';
import { summaryOf } from './operation-report.ts';

const tracer = trace.getTracer(SERVICE, VERSION);
// No `url.query`: a query string may contain an operation with its variables.
const ROUTE = { 'http.route': '/graphql', 'url.path': '/graphql', 'url.scheme': 'http' };

/** Runs a function in the span of a request from `startTime`, beneath the span that the request's headers name. */
export function inRequestSpan<T>(request: FastifyRequest, startTime: number, run: (span: Span) => Promise<T>) {
  const { id, method, headers } = request;
  const attributes = { ...ROUTE, 'http.request.method': method, 'http.response.header.x-request-id': [id] };
  // A client can write any text into `tracestate`, and a router may forward it.
  const parent = propagation.extract(ROOT_CONTEXT, { ...headers, tracestate: undefined });
  const options = { kind: SpanKind.SERVER, attributes, startTime };
  // Its name until the operation is known.
  return tracer.startActiveSpan('GraphQL Operation', options, parent, (span) => run(span).finally(() => span.end()));
}

function failSpan(span: Span | undefined, type: string): void {
  span?.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', type);
}

/**
 * Creates the listener that completes the span of a request, and makes those of its commands beneath it. `endpoint` has
 * attributes of the command API.
 */
export function createSpans(endpoint: Attributes) {
  const spans = new WeakMap<CommandRecord, Span>();

  return {
    operationAnswered(context: AnsweredOperation): void {
      const { operation, operationName } = context;
      const { codes, severity } = summaryOf(context);
      const span = trace.getActiveSpan();
      if (operation) span?.updateName(operation.operation);
      span?.setAttributes({
        'graphql.operation.type': operation?.operation,
        'graphql.operation.name': shorten(operationName),
        'graphql.error.codes': codes.length > 0 ? codes : undefined,
        'graphql.error.id': context.contextValue.errors.id,
      });
      if (severity > 0 && codes[0]) failSpan(span, codes[0]);
    },

    /** Returns the `traceparent` of the span, or undefined unless the SDK is loaded. */
    commandBegan(record: CommandRecord): string | undefined {
      const span = tracer.startSpan(record.name, { kind: SpanKind.CLIENT });
      const headers: { traceparent?: string } = {};
      propagation.inject(trace.setSpan(ROOT_CONTEXT, span), headers);
      if (span.isRecording()) spans.set(record, span);
      return headers.traceparent;
    },

    attemptEnded(record: CommandRecord, attempt: Attempt): void {
      const { startedAt, seconds, status, detail } = attempt;
      const previous = record.attempts.at(-2);
      const pause = previous && (startedAt - previous.startedAt) / 1000 - previous.seconds;
      const times = { 'attempt.duration_seconds': seconds, 'attempt.pause_seconds': pause };
      const attributes = { 'http.response.status_code': status, 'error.type': detail, ...times };
      spans.get(record)?.addEvent('attempt', attributes, startedAt);
    },

    commandEnded(record: CommandRecord): void {
      const span = spans.get(record);
      if (!span) return;
      const { id, attempts, outcome, failure } = record;
      span.setAttributes({
        'command.id': id,
        'command.attempts': attempts.length,
        'command.outcome': outcome,
        ...(attempts.length > 0 && endpoint),
        'http.response.status_code': attempts.at(-1)?.status,
        'http.request.resend_count': attempts.length > 1 ? attempts.length - 1 : undefined,
      });
      if (failure) failSpan(span, failure.flaw ?? failure.kind);
      span.end();
    },
  };
}

const FLUSH_MS = 2000;

/**
 * Loads the SDK, which exports spans as the `OTEL_*` variables configure. Returns a function that sends the remaining
 * spans. It resolves after two seconds at most, so that an unresponsive collector does not delay shutdown.
 * `collectorUrl` is that of the collector.
 */
export async function startTracing(serviceName: string, logger: Logger, collectorUrl = 'http://localhost') {
  const { startNodeSdk } = await import('@opentelemetry/sdk-node');
  const sdk = startNodeSdk({
    resourceAttributes: { 'service.name': serviceName, 'service.version': VERSION },
    // Prometheus scrapes metrics, and logs go to standard output.
    metricReaders: [],
    logRecordProcessors: [],
  });
  // User, path and query may hold a secret. An endpoint of gRPC needs no scheme.
  const collector = URL.parse(collectorUrl.replace(/^(?!\w+:\/\/)/, 'grpc://'))?.host;
  const warn = (reason?: string) => logger.warn({ collector, reason }, 'spans could not be exported');
  // An error in JSON. An error that quotes the collector's response has a code.
  const fail = (text: string) => warn((/"code":"(\w+)"/.exec(text) ?? /"message":"([^"\\]+)"/.exec(text))?.[1]);
  const quiet = { error: fail, warn: fail, info: fail, debug: fail, verbose: fail };
  diag.setLogger(quiet, { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
  const timeOut = async () => {
    // The export itself keeps the process alive.
    await delay(FLUSH_MS, undefined, { ref: false });
    throw new Error(`no success within ${FLUSH_MS} ms`);
  };
  return () => Promise.race([sdk.shutdown(), timeOut()]).catch(({ code, message }) => warn(String(code ?? message)));
}
