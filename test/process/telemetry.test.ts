/** Each kind of operation with its log line, its metrics and its spans. */
import { hostname } from 'node:os';
import { afterAll, afterEach, describe, expect, it, jest } from '@jest/globals';
import { Counter } from 'prom-client';
import manifest from '../../package.json' with { type: 'json' };
import { stopClock } from '../support/clock.ts';
import { type Span, startTracedProcess } from '../support/collector.ts';
import { DELETE, LIST } from '../support/maintenance/requests.ts';
import { type Samples, scrape, writeSample } from '../support/scrape.ts';
import { throwInRequest } from '../support/unforeseen.ts';
import { inTurn, type Received } from '../support/upstream.ts';
import { type Subgraph, startSubgraph, useMany, useSubgraph } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';
import { EVENTS, type Expected, type Made, OWN_FAULT, type Result, UNLUCKY } from './telemetry-events.ts';

const SERVICE = 'maintenance-subgraph';
const LISTED = 'get_maintenance_list';
/** The trace and the span of the router. */
const [traceId, ROUTER_SPAN] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
const ROUTED = { traceparent: `00-${traceId}-${ROUTER_SPAN}-01`, tracestate: 'router=canary', baggage: 'canary=1' };
const NAMES = { 'apollographql-client-name': 'c'.repeat(101), 'apollographql-client-version': 'v'.repeat(101) };
const HEADERS = { ...ROUTED, ...NAMES, 'x-request-id': 'request-1' };
const SECONDS = 'request_duration_seconds_count';
const [SERVER, CLIENT] = [2, 3];

function countRequest(status: Result): string {
  const labels = { http_request_method: 'POST', http_route: '/graphql', url_scheme: 'http' };
  return writeSample(`http_server_${SECONDS}`, { ...labels, http_response_status_code: `${status}` });
}
function countAttempt({ upstream }: Subgraph, command: string, result: Result): string {
  const { hostname: server_address, port: server_port } = new URL(upstream.url);
  const outcome = typeof result === 'number' ? { http_response_status_code: `${result}` } : { error_type: result };
  const labels = { http_request_method: 'POST', server_address, server_port, command, ...outcome };
  return writeSample(`http_client_${SECONDS}`, labels);
}

function expectedCounts(subject: Subgraph, { type, status = 200, leaves, codes = [], commands = [] }: Expected) {
  const perCommand = commands.flatMap(
    ({ name: command = LISTED, attempts = [200], code = 'OK', flaws = [], outcome }) => [
      writeSample('maintenance_commands_total', { command, outcome: code }),
      ...(outcome === 'UNKNOWN' ? [writeSample('maintenance_unknown_writes_total', { command })] : []),
      ...attempts.map((result) => countAttempt(subject, command, result)),
      ...attempts.slice(0, -1).map((result) => writeSample('maintenance_retries_total', { reason: `${result}` })),
      ...flaws.map((flaw) => writeSample('maintenance_invalid_replies_total', { command, ...flaw })),
    ],
  );
  const labels = { graphql_operation_type: type ?? 'unknown', code: codes[0] ?? 'OK' };
  const operation = writeSample('maintenance_operations_total', labels);
  return [countRequest(leaves ? '' : status), operation, ...perCommand].sort();
}

function expectedLines({ type, name, level = 30, codes = [], commands = [] }: Expected, ids: unknown[]) {
  const [service, errorId] = [{ service: SERVICE, version: manifest.version }, expect.any(String)];
  const line = { level, time: expect.any(Number), hostname: hostname(), ...service };
  const err = { type: 'TypeError', code: OWN_FAULT, stack: expect.stringMatching(/^at unforeseenError /) };
  const operation = {
    ...{ ...line, msg: 'operation', durationMs: expect.any(Number), codes, requestId: 'request-1', traceId },
    ...{ clientName: 'c'.repeat(100), clientVersion: 'v'.repeat(100) },
    ...(name && { operationName: name }),
    ...(type && { operationType: type }),
    ...(level === 50 && { errorIds: [errorId] }),
    commands: commands.map(({ name = LISTED, residence: _, kind: __, attempts = [200], detail, ...rest }, index) => {
      const entry = { ...rest, name, id: ids[index], durationMs: expect.any(Number), attempts: attempts.length };
      return detail ? { ...entry, detail } : entry;
    }),
  };
  return level === 50 ? [{ ...line, errorId, err, count: 1, msg: 'unforeseen error' }, operation] : [operation];
}

