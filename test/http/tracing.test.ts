/**
 * Traces: what a collector of OTLP is sent by the production server, and what the command API is told of them.
 */
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import manifest from '../../package.json' with { type: 'json' };
import { createLogger } from '../../src/telemetry/log.ts';
import { startTracing } from '../../src/tracing.ts';
import { SERVICE } from '../../src/version.ts';
import { readSpans, type Span, startCollector } from '../support/collector.ts';
import { readDocument, readKeys, readNames, readTable } from '../support/documents.ts';
import { preloadFault, start, watch } from '../support/process.ts';
import { HEADERS, type Replica, startReplica } from '../support/replica.ts';
import { NEW_MAINTENANCE, ROUTER_SECRET, type Subgraph, startSubgraph } from '../support/subgraph.ts';
import { type Fault, startUpstream, type Upstream } from '../support/upstream.ts';
import { settle, until } from '../support/wait.ts';

const R = EXAMPLE.residenceId;
const ID = `${R}:${EXAMPLE.maintenanceId}`;
const [SERVER, CLIENT] = [2, 3];
const LIST = `{ maintenances(residenceId: "${R}") { id } }`;
const CREATE = 'mutation File($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }';

let upstream: Upstream;
beforeAll(async () => {
  upstream = await startUpstream();
});
afterAll(() => upstream.stop());

const replicas: Replica[] = [];
async function startTraced(env: NodeJS.ProcessEnv): Promise<Replica> {
  const replica = await startReplica(upstream.url, env);
  replicas.push(replica);
  return replica;
}
afterAll(() => {
  for (const replica of replicas) replica.kill();
});

async function ask({ url }: { url: string }, query: string, headers: Record<string, string> = {}, variables?: unknown) {
  const body = JSON.stringify({ query, variables });
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers: { ...HEADERS, ...headers }, body });
  return response.json() as Promise<{ data?: unknown; errors?: unknown[] }>;
}

