/** What each operation leaves: its line in the log, its counters and its spans. observability.test.ts has the rest. */
import { hostname } from 'node:os';
import { afterAll, afterEach, expect, it, jest } from '@jest/globals';
import { Gauge } from 'prom-client';
import { PATH } from '../../dev/command-api.ts';
import manifest from '../../package.json' with { type: 'json' };

import { type Span, startTracedProcess } from '../support/collector.ts';
import { aliased, DELETE, LIST } from '../support/maintenance/requests.ts';
import { type Samples, scrape, writeSample } from '../support/scrape.ts';
import { throwInRequest } from '../support/unforeseen.ts';
import { act, type Fault, inTurn, TOKENS } from '../support/upstream.ts';
import { type Subgraph, startSubgraph, useMany, useSubgraph } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const LISTED = 'get_maintenance_list';
const [UNAVAILABLE, TIMEOUT, INVALID] = ['UPSTREAM_UNAVAILABLE', 'UPSTREAM_TIMEOUT', 'UPSTREAM_INVALID_RESPONSE'];
const [GONE, LEFT] = ['CALLER_GONE', 'caller disconnected'];
/** The commands of this caller fail, as if no file descriptor were left for a socket. */
const [UNLUCKY, NO_SOCKET] = ['token-of-an-unlucky-caller', 'EMFILE'];

/** A status, or an error. */
type Result = number | string;
/** A command, by default a list that succeeds: its attempts, the `error.type` of its span, and its entry in the log. */
interface Made extends Partial<Record<'name' | 'errorType' | 'code' | 'outcome' | 'detail' | 'upstreamCode', string>> {
  attempts?: Result[];
  flaws?: { kind: string; member?: string }[];
  dropped?: number;
}
type More = { token?: string; env?: NodeJS.ProcessEnv };
/** The summary is the level of the line, the type of the operation, and its codes. In the log, failed commands are first. */
type Row = [title: string, query: string, fault: Fault | undefined, summary: string, commands: Made[], more?: More];

let caller: AbortController;
const hang: Fault = () => 'taken';
const leave = act(() => caller.abort());
const list = (residenceId: string, field = 'id') => `maintenances(residenceId: "${residenceId}") { ${field} }`;
const lists = (...ids: string[]) => `{ ${aliased(ids.length, (index) => list(ids[index] ?? ''))} }`;
const SELECTED = `{ ${list('b')} bad: ${list('a', 'contact')} }`;
const BATCH = 'mutation { deleteMaintenances(ids: ["a:m", "b:m"]) { deletedIds } }';
const reply = (body: unknown, headers = {}): Fault => {
  return ({ param }) => (param.residence_id === 'b' ? { status: 500 } : { headers, body });
};
const result = (value: unknown) => reply({ success: true, result: value });
const failed = (code: string, errorType: string, attempt: Result, detail: Result = attempt): Made => {
  return { code, errorType, attempts: [attempt], detail: typeof detail === 'number' ? `status ${detail}` : detail };
};
const flawed = (kind: string, ...results: [attempt: Result, detail?: string]): Made[] => {
  return [{ ...failed(INVALID, kind, ...results), flaws: [{ kind }] }];
};
const FAILED = failed(UNAVAILABLE, 'failed', 500);
const NAMED = DELETE.replace(' ', ` ${'x'.repeat(101)} `);
const REJECT: Fault = () => ({ status: 409, body: { success: false, code: 'E1' } });
const REJECTED = { ...failed('COMMAND_REJECTED', 'rejected', 409), outcome: 'REJECTED', upstreamCode: 'E1' };
const [ONE, TWO] = ['delete_maintenance_info', 'batch_delete_maintenance_info'].map((name) => ({ name }));
const GZIP = { 'content-encoding': 'gzip' };
const AS_DATA = [{ ...FAILED, ...TWO, outcome: 'UNKNOWN' }, { ...TWO }];
const NO_ROOM = { ...failed(UNAVAILABLE, 'no_room_for_command', 'queue full'), attempts: [] };
const LATE = [failed(TIMEOUT, 'timeout', 'ETIMEDOUT'), NO_ROOM];
const BAD = { maintenance_id: 'm', contact: 1, state: 'new' };
const BAD_MEMBERS = { flaws: ['contact', 'state'].map((member) => ({ kind: 'member', member })) };
const FLAWED = { flaws: [{ kind: 'ticket', member: 'maintenance_id' }, ...BAD_MEMBERS.flaws], dropped: 2 };
const SMALL = { env: { MAX_COMMANDS_IN_FLIGHT: '1', MAX_COMMANDS_QUEUED: '0', ATTEMPT_TIMEOUT_MS: '500' } };
const FRAGILE = { env: { MAX_COMMANDS_IN_FLIGHT: '1', BREAKER_FAILURES: '1' }, token: UNLUCKY };
const INTERNAL = 'INTERNAL_SERVER_ERROR';
const BUGS = Array(3).fill(failed(INTERNAL, 'internal', NO_SOCKET));