const resultAttribute = (result: Result | undefined) =>
  typeof result === 'number' ? { 'http.response.status_code': result } : { 'error.type': result };
function expectedSpan(failed: boolean) {
  const resource = { 'service.name': SERVICE, 'service.version': manifest.version };
  return { traceId, spanId: expect.any(String), links: [], failed, resource: expect.objectContaining(resource) };
}

function expectedOperationSpan({ type, name, status = 200, level = 30, leaves, codes = [] }: Expected) {
  const failure = level > 30 ? codes[0] : undefined;
  return {
    ...expectedSpan(failure !== undefined),
    ...{ name: type ?? 'GraphQL Operation', kind: SERVER, parentSpanId: ROUTER_SPAN, events: [] },
    attributes: {
      ...{ 'http.request.method': 'POST', 'http.route': '/graphql', 'url.path': '/graphql', 'url.scheme': 'http' },
      'http.response.header.x-request-id': ['request-1'],
      ...(!leaves && { 'http.response.status_code': status }),
      ...(type && { 'graphql.operation.type': type }),
      ...(name && { 'graphql.operation.name': name }),
      ...(codes.length > 0 && { 'graphql.error.codes': codes }),
      ...(level === 50 && { 'graphql.error.id': expect.any(String) }),
      ...(failure && { 'error.type': failure }),
    },
  };
}

function expectedCommandSpan({ upstream }: Subgraph, made: Made, id: unknown) {
  const { name = LISTED, attempts = [200], kind, outcome } = made;
  const { href, hostname, port } = new URL('/api/v1.0/invoke/open-ability/method/user-commands', upstream.url);
  const endpoint = { 'server.address': hostname, 'server.port': Number(port), 'url.full': href };
  const [last, duration] = [attempts.at(-1), { 'attempt.duration_seconds': expect.any(Number) }];
  return {
    ...{ ...expectedSpan(kind !== undefined), name, kind: CLIENT, parentSpanId: expect.any(String) },
    attributes: {
      ...{ 'command.id': id, 'command.attempts': attempts.length, 'command.coalesced': false },
      ...(attempts.length > 0 && { 'http.request.method': 'POST', ...endpoint }),
      ...(typeof last === 'number' && resultAttribute(last)),
      ...(attempts.length > 1 && { 'http.request.resend_count': attempts.length - 1 }),
      ...(kind && { 'error.type': kind }),
      ...(outcome && { 'command.outcome': outcome }),
    },
    events: attempts.map((result, index) => {
      const pause = index > 0 && { 'attempt.pause_seconds': expect.any(Number) };
      const attributes = { ...resultAttribute(result), ...duration, ...pause };
      return { name: 'attempt', at: expect.any(Number), attributes };
    }),
  };
}
afterAll(throwInRequest(UNLUCKY, OWN_FAULT));

const collector = await startTracedProcess();
const TRACED = { OTEL_TRACES_EXPORTER: 'otlp' };
const subgraph = useSubgraph({ ...TRACED, BREAKER_FAILURES: '1000' });
const start = useMany(startSubgraph);
afterEach(() => void collector.spans.splice(0));
afterAll(() => collector.stop());

/** Returns the spans of this test once that many have arrived, those of operations first. */
async function takeSpans(count: number): Promise<Span[]> {
  await until(() => collector.spans.length >= count);
  return collector.spans.toSorted((a, b) => a.kind - b.kind);
}

