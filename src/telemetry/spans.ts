/**
 * The spans of requests and commands. Their attributes never contain data of residents.
 */
import { propagation, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import type { AttemptResult, CommandRecord } from '../command-api/command.ts';
import type { Transport } from '../command-api/transport.ts';
import { GRAPHQL_PATH, SERVICE, VERSION } from '../constants.ts';
import { LIMITS } from '../limits.ts';
import type { OperationSummary } from './operation-summary.ts';

const tracer = trace.getTracer(SERVICE, VERSION);
// No `url.query`: a query string may contain an operation with its variables.
const ROUTE = { 'http.route': GRAPHQL_PATH, 'url.path': GRAPHQL_PATH, 'url.scheme': 'http' };

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

export type Spans = ReturnType<typeof createSpans>;

/** Creates what completes the span of a request, and makes those of its commands beneath it. */
export function createSpans({ url, port }: Transport) {
  // By OpenTelemetry's conventions for HTTP client spans.
  const target = {
    'http.request.method': 'POST',
    'server.address': url.hostname,
    'server.port': port,
    'url.full': url.href,
  };
  const spans = new WeakMap<CommandRecord, Span>();

  return {
    operationAnswered({ type, name, context, codes, severity }: OperationSummary): void {
      const span = trace.getActiveSpan();
      if (type) span?.updateName(type);
      span?.setAttributes({
        'graphql.operation.type': type,
        'graphql.operation.name': name?.slice(0, LIMITS.nameCharacters),
        'graphql.error.codes': codes.length > 0 ? [...codes] : undefined,
        'graphql.error.id': context.unforeseen.id,
      });
      if (severity > 0 && codes[0]) failSpan(span, codes[0]);
    },

    /** Returns the `traceparent` of the span, or undefined unless the SDK is loaded. */
    startSpan(record: CommandRecord): string | undefined {
      const span = tracer.startSpan(record.name, { kind: SpanKind.CLIENT });
      const headers: { traceparent?: string } = {};
      propagation.inject(trace.setSpan(ROOT_CONTEXT, span), headers);
      if (span.isRecording()) spans.set(record, span);
      return headers.traceparent;
    },

    attemptEnded(record: CommandRecord, { startedAt, seconds, status, detail }: AttemptResult): void {
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
        ...(attempts.length > 0 && target),
        'http.response.status_code': attempts.at(-1)?.status,
        'http.request.resend_count': attempts.length > 1 ? attempts.length - 1 : undefined,
      });
      if (failure) failSpan(span, failure.flaw ?? failure.kind);
      span.end();
    },
  };
}