const CUT = act((response) =>
  response.writeHead(503, { 'content-length': 9 }).write('x', () => response.socket?.destroy()),
);

const OPERATIONS: Row[] = [
  ['no document', '', undefined, '30 unknown BAD_REQUEST', []],
  ['a rejected write', NAMED, REJECT, '30 mutation COMMAND_REJECTED', [{ ...REJECTED, ...ONE }]],
  ['a failure as data', BATCH, result({}), `40 mutation ${UNAVAILABLE}`, AS_DATA],
  ['retries', LIST, inTurn(503, 'cut'), '30 query', [{ attempts: [503, 'ECONNRESET', 200] }]],
  ['a full queue', lists('', 'a', 'c'), hang, `40 query ${UNAVAILABLE} ${TIMEOUT} BAD_USER_INPUT`, LATE, SMALL],
  ['a caller that leaves', LIST, leave, `30 query ${GONE}`, [failed(GONE, 'cancelled', LEFT)]],
  ['no envelope', LIST, reply('<html>'), `40 query ${INVALID}`, flawed('envelope', 200)],
  ['another result', LIST, result({ a: 1 }), `40 query ${INVALID}`, flawed('result', 200, 'unexpected result')],
  ['no result', LIST, result(null), `40 query ${INVALID}`, flawed('empty', 200, 'empty result')],
  // The default of MAX_REPLY_BYTES is 2 MiB.
  ['over 2 MiB', LIST, reply('x'.repeat(2_100_000)), `40 query ${INVALID}`, flawed('size', 'reply too large')],
  ['no gzip', LIST, reply('no gzip', GZIP), `40 query ${INVALID}`, flawed('bytes', 200, 'Z_DATA_ERROR')],
  ['flaws, not selected', LIST, result([BAD, BAD, {}, {}]), '40 query', [FLAWED]],
  ['flaws, selected', SELECTED, result([BAD]), `40 query ${INVALID} ${UNAVAILABLE}`, [FAILED, BAD_MEMBERS]],
  [
    'a 503 that is cut',
    DELETE,
    CUT,
    `40 mutation ${UNAVAILABLE}`,
    [{ ...failed(UNAVAILABLE, 'unavailable', 503), ...ONE, outcome: 'UNKNOWN' }],
  ],
  // They open no circuit breaker.
  ['unforeseen errors', lists('a', 'b', 'c'), undefined, `50 query ${INTERNAL}`, BUGS, FRAGILE],
];

/** The trace and the span of the router. */
const [traceId, ROUTER_SPAN] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
const traceparent = `00-${traceId}-${ROUTER_SPAN}-01`;
const utf8 = (text: string) => Buffer.from(text).toString('latin1');
const HEADERS = {
  ...{ traceparent, tracestate: 'router=canary', baggage: 'canary=1', 'x-request-id': 'request-1' },
  // Shortened without half a character, and logged without control characters, which a terminal would obey.
  'apollographql-client-name': utf8(`${'客'.repeat(99)}😀`),
  'apollographql-client-version': utf8(`1\u0085\u200b\u202e${'v'.repeat(100)}`),
};
const [REQUEST_ID, COMMAND_ID] = ['http.response.header.x-request-id', 'command.id'];
const [SERVER, CLIENT] = [2, 3];
const [TEXT, NUMBER] = [expect.any(String), expect.any(Number)];
const VERSION = { service: 'maintenance-subgraph', version: manifest.version };

