/**
 * A collector of traces: an HTTP server that takes OTLP in JSON, as the standard variables of `env` have it sent.
 */
import type { ServerResponse } from 'node:http';
import { readText, serve } from '../../dev/command-api.ts';

export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly Event[];
  /** The spans that it links to, by their ids. */
  readonly links: readonly string[];
  /** Whether its status is that of an error. */
  readonly failed: boolean;
  /** Of the process that made it. */
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface Event {
  readonly name: string;
  /** Seconds since the start of its span. */
  readonly at: number;
  readonly attributes: Readonly<Record<string, unknown>>;
}

type Value = Readonly<Record<string, unknown>>;
type Attributes = readonly { readonly key: string; readonly value: Value }[];

interface Body {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Attributes };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<Span, 'attributes' | 'events' | 'links' | 'failed' | 'resource'> & {
        readonly attributes: Attributes;
        readonly startTimeUnixNano: string;
        readonly events: readonly {
          readonly name: string;
          readonly timeUnixNano: string;
          readonly attributes: Attributes;
        }[];
        readonly links: readonly { readonly spanId: string }[];
        readonly status: { readonly code?: number };
      })[];
    }[];
  }[];
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
    if (request.headers['content-type'] === 'application/json') spans.push(...readSpans(JSON.parse(body)));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });

  return {
    spans,
    bodies,
    paths,
    stop: server.stop,
    /** What has a process send its spans here at once. */
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: server.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '10',
    },
    /** Answers in place of it. */
    fail(next: (response: ServerResponse) => void) {
      fault = next;
    },
  };
}

/** The spans in a body that was sent. */
export function readSpans({ resourceSpans }: Body): Span[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(
        ({ traceId, spanId, parentSpanId, name, kind, attributes, events, links, status, startTimeUnixNano }) => ({
          traceId,
          spanId,
          parentSpanId,
          name,
          kind,
          failed: status.code === 2,
          attributes: readAttributes(attributes),
          events: events.map((event) => ({
            name: event.name,
            at: Number(BigInt(event.timeUnixNano) - BigInt(startTimeUnixNano)) / 1e9,
            attributes: readAttributes(event.attributes),
          })),
          links: links.map(({ spanId: linked }) => linked),
          resource: readAttributes(resource.attributes),
        }),
      ),
    ),
  );
}

function readAttributes(attributes: Attributes): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, readValue(value)]));
}

function readValue(value: Value): unknown {
  const { arrayValue } = value as { arrayValue?: { values: Value[] } };
  return arrayValue ? arrayValue.values.map(readValue) : Object.values(value)[0];
}
