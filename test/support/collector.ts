/**
 * A collector of traces: an HTTP server that takes OTLP in JSON.
 */
import type { ServerResponse } from 'node:http';
import { readText, serve } from '../../dev/command-api.ts';

type Value = Readonly<Record<string, unknown>>;
type Pairs = readonly { readonly key: string; readonly value: Value }[];
type RawEvent = { readonly name: string; readonly timeUnixNano: string; readonly attributes: Pairs };

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 2 server, 3 client. */
  readonly kind: number;
  readonly attributes: Value;
  /** Each event with its time in seconds since the start of the span. */
  readonly events: readonly { readonly name: string; readonly at: number; readonly attributes: Value }[];
  /** The ids of the linked spans. */
  readonly links: readonly string[];
  /** Whether the status is an error. */
  readonly failed: boolean;
  readonly resource: Value;
}

export async function startCollector() {
  const spans: Span[] = [];
  const bodies: string[] = [];
  const paths: (string | undefined)[] = [];
  let fault: ((response: ServerResponse) => void) | undefined;

  const server = await serve(async (request, response) => {
    const body = await readText(request);
    bodies.push(body);
    paths.push(request.url);
    if (fault) return fault(response);
    if (request.headers['content-type'] === 'application/json') spans.push(...readSpans(body));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });

  return {
    spans,
    bodies,
    paths,
    stop: server.stop,
    /** Variables that make a process export its spans to this collector without delay. */
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: server.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '10',
    },
    /** Handles all further requests with this function. */
    fail(next: (response: ServerResponse) => void) {
      fault = next;
    },
  };
}

function readSpans(body: string): Span[] {
  const found: Span[] = [];
  for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans)
    for (const { spans } of scopeSpans)
      for (const { traceId, spanId, parentSpanId, name, kind, startTimeUnixNano, ...span } of spans)
        found.push({
          ...{ traceId, spanId, name, kind, ...(parentSpanId && { parentSpanId }) },
          attributes: readAttributes(span.attributes),
          events: span.events.map((event: RawEvent) => ({
            name: event.name,
            at: Number(BigInt(event.timeUnixNano) - BigInt(startTimeUnixNano)) / 1e9,
            attributes: readAttributes(event.attributes),
          })),
          links: span.links.map((link: Value) => link.spanId),
          failed: span.status.code === 2,
          resource: readAttributes(resource.attributes),
        });
  return found;
}

function readAttributes(attributes: Pairs): Value {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, readValue(value)]));
}

function readValue(value: Value): unknown {
  const { arrayValue } = value as { arrayValue?: { values: Value[] } };
  return arrayValue ? arrayValue.values.map(readValue) : Object.values(value)[0];
}