/** What spans have in common with the line of an operation. */
type Line = { level: number; codes: string[]; errorIds?: string[]; commands: { id: string }[] } & Record<
  string,
  unknown
>;

function linesOf(query: string, summary: string, commands: Made[], errorIds: unknown[]) {
  const [level, type, ...codes] = summary.split(' ');
  const line = { level: Number(level), time: NUMBER, hostname: hostname(), ...VERSION };
  const err = { type: 'TypeError', code: NO_SOCKET, stack: expect.stringMatching(/^at unforeseenError /) };
  const unforeseen = { ...line, err, count: commands.length, msg: 'unforeseen error' };
  const entries = commands.map(({ name = LISTED, attempts = [200], errorType: _, ...entry }) => {
    return { ...entry, name, id: TEXT, durationMs: NUMBER, attempts: attempts.length };
  });
  const operation = {
    ...{ ...line, msg: 'operation', requestId: 'request-1', traceId, durationMs: NUMBER, codes, commands: entries },
    ...{ clientName: '客'.repeat(99), clientVersion: `1${'v'.repeat(96)}`, operationName: /x{100}/.exec(query)?.[0] },
    operationType: type === 'unknown' ? undefined : type,
    errorIds: errorIds.length > 0 ? errorIds : undefined,
  };
  return [...errorIds.map((errorId) => ({ ...unforeseen, errorId })), operation];
}

function countersOf(summary: string, commands: Made[], status: Result, { upstream }: Subgraph): string[] {
  const [, graphql_operation_type = '', code = 'OK'] = summary.split(' ');
  const { hostname: server_address, port: server_port } = new URL(upstream.url);
  const method = { http_request_method: 'POST' };
  const request = { ...method, http_route: '/graphql', url_scheme: 'http', http_response_status_code: `${status}` };
  return [
    writeSample('http_server_request_duration_seconds_count', request),
    writeSample('maintenance_operations_total', { graphql_operation_type, code }),
    ...commands.flatMap(({ name: command = LISTED, attempts = [200], code = 'OK', flaws = [], outcome }) => [
      writeSample('maintenance_commands_total', { command, code }),
      ...(outcome === 'UNKNOWN' ? [writeSample('maintenance_unknown_writes_total', { command })] : []),
      ...attempts.slice(0, -1).map((reason) => writeSample('maintenance_retries_total', { reason: `${reason}` })),
      ...flaws.map((flaw) => writeSample('maintenance_invalid_replies_total', { command, ...flaw })),
      ...attempts.map((result) => {
        const ended = typeof result === 'number' ? 'http_response_status_code' : 'error_type';
        const labels = { ...method, server_address, server_port, command, [ended]: `${result}` };
        return writeSample('http_client_request_duration_seconds_count', labels);
      }),
    ]),
  ].sort();
}

