/**
 * The spans of requests and commands. Attributes never contain data of residents.
 */
import { propagation, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { CommandApi } from '../command-api/command-api.ts';
import type { Attempt, CommandRecord } from '../command-api/record.ts';
import { SERVICE, VERSION } from '../version.ts';
import { createObserver } from './log.ts';

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

/** Records a span for each command, beneath the span of its request. */
export function observeSpans(logger: Logger, { events, transport: { endpoint } }: CommandApi): void {
  const spans = new WeakMap<CommandRecord, { readonly span: Span; last?: Attempt }>();

  function commandBegan(command: CommandRecord): void {
    const span = tracer.startSpan(command.name, { kind: SpanKind.CLIENT });
    const headers: { traceparent?: string } = {};
    // Does nothing unless the SDK is loaded.
    propagation.inject(trace.setSpan(ROOT_CONTEXT, span), headers);
    command.traceparent = headers.traceparent ?? command.traceparent;
    if (span.isRecording()) spans.set(command, { span });
  }

  function attemptEnded(command: CommandRecord, attempt: Attempt): void {
    const kept = spans.get(command);
    if (!kept) return;
    kept.last = attempt;
    const { startedAt, seconds, status, error, previous } = attempt;
    const pause = previous && (startedAt - previous.startedAt) / 1000 - previous.seconds;
    const times = { 'attempt.duration_seconds': seconds, 'attempt.pause_seconds': pause };
    kept.span.addEvent('attempt', { 'http.response.status_code': status, 'error.type': error, ...times }, startedAt);
  }

  function commandEnded(command: CommandRecord): void {
    const { span, last } = spans.get(command) ?? {};
    if (!span) return;
    const { exchange, coalesced, outcome, error } = command;
    span.setAttributes({
      'command.id': exchange.id,
      'command.attempts': exchange.attempts,
      'command.coalesced': coalesced,
      'command.outcome': outcome,
      ...(last && endpoint),
      'http.response.status_code': last?.status,
      'http.request.resend_count': last?.previous && exchange.attempts - 1,
    });
    // Not the error itself: its message may quote anything.
    if (error) failSpan(span, (error as Error).name);
    span.end();
  }

  const observe = createObserver(logger);
  events.on('commandBegan', (command) => observe(() => commandBegan(command)));
  events.on('attemptEnded', (...ended) => observe(() => attemptEnded(...ended)));
  events.on('commandEnded', (command) => observe(() => commandEnded(command)));
}
