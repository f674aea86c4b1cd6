/** A collector of traces: an HTTP server that takes OTLP in JSON. */
import { text as readText } from 'node:stream/consumers';
import { serve } from '../../dev/command-api.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { startTracing } from '../../src/telemetry/tracing.ts';

type Value = Readonly<Record<string, unknown>>;
type Pairs = readonly { readonly key: string; readonly value: Value }[];
export type Span = ReturnType<typeof readSpan>;

export async function startCollector() {
  const spans: Span[] = [];
  const bodies: string[] = [];
  let refusal: string | undefined;

  const { url, stop } = await serve(async (request, response) => {
    const body = await readText(request);
    bodies.push(body);
    if (refusal) return void response.writeHead(400, 'canary').end(refusal);
    if (request.headers['content-type'] === 'application/json')
      for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans)
        for (const scope of scopeSpans) for (const span of scope.spans) spans.push(readSpan(span, resource));
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });

  /** Variables that make a process export its spans to this collector without delay. */
  const env = {
    ...{ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
    OTEL_BSP_SCHEDULE_DELAY: '10',
  };
  /** Refuses all further spans with this body. */
  const refuse = (body: string) => {
    refusal = body;
  };
  return { spans, bodies, url, env, refuse, stop };
}

/** Starts a collector to which this process exports its spans until `stop`. */
const TRACED = { OTEL_SERVICE_NAME: 'maintenance-subgraph', collectorUrl: 'http://localhost' };

export async function startTracedProcess() {
  const collector = await startCollector();
  Object.assign(process.env, collector.env);
  const flush = await startTracing(TRACED, createLogger('silent'));
  return { ...collector, stop: () => flush().then(collector.stop) };
}

// biome-ignore lint/suspicious/noExplicitAny: a span in OTLP
function readSpan({ traceId, spanId, parentSpanId, name, kind, ...span }: any, resource: { attributes: Pairs }) {
  const start = BigInt(span.startTimeUnixNano);
  const events: { name: string; timeUnixNano: string; attributes: Pairs }[] = span.events;
  return {
    ...{ traceId: String(traceId), spanId: String(spanId), name: String(name) },
    ...(parentSpanId && { parentSpanId: String(parentSpanId) }),
    /** 2 server, 3 client. */
    kind: Number(kind),
    attributes: readAttributes(span.attributes),
    /** Each event with its time in seconds since the start of the span. */
    events: events.map(({ name, timeUnixNano, attributes }) => {
      return { name, at: Number(BigInt(timeUnixNano) - start) / 1e9, attributes: readAttributes(attributes) };
    }),
    failed: span.status.code === 2,
    resource: readAttributes(resource.attributes),
  };
}

function readAttributes(attributes: Pairs): Value {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, readValue(value)]));
}

function readValue(value: Value): unknown {
  const { arrayValue } = value as { arrayValue?: { values: Value[] } };
  return arrayValue ? arrayValue.values.map(readValue) : Object.values(value)[0];
}