/** Returns the spans that fit the line of an operation: its own, which has this id, and those of its commands. */
function spansOf(line: Line, made: Made[], status: Result, { upstream }: Subgraph, spanId = '') {
  const { operationType, operationName, codes, errorIds: [errorId] = [] } = line;
  const { href, hostname, port } = new URL(PATH, upstream.url);
  const method = { 'http.request.method': 'POST' };
  const endpoint = { ...method, 'server.address': hostname, 'server.port': Number(port), 'url.full': href };
  const resource = { 'service.name': VERSION.service, 'service.version': VERSION.version };
  const common = { traceId, resource: expect.objectContaining(resource) };
  const error = line.level > 30 ? codes[0] : undefined;
  const ofOperation = {
    ...{ ...common, spanId, parentSpanId: ROUTER_SPAN, kind: SERVER, name: operationType ?? 'GraphQL Operation' },
    ...{ events: [], failed: error !== undefined },
    attributes: {
      ...{ ...method, 'http.route': '/graphql', 'url.path': '/graphql', 'url.scheme': 'http', 'error.type': error },
      ...{ [REQUEST_ID]: ['request-1'], 'http.response.status_code': status || undefined, 'graphql.error.id': errorId },
      ...{ 'graphql.operation.type': operationType, 'graphql.operation.name': operationName },
      'graphql.error.codes': codes.length > 0 ? codes : undefined,
    },
  };
  const resultOf = (result?: Result) => {
    return typeof result === 'number' ? { 'http.response.status_code': result } : { 'error.type': result };
  };
  const ofCommands = made.map(({ name = LISTED, attempts = [200], errorType, outcome }, index) => ({
    ...{ ...common, spanId: TEXT, parentSpanId: spanId, kind: CLIENT, name, failed: errorType !== undefined },
    attributes: {
      ...{ [COMMAND_ID]: line.commands[index]?.id, 'command.attempts': attempts.length },
      ...(attempts.length > 0 && { ...endpoint, ...resultOf(attempts.at(-1)) }),
      'http.request.resend_count': attempts.length > 1 ? attempts.length - 1 : undefined,
      ...{ 'command.outcome': outcome, 'error.type': errorType },
    },
    events: attempts.map((result, index) => {
      const times = { 'attempt.duration_seconds': NUMBER, 'attempt.pause_seconds': index > 0 ? NUMBER : undefined };
      return { name: 'attempt', at: NUMBER, attributes: { ...resultOf(result), ...times } };
    }),
  }));
  return [ofOperation, ...ofCommands];
}

afterAll(throwInRequest(UNLUCKY, NO_SOCKET));
const collector = await startTracedProcess();
const subgraph = useSubgraph({ BREAKER_FAILURES: '1000' });
const start = useMany(startSubgraph);
afterEach(() => void collector.spans.splice(0));
afterAll(() => collector.stop());

/** Returns the spans of this test once that many have arrived, those of operations first. */
async function takeSpans(count: number): Promise<Span[]> {
  await until(() => collector.spans.length >= count);
  return collector.spans.toSorted((a, b) => a.kind - b.kind);
}

