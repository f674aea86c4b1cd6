/**
 * The spans of requests and commands, which do nothing unless the SDK is loaded (tracing.ts). Their attributes never
 * contain data of residents.
 */
import {
  type Attributes,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import type { Attempt, CommandRecord } from '../command-api/command.ts';
import { SERVICE, VERSION } from '../config.ts';

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
  // Its name until the operation is known; see operation-report.ts.
  return tracer.startActiveSpan('GraphQL Operation', options, parent, (span) => run(span).finally(() => span.end()));
}

export function failSpan(span: Span | undefined, type: string): void {
  span?.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', type);
}

/** Creates the spans of commands, each beneath the span of its request. `endpoint` has attributes of the command API. */
export function createCommandSpans(endpoint: Attributes) {
  const spans = new WeakMap<CommandRecord, { readonly span: Span; last?: Attempt }>();

  return {
    /** Returns the `traceparent` of the span, or undefined unless the SDK is loaded. */
    began(record: CommandRecord): string | undefined {
      const span = tracer.startSpan(record.name, { kind: SpanKind.CLIENT });
      const headers: { traceparent?: string } = {};
      propagation.inject(trace.setSpan(ROOT_CONTEXT, span), headers);
      if (span.isRecording()) spans.set(record, { span });
      return headers.traceparent;
    },

    attempted(record: CommandRecord, attempt: Attempt): void {
      const kept = spans.get(record);
      if (!kept) return;
      kept.last = attempt;
      const { startedAt, seconds, status, error, previous } = attempt;
      const pause = previous && (startedAt - previous.startedAt) / 1000 - previous.seconds;
      const times = { 'attempt.duration_seconds': seconds, 'attempt.pause_seconds': pause };
      kept.span.addEvent('attempt', { 'http.response.status_code': status, 'error.type': error, ...times }, startedAt);
    },

    ended(record: CommandRecord): void {
      const { span, last } = spans.get(record) ?? {};
      if (!span) return;
      const { id, exchange, hasJoined, outcome, error } = record;
      const attempts = exchange?.attempts ?? 0;
      span.setAttributes({
        'command.id': id,
        'command.attempts': attempts,
        'command.coalesced': hasJoined,
        'command.outcome': outcome,
        ...(last && endpoint),
        'http.response.status_code': last?.status,
        'http.request.resend_count': last?.previous && attempts - 1,
      });
      // Not the error itself: its message may quote anything.
      if (error) failSpan(span, (error as Error).name);
      span.end();
    },
  };
}