/** A router's span, as it hands it on. */
function routerSpan(flags = '01') {
  const hex = (length: number) => Array.from({ length }, () => Math.floor(Math.random() * 16).toString(16)).join('');
  const [traceId, spanId] = [`a${hex(31)}`, `b${hex(15)}`];
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-${flags}`, tracestate: 'router=1' } };
}

describe('with a collector', () => {
  let collector: Awaited<ReturnType<typeof startCollector>>;
  let subgraph: Subgraph;
  let flush: () => Promise<unknown>;
  beforeAll(async () => {
    collector = await startCollector();
    Object.assign(process.env, collector.env);
    flush = await startTracing(SERVICE, createLogger('silent'));
    // In this process, so that its coverage counts.
    subgraph = await startSubgraph({ COMMAND_API_URL: upstream.url });
  });
  afterAll(async () => {
    await subgraph.stop();
    await flush();
    await collector.stop();
  });
  afterEach(() => {
    upstream.reset();
    collector.spans.length = 0;
  });

  /** The spans of a trace, once so many have come. */
  async function spansOf(traceId: string, count: number): Promise<Span[]> {
    const found = () => collector.spans.filter((span) => span.traceId === traceId);
    await until(() => found().length >= count);
    return found();
  }

  const pick = (spans: Span[], name: string) => spans.find((span) => span.name === name);

  it('one trace leads from the router’s span over the operation to the command, and on to the command API', async () => {
    const { traceId, spanId, headers } = routerSpan();
    await ask(subgraph, `query One { maintenance(id: "${ID}") { description } }`, { ...headers, baggage: 'canary=1' });
    const spans = await spansOf(traceId, 2);
    const [operation, command] = ['query', 'get_maintenance_info'].map((name) => pick(spans, name));
    expect(spans).toHaveLength(2);
    expect(operation).toMatchObject({
      kind: SERVER,
      parentSpanId: spanId,
      failed: false,
      resource: { 'service.name': 'maintenance-subgraph', 'service.version': manifest.version },
    });
    const { headers: sent = {} } = upstream.received[0] ?? {};
    expect(command).toMatchObject({ kind: CLIENT, parentSpanId: operation?.spanId, failed: false });
    expect(sent.traceparent).toBe(`00-${traceId}-${command?.spanId}-01`);
    expect(sent).not.toHaveProperty('tracestate');
    expect(sent).not.toHaveProperty('baggage');
  });

  it('a batch and a write have the spans of their commands under their operation', async () => {
    const batch = routerSpan();
    await ask(subgraph, `{ a: maintenance(id: "${ID}") { id } b: maintenance(id: "${R}:x") { id } }`, batch.headers);
    const batched = await spansOf(batch.traceId, 2);
    expect(pick(batched, 'get_maintenance_list')?.parentSpanId).toBe(pick(batched, 'query')?.spanId);

    const write = routerSpan();
    await ask(subgraph, CREATE, write.headers, { input: NEW_MAINTENANCE });
    const written = await spansOf(write.traceId, 2);
    expect(pick(written, 'create_maintenance_info')).toMatchObject({
      kind: CLIENT,
      parentSpanId: pick(written, 'mutation')?.spanId,
    });
  });

  const cut: Fault = (_, response) => {
    response.destroy();
    return 'taken';
  };
  const answer = (status: number): Fault => {
    return () => ({ status, body: { message: 'canary' } });
  };
  it.each([
    ['succeeds at once', [], [200], undefined],
    ['is cut off, refused for a while and succeeds', [cut, answer(503)], ['ECONNRESET', 503, 200], undefined],
    ['fails three times', [answer(503), answer(502), answer(503)], [503, 502, 503], 'unavailable'],
    ['gets no answer', [cut, cut, cut], Array(3).fill('ECONNRESET'), 'unavailable'],
    ['is refused', [answer(401)], [401], 'unauthenticated'],
    ['gets nonsense', [answer(200)], [200], 'invalid'],
  ])('a command that %s has one span, with an event for each attempt', async (_, faults, results, error) => {
    upstream.fail((...received) => faults[upstream.received.length - 1]?.(...received));
    const { traceId, headers } = routerSpan();
    await ask(subgraph, LIST, headers);
    const commands = (await spansOf(traceId, 2)).filter(({ kind }) => kind === CLIENT);
    expect(commands).toHaveLength(1);
    const [{ attributes = {}, events = [], failed = undefined } = {}] = commands;
    const last = results.at(-1);
    expect(attributes).toEqual({
      'command.id': upstream.received[0]?.id,
      'command.attempts': results.length,
      'command.coalesced': false,
      'http.request.method': 'POST',
      'server.address': '127.0.0.1',
      'server.port': Number(new URL(upstream.url).port),
      'url.full': `${upstream.url}${upstream.received[0]?.url}`,
      ...(typeof last === 'number' && { 'http.response.status_code': last }),
      ...(results.length > 1 && { 'http.request.resend_count': results.length - 1 }),
      ...(error && { 'error.type': error }),
    });
    expect(failed).toBe(error !== undefined);
    expect(events).toEqual(
      results.map((result, index) => ({
        name: 'attempt',
        at: expect.any(Number),
        attributes: {
          [typeof result === 'number' ? 'http.response.status_code' : 'error.type']: result,
          'attempt.duration_seconds': expect.any(Number),
          ...(index < results.length - 1 && { 'attempt.pause_seconds': expect.any(Number) }),
        },
      })),
    );
    // Each attempt begins when the one before and the pause are over.
    for (const [index, { at, attributes: own }] of events.slice(0, -1).entries()) {
      const [duration, pause] = [Number(own['attempt.duration_seconds']), Number(own['attempt.pause_seconds'])];
      expect(events[index + 1]?.at).toBeCloseTo(at + duration + pause, 5);
    }
  });

  it('a command that is not sent has no HTTP attributes and no event', async () => {
    const busy = await startTraced({ ...collector.env, MAX_COMMANDS_IN_FLIGHT: '1', MAX_COMMANDS_QUEUED: '0' });
    const release = upstream.hold();
    const first = ask(busy, LIST);
    await until(() => upstream.received.length === 1);
    const { traceId, headers } = routerSpan();
    await ask(busy, LIST.replace(R, 'other'), headers);
    const command = pick(await spansOf(traceId, 2), 'get_maintenance_list');
    expect(command).toMatchObject({ failed: true, events: [], links: [] });
    expect(command?.attributes).toEqual({
      'command.id': expect.any(String),
      'command.attempts': 0,
      'command.coalesced': false,
      'error.type': 'unavailable',
    });
    release();
    await first;
    expect(await busy.stop()).toBe(0);
  });

  const TWO = `query Two { a: maintenances(residenceId: "${R}") { id } b: maintenances(residenceId: "b") { id } }`;
  const OPERATION = { 'graphql.operation.type': 'query' };
  it.each([
    ['succeeds', LIST, OPERATION],
    ['has a name', 'query One { __typename }', { ...OPERATION, 'graphql.operation.name': 'One' }],
    ['does not parse', '{', { 'graphql.error.codes': ['GRAPHQL_PARSE_FAILED'] }],
    ['is missing', '', { 'graphql.error.codes': ['BAD_REQUEST'], 'http.response.status_code': 400 }],
    [
      'fails in two ways',
      TWO,
      {
        ...OPERATION,
        'graphql.operation.name': 'Two',
        'graphql.error.codes': ['UPSTREAM_UNAVAILABLE', 'FORBIDDEN'],
        'error.type': 'UPSTREAM_UNAVAILABLE',
      },
    ],
  ])('an operation that %s has the request, the status, its codes and the request id', async (_, query, given) => {
    upstream.fail(({ param }) => (query === TWO ? { status: param.residence_id === R ? 403 : 500 } : undefined));
    const { traceId, headers } = routerSpan();
    await ask(subgraph, query, { ...headers, 'x-request-id': 'req-1' });
    const operation = (await spansOf(traceId, 1 + upstream.received.length)).find(({ kind }) => kind === SERVER);
    expect(operation?.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/graphql',
      'url.path': '/graphql',
      'url.scheme': 'http',
      'http.response.header.x-request-id': ['req-1'],
      'http.response.status_code': 200,
      ...given,
    });
    // Only faults of ours and of the command API fail the span.
    expect(operation?.failed).toBe('error.type' in given);
  });

  it('an operation by GET has the request id that the log has, made here, and no query', async () => {
    const { traceId, headers } = routerSpan();
    const sent = { ...HEADERS, ...headers, 'x-request-id': 'not an id' };
    await fetch(`${subgraph.url}/graphql?query={__typename}`, { headers: sent });
    const [operation] = await spansOf(traceId, 1);
    const logged = subgraph.logs().find((line) => line.traceId === traceId);
    expect(operation?.attributes).toEqual({
      'http.request.method': 'GET',
      'http.route': '/graphql',
      'url.path': '/graphql',
      'url.scheme': 'http',
      'http.response.header.x-request-id': [logged?.requestId],
      'http.response.status_code': 200,
      'graphql.operation.type': 'query',
    });
  });

  it('an operation whose caller has gone has no status', async () => {
    const release = upstream.hold();
    const { traceId, headers } = routerSpan();
    const caller = new AbortController();
    const body = JSON.stringify({ query: LIST });
    const asked = fetch(`${subgraph.url}/graphql`, {
      method: 'POST',
      headers: { ...HEADERS, ...headers },
      body,
      signal: caller.signal,
    });
    await until(() => upstream.received.length === 1);
    caller.abort();
    await expect(asked).rejects.toThrow();
    const [command, operation] = await spansOf(traceId, 2);
    release();
    expect(command?.attributes['error.type']).toBe('gone');
    expect(Object.keys(operation?.attributes ?? {})).not.toContain('http.response.status_code');
    expect(operation?.attributes['graphql.error.codes']).toEqual(['CALLER_GONE']);
  });

  it('the log names the same trace, whoever began it', async () => {
    const { traceId, headers } = routerSpan();
    await ask(subgraph, 'query Routed { __typename }', headers);
    await ask(subgraph, 'query Ours { __typename }');
    await until(() => collector.spans.length >= 2);
    const logged = (name: string) => subgraph.logs().find(({ operationName }) => operationName === name)?.traceId;
    const ours = collector.spans.find((span) => span.attributes['graphql.operation.name'] === 'Ours');
    expect(ours?.traceId).toMatch(/^[\da-f]{32}$/);
    expect([logged('Routed'), logged('Ours')]).toEqual([traceId, ours?.traceId]);
  });

  it('what the router does not sample is not exported, and its trace goes on all the same', async () => {
    const dark = routerSpan('00');
    await ask(subgraph, LIST, dark.headers);
    const { traceparent } = upstream.received[0]?.headers ?? {};
    expect(traceparent).toMatch(new RegExp(`^00-${dark.traceId}-[\\da-f]{16}-00$`));
    const { traceId, headers } = routerSpan();
    await ask(subgraph, LIST, headers);
    await spansOf(traceId, 2);
    expect(collector.spans.filter((span) => span.traceId === dark.traceId)).toEqual([]);
  });

  it('without a router’s span a trace of our own begins, which the command API is told', async () => {
    await ask(subgraph, LIST);
    await until(() => collector.spans.length >= 2);
    const operation = pick(collector.spans, 'query');
    expect(operation?.parentSpanId ?? '').toBe('');
    expect(upstream.received[0]?.headers.traceparent).toContain(`-${operation?.traceId}-`);
  });

  it('two operations that come together stay apart, and the second links to the command that it shares', async () => {
    const release = upstream.hold();
    const traces = [routerSpan(), routerSpan()];
    const asked = traces.map(({ headers }) => ask(subgraph, LIST, headers));
    await until(() => upstream.received.length === 1);
    await settle(subgraph.url);
    release();
    await Promise.all(asked);
    const spans = await Promise.all(traces.map(({ traceId }) => spansOf(traceId, 2)));
    const commands = spans.map((own) => pick(own, 'get_maintenance_list'));
    const [sender, sharer] = commands.toSorted((a, b) => Number(a?.links.length) - Number(b?.links.length));
    expect(sender).toMatchObject({ events: [{ name: 'attempt' }], links: [] });
    expect(sharer).toMatchObject({ events: [], links: [sender?.spanId] });
    expect(sharer?.attributes).toEqual({
      'command.id': sender?.attributes['command.id'],
      'command.attempts': 1,
      'command.coalesced': true,
    });
    for (const own of spans) expect(pick(own, 'get_maintenance_list')?.parentSpanId).toBe(pick(own, 'query')?.spanId);
  });

  it('no span holds a token, a secret, a variable or what a resident wrote', async () => {
    const input = { ...NEW_MAINTENANCE, description: 'canary', contact: 'canary' };
    const { traceId, headers } = routerSpan();
    await ask(subgraph, CREATE, headers, { input });
    await ask(subgraph, `{ maintenances(residenceId: "canary") { description contact } }`, headers);
    await spansOf(traceId, 4);
    const all = collector.bodies.join('\n');
    expect(all).toContain('create_maintenance_info');
    expect(all).not.toContain(EXAMPLE.token);
    expect(all).not.toContain(ROUTER_SECRET);
    expect(all).not.toContain('canary');
  });

  it('nor does that of what nobody foresaw: it has the type of the error, and the id that the client was told', async () => {
    const fault = preloadFault("throw new TypeError('canary');");
    const faulty = await startTraced({ ...collector.env, NODE_OPTIONS: `--import=${fault}` });
    const { traceId, headers } = routerSpan();
    const { errors } = await ask(faulty, LIST.replace(R, 'unforeseen'), headers);
    const spans = await spansOf(traceId, 2);
    const ids = (errors as { extensions: { errorId: string } }[]).map(({ extensions }) => extensions.errorId);
    expect([pick(spans, 'query')?.attributes['graphql.error.id']]).toEqual(ids);
    expect(spans.map(({ attributes }) => attributes['error.type']).sort()).toEqual([
      'INTERNAL_SERVER_ERROR',
      'TypeError',
    ]);
    expect(await faulty.stop()).toBe(0);
    expect(collector.bodies.join('\n')).not.toContain('canary');
  });

  it('has the spans and attributes that docs/observability.md names', () => {
    const document = readDocument('docs/observability.md');
    expect(readKeys(document, 'span')).toEqual(['query', 'mutation', 'GraphQL Operation']);
    const spans = collector.bodies.flatMap((body) => readSpans(JSON.parse(body)));
    const seen = {
      operation: spans.filter(({ kind }) => kind === SERVER),
      command: spans.filter(({ kind }) => kind === CLIENT),
      attempt: spans.flatMap(({ events }) => events),
    };
    const rows = readTable(document, 'attribute');
    for (const [what, all] of Object.entries(seen)) {
      const named = rows.filter(([, on = '']) => on.split(', ').includes(what)).flatMap(([cell]) => readNames(cell));
      const made = new Set(all.flatMap(({ attributes }) => Object.keys(attributes)));
      expect([what, ...[...made].sort()]).toEqual([what, ...named.sort()]);
    }
  });
});

describe('the standard variables', () => {
  it('choose the protocol, the name of the service and how much is sampled', async () => {
    const collector = await startCollector();
    const { OTEL_EXPORTER_OTLP_PROTOCOL: _, ...standard } = collector.env;
    const replica = await startTraced({ ...standard, OTEL_SERVICE_NAME: 'repairs' });
    const dark = await startTraced({ ...standard, OTEL_TRACES_SAMPLER: 'always_off' });
    await ask(dark, LIST);
    await ask(replica, LIST);
    // The last spans are sent on the way out.
    expect(await dark.stop()).toBe(0);
    expect(await replica.stop()).toBe(0);
    // Protocol Buffers, by default: names stand in it as they are.
    expect(new Set(collector.paths)).toEqual(new Set(['/v1/traces']));
    expect(collector.bodies.join('\n')).toMatch(/repairs[\s\S]*get_maintenance_list/);
    await collector.stop();
  });

  it('send the last spans on the way out, however long they would have waited', async () => {
    const collector = await startCollector();
    const replica = await startTraced({ ...collector.env, OTEL_BSP_SCHEDULE_DELAY: '3600000' });
    await ask(replica, LIST);
    expect(collector.spans).toEqual([]);
    expect(await replica.stop()).toBe(0);
    expect(collector.spans.map(({ name }) => name).sort()).toEqual(['get_maintenance_list', 'query']);
    await collector.stop();
  });

  it('send the spans of what was still under way when it was told to stop', async () => {
    const collector = await startCollector();
    const replica = await startTraced({ ...collector.env, OTEL_BSP_SCHEDULE_DELAY: '3600000' });
    upstream.reset();
    const release = upstream.hold();
    const asked = ask(replica, LIST);
    await until(() => upstream.received.length === 1);
    const stopped = replica.stop();
    await until(() => replica.lines.some((line) => line.includes('"msg":"stopping"')));
    release();
    await asked;
    expect(await stopped).toBe(0);
    expect(collector.spans).toHaveLength(2);
    await collector.stop();
  });

  it.each([
    ['refuses', (response: ServerResponse) => void response.writeHead(400).end('canary')],
    ['hangs', () => {}],
  ])('cost no operation and no end where the collector %s', async (_, fault) => {
    const collector = await startCollector();
    collector.fail(fault);
    // The SDK by itself would wait for so long.
    const patience = { OTEL_EXPORTER_OTLP_TIMEOUT: '600000', OTEL_BSP_EXPORT_TIMEOUT: '600000' };
    const replica = await startTraced({ ...collector.env, ...patience });
    expect((await ask(replica, LIST)).errors).toBeUndefined();
    await until(() => collector.bodies.length > 0);
    expect(await replica.stop()).toBe(0);
    expect(replica.lines.join('\n')).not.toContain('canary');
    expect(replica.lines.filter((line) => !line.startsWith('{'))).toEqual([]);
    await collector.stop();
  });

  it('are told in the log where nobody collects', async () => {
    const replica = await startTraced({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
      OTEL_EXPORTER_OTLP_TIMEOUT: '100',
      OTEL_BSP_SCHEDULE_DELAY: '10',
    });
    expect((await ask(replica, LIST)).errors).toBeUndefined();
    await until(() => replica.lines.some((line) => line.includes('"msg":"spans could not be exported"')));
    expect(await replica.stop()).toBe(0);
  });
});

describe('the SDK', () => {
  /** Tells of each of its modules as it is loaded. */
  const tell = `data:text/javascript,${encodeURIComponent(`
    import { registerHooks } from 'node:module';
    registerHooks({ resolve(specifier, context, next) {
      if (specifier.startsWith('@opentelemetry/sdk')) console.log('loaded ' + specifier);
      return next(specifier, context);
    } });`)}`;

  it.each([
    [true, { OTEL_TRACES_EXPORTER: 'otlp' }],
    [true, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
    [true, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9' }],
    [false, { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    [false, { OTEL_SERVICE_NAME: 'x' }],
    [false, {}],
  ])('is loaded: %s, with %j', async (isLoaded, given) => {
    const env = { HOST: '127.0.0.1', PORT: '0', COMMAND_API_URL: upstream.url, ROUTER_SECRET, DRAIN_DELAY_MS: '0' };
    const child = watch(start(process.execPath, ['--import', tell, 'src/main.ts'], { ...env, ...given }));
    await child.until(/"msg":"ready"/);
    child.child.kill('SIGTERM');
    expect(await child.exit).toBe(0);
    expect(child.output().includes('loaded @opentelemetry/sdk-node')).toBe(isLoaded);
  });
});