/** Returns each counter that has moved, once for each time. Leaves out scrapes and health checks. */
function movedBetween(before: Samples, after: Samples): string[] {
  const isCounter = (sample: string) => /^(http|maintenance)\w+_(total|count)\b(?!.*"\/(metrics|health))/.test(sample);
  const counters = [...after].filter(([sample]) => isCounter(sample));
  const moved = counters.flatMap(([sample, value]) => Array(value - (before.get(sample) ?? 0)).fill(sample));
  // `rate()` misses a counter that first appears at 1. Some codes and reasons are not known before.
  const mayAppear = (sample: string) => /^http|BAD_REQUEST|reason/.test(sample);
  expect(moved.filter((sample) => !before.has(sample) && !mayAppear(sample))).toEqual([]);
  return moved.sort();
}

it.each(OPERATIONS)('a line, counters and spans report %s', async (_, query, fault, summary, commands, more = {}) => {
  const { token = TOKENS.first, env } = more;
  const subject = env ? await start(env) : subgraph;
  const { upstream, url, logs } = subject;
  const before = await scrape(url);
  upstream.fail(fault);
  caller = new AbortController();
  const sending = { headers: HEADERS, signal: caller.signal, token };
  const answer = await subject.ask(query, sending).catch(() => undefined);
  const [operation, ...made] = await takeSpans(1 + commands.length);
  const after = await scrape(url);

  // A caller that leaves sees none.
  const status = answer?.status ?? '';
  const errorIds = new Set(answer?.errors.flatMap(({ extensions }) => extensions.errorId ?? []));
  expect(logs()).toEqual(linesOf(query, summary, commands, [...errorIds]));
  expect(movedBetween(before, after)).toEqual(countersOf(summary, commands, status, subject));
  expect(after.get('http_server_active_requests')).toBe(0);
  const line = logs().at(-1) as Line;
  const spanOf = (id: string) => made.find(({ attributes }) => attributes[COMMAND_ID] === id);
  const spans = [operation, ...line.commands.map(({ id }) => spanOf(id))];
  expect(spans).toEqual(spansOf(line, commands, status, subject, operation?.spanId));
  expect(collector.bodies.join('')).not.toContain('canary');
  if (answer) expect(answer.headers.get('x-request-id')).toBe('request-1');
  for (const { command, id, headers } of upstream.received) {
    expect([spanOf(id)?.name, headers.tracestate, headers.baggage]).toEqual([command, undefined, undefined]);
    expect(headers.traceparent).toBe(`00-${traceId}-${spanOf(id)?.spanId}-01`);
  }
});

it('times are in ms in the log and in seconds elsewhere, and that of an attempt has no pause', async () => {
  const { ask, upstream, url, logs } = await start();
  upstream.fail(inTurn({ status: 503, headers: { 'retry-after': '1' } }));
  await ask(LIST);
  const [, command] = await takeSpans(2);
  const [{ at = 0, attributes = {} } = {}, second] = command?.events ?? [];
  const seconds = Number(attributes['attempt.duration_seconds']);
  const pause = Number(second?.attributes['attempt.pause_seconds']);
  // Timers have another clock: they may be a millisecond early.
  expect(pause).toBeGreaterThan(0.9);
  expect(second?.at).toBeCloseTo(at + seconds + pause, 5);
  const samples = [...(await scrape(url))];
  const sumOf = (name: RegExp) => Number(samples.find(([sample]) => name.test(sample))?.[1]);
  expect(sumOf(/^http_client.+_sum.+"503"/)).toBeCloseTo(seconds, 6);
  const [line] = logs() as { durationMs: number; commands: { durationMs: number }[] }[];
  const ofRequest = sumOf(/^http_server.+_sum.+"200".+"\/graphql"/);
  for (const ms of [line?.durationMs, line?.commands[0]?.durationMs, ofRequest * 1000]) {
    expect(ms).toBeGreaterThan(900);
    expect(ms).toBeLessThan(60_000);
  }
});

it('an operation without a usable request id and trace has its own, and the name of its client may be in Latin-1', async () => {
  const sent = { 'x-request-id': 'not an id', 'apollographql-client-name': '\xe9\x85' };
  const { headers } = await subgraph.ask(LIST, { headers: sent });
  const [operation, command] = await takeSpans(2);
  const [{ requestId, traceId, clientName } = {}] = subgraph.logs();
  expect(clientName).toBe('é');
  expect(requestId).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
  expect(headers.get('x-request-id')).toBe(requestId);
  expect(operation).toMatchObject({ traceId, attributes: { [REQUEST_ID]: [requestId] } });
  expect(operation?.parentSpanId).toBeUndefined();
  expect(subgraph.upstream.received[0]?.headers.traceparent).toBe(`00-${traceId}-${command?.spanId}-01`);
});

it('a trace that the router does not sample is passed on, and has no spans', async () => {
  await subgraph.ask(LIST, { headers: { traceparent: traceparent.replace(/01$/, '00') } });
  expect(subgraph.upstream.received[0]?.headers.traceparent).toMatch(new RegExp(`^00-${traceId}-[\\da-f]{16}-00$`));
  await subgraph.ask(LIST);
  expect((await takeSpans(2)).map((span) => span.traceId)).not.toContain(traceId);
});

it('metrics that throw fail no operation, and each of their errors is logged once', async () => {
  let calls = 0;
  jest.spyOn(Gauge.prototype, 'set').mockImplementation(() => {
    throw new Error(calls++ % 2 === 0 ? 'canary' : 'another canary');
  });
  for (let time = 0; time < 3; time++) expect((await subgraph.ask(DELETE)).errors).toEqual([]);
  const messages = subgraph.logs().map(({ level, msg }) => `${level} ${msg}`);
  expect(messages.sort()).toEqual([...Array(3).fill('30 operation'), ...Array(2).fill('50 telemetry failed')]);
  expect(subgraph.logText()).not.toContain('canary');
});