/** Returns each counter that has moved, once for each time. Leaves out scrapes and health checks. */
async function countSince(before: Samples, { url }: Subgraph): Promise<string[]> {
  const isCounter = (sample: string) => /^(http|maintenance)\w+_(total|count)\b(?!.*"\/(metrics|health))/.test(sample);
  const counters = [...(await scrape(url))].filter(([sample]) => isCounter(sample));
  return counters.flatMap(([sample, value]) => Array(value - (before.get(sample) ?? 0)).fill(sample)).sort();
}

describe('the log, the metrics and the spans report', () => {
  it.each(EVENTS)('%s', async (_, query, fault, given) => {
    const expected = { type: 'query', ...given };
    const { env, token, leaves, commands = [] } = expected;
    const subject = env ? await start({ ...TRACED, ...env }) : subgraph;
    // A busy machine would be late at a time limit, which has another kind.
    if (env) stopClock();
    const { upstream, url, logs } = subject;
    const before = await scrape(url);
    upstream.fail(fault);
    const caller = new AbortController();
    const asked = subject
      .ask(query, { headers: HEADERS, signal: caller.signal, ...(token && { token }) })
      .catch(() => undefined);
    if (leaves) {
      await until(() => upstream.received.length === 1);
      await settle(url);
      caller.abort();
    }
    const answer = await asked;
    await until(() => logs().some(({ msg }) => msg === 'operation'));
    const [operation, ...made] = await takeSpans(1 + commands.length);
    const line = logs().at(-1) as { commands: { id: string }[]; errorIds?: string[] };
    const ids = commands.map(({ name = LISTED, residence: r }, index) => {
      const isThis = ({ command, param }: Received) => command === name && r === (r && param.residence_id);
      return upstream.received.find(isThis)?.id ?? line.commands[index]?.id;
    });
    const ordered = ids.map((id) => made.find(({ attributes }) => attributes['command.id'] === id));

    if (answer) expect(answer.headers.get('x-request-id')).toBe('request-1');
    expect(logs()).toEqual(expectedLines(expected, ids));
    expect(await countSince(before, subject)).toEqual(expectedCounts(subject, expected));
    expect(operation).toEqual(expectedOperationSpan(expected));
    expect(ordered).toEqual(commands.map((command, index) => expectedCommandSpan(subject, command, ids[index])));
    expect(made.every(({ parentSpanId }) => parentSpanId === operation?.spanId)).toBe(true);
    expect((await scrape(url)).get('http_server_active_requests')).toBe(0);
    expect(collector.bodies.join('')).not.toContain('canary');
    for (const { id, headers } of upstream.received) {
      expect(headers.traceparent).toBe(`00-${traceId}-${ordered[ids.indexOf(id)]?.spanId}-01`);
      expect([headers.tracestate, headers.baggage]).toEqual([undefined, undefined]);
    }
    if (line.errorIds) {
      const inAnswer = (answer?.errors ?? []).map(({ extensions }) => extensions.errorId);
      const errorIds = [...inAnswer, logs()[0]?.errorId, operation?.attributes['graphql.error.id']];
      expect(errorIds).toEqual(errorIds.map(() => line.errorIds?.[0]));
    }
  });

  it.each([
    ['operations that share an exchange', false],
    ['an exchange whose first caller leaves', true],
  ])('%s', async (_, firstLeaves) => {
    // A busy machine may need longer than a read may be joined.
    stopClock();
    const before = await scrape(subgraph.url);
    const held = subgraph.upstream.hold();
    const caller = new AbortController();
    const first = subgraph.ask(LIST, { headers: ROUTED, signal: caller.signal }).catch(() => undefined);
    await until(() => held.length === 1);
    const second = subgraph.ask(LIST);
    await settle(subgraph.url);
    if (firstLeaves) {
      caller.abort();
      await until(() => subgraph.logs().length === 1);
    }
    held[0]?.release(JSON.stringify({ success: true, result: [{ maintenance_id: 'm', contact: 1 }] }));
    await Promise.all([first, second]);
    const [{ id } = { id: '' }] = subgraph.upstream.received;
    const flaws = [{ kind: 'member', member: 'contact' }];
    const entry = { name: LISTED, id, durationMs: expect.any(Number), attempts: 1 };
    const left = { ...entry, code: 'CALLER_GONE', detail: 'caller disconnected' };
    const read = { ...entry, flaws };
    const logged = subgraph.logs().flatMap(({ commands }) => commands);
    expect(logged).toHaveLength(2);
    expect(logged).toEqual(expect.arrayContaining([firstLeaves ? left : read, { ...read, coalesced: true }]));
    // The exchange counts once, with what became of it. So do its attempt and the flaw of its reply.
    const gone: Expected = { leaves: true, codes: ['CALLER_GONE'] };
    const operations: Expected[] = [firstLeaves ? gone : {}, { commands: [{ flaws }] }];
    const counts = operations.flatMap((given) => expectedCounts(subgraph, { type: 'query', ...given }));
    counts.push(writeSample('maintenance_reads_coalesced_total', { command: LISTED }));
    expect(await countSince(before, subgraph)).toEqual(counts.sort());
    const spans = await takeSpans(4);
    const [sender, sharer] = ['false', 'true'].map((coalesced) =>
      spans.find(({ attributes }) => String(attributes['command.coalesced']) === coalesced),
    );
    expect(sender?.traceId).toBe(traceId);
    expect(sender?.events.map((event: { name: string }) => event.name)).toEqual(firstLeaves ? [] : ['attempt']);
    expect(sharer?.events).toEqual([]);
    expect(sharer?.attributes).toEqual({ 'command.id': id, 'command.attempts': 1, 'command.coalesced': true });
    const parents = [sender, sharer].map((span) => spans.find(({ spanId }) => spanId === span?.parentSpanId));
    expect(parents).toMatchObject([sender, sharer].map((span) => ({ name: 'query', traceId: span?.traceId })));
  });

  it('an operation without a usable request id and trace, under its own', async () => {
    const { headers } = await subgraph.ask(LIST, { headers: { 'x-request-id': 'not an id' } });
    const [operation, command] = await takeSpans(2);
    const [line] = subgraph.logs();
    expect(line?.requestId).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
    expect(headers.get('x-request-id')).toBe(line?.requestId);
    expect(operation?.attributes['http.response.header.x-request-id']).toEqual([line?.requestId]);
    expect([operation?.traceId, operation?.parentSpanId]).toEqual([line?.traceId, undefined]);
    const traceparent = `00-${operation?.traceId}-${command?.spanId}-01`;
    expect(subgraph.upstream.received).toMatchObject([{ headers: { traceparent } }]);
  });

  it('times in ms and in seconds, and attempts without the pause between them', async () => {
    const { upstream, url, logs } = subgraph;
    upstream.fail(inTurn({ status: 503, headers: { 'retry-after': '1' } }));
    const before = await scrape(url);
    await subgraph.ask(LIST);
    const after = await scrape(url);
    const sumOf = (count: string) => {
      const sum = count.replace('_count', '_sum');
      return (after.get(sum) ?? 0) - (before.get(sum) ?? 0);
    };
    // An attempt on a kept connection that broke may come before.
    const [first, second] = (await takeSpans(2))[1]?.events.slice(-2) ?? [];
    const seconds = Number(first?.attributes['attempt.duration_seconds']);
    const pause = Number(second?.attributes['attempt.pause_seconds']);
    // Timers have another clock: they may be a millisecond early.
    expect(pause).toBeGreaterThan(0.9);
    expect(second?.at).toBeCloseTo(Number(first?.at) + seconds + pause, 5);
    expect(sumOf(countAttempt(subgraph, LISTED, 503))).toBeCloseTo(seconds, 6);
    const [line] = logs() as { durationMs: number; commands: { durationMs: number }[] }[];
    for (const ms of [line?.durationMs, line?.commands[0]?.durationMs, sumOf(countRequest(200)) * 1000]) {
      expect(ms).toBeGreaterThan(900);
      expect(ms).toBeLessThan(60_000);
    }
  });
});

it('fails no operation when the metrics throw, and logs their first error', async () => {
  // The method that each counter has as `inc`.
  const prototype = Counter.prototype as unknown as { incWithoutExemplar(...args: unknown[]): void };
  const { incWithoutExemplar } = prototype;
  let fails = false;
  jest.spyOn(prototype, 'incWithoutExemplar').mockImplementation(function increase(this: unknown, ...args) {
    if (fails) throw new Error('canary');
    incWithoutExemplar.apply(this, args);
  });
  const { ask, logs, logText } = await start();
  fails = true;
  for (let time = 0; time < 3; time++)
    expect(await ask(DELETE)).toMatchObject({
      data: { deleteMaintenance: { deletedId: expect.any(String) } },
      errors: [],
    });
  const failed = logs().filter(({ msg }) => msg === 'telemetry failed');
  expect(failed).toMatchObject([{ level: 50 }]);
  expect(logText()).not.toContain('canary');
  expect(logs().filter(({ msg }) => msg === 'operation')).toHaveLength(3);
});

it('exports no span of a trace that the router does not sample, and passes the trace on', async () => {
  await subgraph.ask(LIST, { headers: { traceparent: ROUTED.traceparent.replace(/01$/, '00') } });
  expect(subgraph.upstream.received[0]?.headers.traceparent).toMatch(new RegExp(`^00-${traceId}-[\\da-f]{16}-00$`));
  await subgraph.ask(LIST);
  expect((await takeSpans(2)).map((span) => span.traceId)).not.toContain(traceId);
});
