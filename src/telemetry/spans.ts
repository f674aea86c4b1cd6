import type { Span } from '@opentelemetry/api';
import type { CommandApi } from '../command-api/client.ts';
import type { Attempt, CommandRecord } from '../command-api/record.ts';
import { failSpan, startCommandSpan, traceparentOf } from '../tracing.ts';

/** Records a span for each command, if there are spans. */
export function observeSpans({ events, transport: { endpoint } }: CommandApi): void {
  const spans = new WeakMap<CommandRecord, { readonly span: Span; last?: Attempt }>();

  events.on('commandBegan', (command) => {
    const span = startCommandSpan(command.name);
    if (!span) return;
    spans.set(command, { span });
    command.traceparent = traceparentOf(span);
  });

  events.on('attemptEnded', (command, attempt) => {
    const kept = spans.get(command);
    if (!kept) return;
    kept.last = attempt;
    const { start, seconds, status, error, previous } = attempt;
    const pause = previous && (start - previous.start) / 1000 - previous.seconds;
    const times = { 'attempt.duration_seconds': seconds, 'attempt.pause_seconds': pause };
    kept.span.addEvent('attempt', { 'http.response.status_code': status, 'error.type': error, ...times }, start);
  });

  events.on('commandEnded', (command) => {
    const { span, last } = spans.get(command) ?? {};
    if (!span) return;
    const { sent, coalesced, outcome, error } = command;
    const { id, attempts } = sent;
    span.setAttributes({ 'command.id': id, 'command.attempts': attempts, 'command.coalesced': coalesced });
    if (outcome) span.setAttribute('command.outcome', outcome);
    if (last) span.setAttributes({ ...endpoint, 'http.response.status_code': last.status });
    if (last?.previous) span.setAttribute('http.request.resend_count', attempts - 1);
    // Not the error itself: its message may quote anything.
    if (error) failSpan(span, (error as Error).name);
    span.end();
  });
}
