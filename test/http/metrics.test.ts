/**
 * What /metrics counts: each metric against a scenario that moves it, and by how much.
 */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import manifest from '../../package.json' with { type: 'json' };
import { COMMANDS, createCommand } from '../../src/command-api/command.ts';
import { loadConfig } from '../../src/config.ts';
import { createMemory } from '../../src/memory.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { stopClock } from '../support/clock.ts';
import { readMetricTable } from '../support/documents.ts';
import { request, sendBytes } from '../support/raw-http.ts';
import { fetchMetrics, readFamilies, type Samples, scrape, writeSample } from '../support/scrape.ts';
import { NEW_MAINTENANCE, ROUTER_SECRET, type Subgraph, startSubgraph } from '../support/subgraph.ts';
import { failCommands } from '../support/unforeseen.ts';
import type { Answer, Fault } from '../support/upstream.ts';
import { settle, until } from '../support/wait.ts';

const R = EXAMPLE.residenceId;
const LIST = `{ maintenances(residenceId: "${R}") { id } }`;
const DETAIL = `{ maintenance(id: "${R}:${EXAMPLE.maintenanceId}") { id } }`;
const DELETE = `mutation { deleteMaintenance(id: "${R}:m") { id } }`;
const CREATE = 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }';
const SECRET = { 'router-authorization': ROUTER_SECRET };
const GRAPHQL = { http_request_method: 'POST', http_route: '/graphql', url_scheme: 'http' };
const TICKET = { maintenance_id: 'm' };
const LISTED = 'get_maintenance_list';

type Scenario = (subgraph: Subgraph) => unknown;
/** A sample and by how much the scenario moves it. */
type Row = [name: string, labels: Record<string, string>, by: number];

const running: Subgraph[] = [];

async function start(env: NodeJS.ProcessEnv = {}): Promise<Subgraph> {
  const subgraph = await startSubgraph(env, [failCommands()]);
  running.push(subgraph);
  return subgraph;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((subgraph) => subgraph.stop()));
});

const answering =
  (...answers: (Answer | 'reset')[]): Scenario =>
  ({ upstream }) => {
    let next = 0;
    const fault: Fault = (_, response) => {
      const answer = answers[Math.min(next++, answers.length - 1)] as Answer | 'reset';
      if (answer !== 'reset') return answer;
      response.socket?.destroy();
      return 'taken';
    };
    upstream.fail(fault);
  };
const listing = (result: unknown) => answering({ body: { success: true, result } });
const asking =
  (query: string, variables?: Record<string, unknown>): Scenario =>
  (subgraph) =>
    subgraph.ask(query, variables && { variables });
const inTurn =
  (...scenarios: Scenario[]): Scenario =>
  async (subgraph) => {
    for (const scenario of scenarios) await scenario(subgraph);
  };
const fetching =
  (path: string, init: RequestInit = {}): Scenario =>
  async ({ url }) =>
    (await fetch(url + path, { headers: SECRET, ...init })).text();

/** Runs while commands are held up, which are then answered. */
async function whileHeld(subgraph: Subgraph, scenario: () => Promise<unknown>): Promise<void> {
  const release = subgraph.upstream.hold();
  try {
    await scenario();
  } finally {
    release();
  }
}

/** Asks for the same at once, so that one exchange serves all, which is answered once all wait for it. */
const askingTogether =
  (query: string, times: number): Scenario =>
  async (subgraph) => {
    // A busy machine may take longer than a read may be joined.
    stopClock();
    const release = subgraph.upstream.hold();
    const asked = Array.from({ length: times }, () => subgraph.ask(query));
    await until(() => subgraph.upstream.received.length === 1);
    await settle(subgraph.url);
    release();
    await Promise.all(asked);
    jest.restoreAllMocks();
  };

const command = (name: string, outcome: string, by = 1): Row => [
  'maintenance_commands_total',
  { command: name, outcome },
  by,
];
const operation = (type: string, code: string, by = 1): Row => [
  'maintenance_operations_total',
  { graphql_operation_type: type, code },
  by,
];
const attempt = ({ upstream }: Subgraph, labels: Record<string, string>, by = 1): Row => {
  const { hostname, port } = new URL(upstream.url);
  const all = { http_request_method: 'POST', server_address: hostname, server_port: port, ...labels };
  return ['http_client_request_duration_seconds_count', all, by];
};
const requests = (labels: Record<string, string>, by = 1): Row => [
  'http_server_request_duration_seconds_count',
  { ...GRAPHQL, ...labels },
  by,
];
const invalid = (kind: string, member = '', name = LISTED): Row => [
  'maintenance_invalid_replies_total',
  { command: name, kind, member },
  1,
];
const retried = (reason: string, by = 1): Row => ['maintenance_retries_total', { reason }, by];

const SCENARIOS: [string, Scenario, (subgraph: Subgraph) => Row[], NodeJS.ProcessEnv?][] = [
  [
    'a list',
    asking(LIST),
    (subgraph) => [
      requests({ http_response_status_code: '200' }),
      operation('query', 'OK'),
      command(LISTED, 'OK'),
      attempt(subgraph, { command: LISTED, http_response_status_code: '200' }),
    ],
  ],
  [
    'each other command',
    inTurn(
      asking(DETAIL),
      asking(CREATE, { input: NEW_MAINTENANCE }),
      asking(DELETE),
      asking(`mutation { deleteMaintenances(ids: ["${R}:m"]) { deletedIds } }`),
    ),
    () => [
      command('get_maintenance_info', 'OK'),
      command('create_maintenance_info', 'OK'),
      command('delete_maintenance_info', 'COMMAND_REJECTED'),
      command('batch_delete_maintenance_info', 'OK'),
      operation('mutation', 'OK', 2),
      operation('mutation', 'COMMAND_REJECTED'),
    ],
  ],
  ['a document that does not parse', asking('{'), () => [operation('unknown', 'GRAPHQL_PARSE_FAILED')]],
  [
    'an operation with two codes in its answer, under the gravest of them',
    inTurn(answering({ status: 500 }), asking(`{ a: maintenances(residenceId: "") { id } ${LIST.slice(1)}`)),
    () => [
      operation('query', 'BAD_USER_INPUT', 0),
      operation('query', 'UPSTREAM_UNAVAILABLE'),
      command(LISTED, 'UPSTREAM_UNAVAILABLE'),
    ],
  ],
  [
    'a batch whose failure is data',
    inTurn(
      ({ upstream }) => upstream.fail(({ param }) => (param.residence_id === 'b' ? { status: 500 } : undefined)),
      asking(`mutation { deleteMaintenances(ids: ["${R}:m", "b:1"]) { deletedIds } }`),
    ),
    () => [operation('mutation', 'UPSTREAM_UNAVAILABLE'), operation('mutation', 'OK', 0)],
  ],
  [
    'a read that is answered the third time',
    inTurn(answering({ status: 503 }, 'reset', { body: { success: true, result: [] } }), asking(LIST)),
    (subgraph) => [
      command(LISTED, 'OK'),
      retried('503'),
      retried('ECONNRESET'),
      attempt(subgraph, { command: LISTED, http_response_status_code: '503' }),
      attempt(subgraph, { command: LISTED, error_type: 'ECONNRESET' }),
      attempt(subgraph, { command: LISTED, http_response_status_code: '200' }),
    ],
  ],
  [
    'a read that is never answered otherwise',
    inTurn(answering({ status: 429 }), asking(LIST)),
    (subgraph) => [
      command(LISTED, 'UPSTREAM_UNAVAILABLE'),
      retried('429', 2),
      attempt(subgraph, { command: LISTED, http_response_status_code: '429' }, 3),
      operation('query', 'UPSTREAM_UNAVAILABLE'),
    ],
  ],
  [
    'a read that takes too long',
    inTurn(({ upstream }) => upstream.fail(() => 'taken'), asking(LIST)),
    (subgraph) => [
      command(LISTED, 'UPSTREAM_TIMEOUT'),
      attempt(subgraph, { command: LISTED, error_type: 'ETIMEDOUT' }),
    ],
    { ATTEMPT_TIMEOUT_MS: '100' },
  ],
  [
    'a read whose caller goes away',
    async (subgraph) => {
      const closed = new Promise<void>((resolve) => {
        subgraph.upstream.fail((_, response) => {
          response.once('close', resolve);
          return 'taken';
        });
      });
      const leave = subgraph.askAndLeave(LIST);
      await until(() => subgraph.upstream.received.length === 1);
      await leave();
      await closed;
      await until(() => subgraph.logs().length === 1);
    },
    (subgraph) => [
      requests({ http_response_status_code: '' }),
      operation('query', 'CALLER_GONE'),
      command(LISTED, 'CALLER_GONE'),
      attempt(subgraph, { command: LISTED, error_type: 'the caller has gone' }),
      // Its place is free again.
      ['http_server_active_requests', {}, 0],
    ],
  ],
  [
    'a read whose caller leaves it to another',
    async (subgraph) => {
      const release = subgraph.upstream.hold();
      const leave = subgraph.askAndLeave(LIST);
      await until(() => subgraph.upstream.received.length === 1);
      const other = subgraph.ask(LIST);
      await settle(subgraph.url);
      await leave();
      await until(() => subgraph.logs().length === 1);
      release();
      await other;
    },
    (subgraph) => [
      operation('query', 'CALLER_GONE'),
      operation('query', 'OK'),
      command(LISTED, 'CALLER_GONE'),
      ['maintenance_reads_coalesced_total', { command: LISTED }, 1],
      command(LISTED, 'OK', 0),
      attempt(subgraph, { command: LISTED, error_type: '' }, 0),
    ],
  ],
  [
    'an operation that is out of time, with more commands than it may send at once',
    inTurn(
      ({ upstream }) => upstream.fail(() => 'taken'),
      asking(
        `{ ${Array.from({ length: 40 }, (_, i) => `a${i}: maintenances(residenceId: "${i}") { id }`).join(' ')} }`,
      ),
    ),
    () => [command(LISTED, 'UPSTREAM_TIMEOUT', 40)],
    {
      ATTEMPT_TIMEOUT_MS: '300',
      OPERATION_TIMEOUT_MS: '500',
      MAX_COMMANDS_IN_FLIGHT: '16',
      BREAKER_FAILURES: '1000',
    },
  ],
  [
    'a command that fails by a fault of ours',
    asking(LIST.replace(R, 'faulty')),
    () => [command(LISTED, 'INTERNAL_SERVER_ERROR'), operation('query', 'INTERNAL_SERVER_ERROR')],
  ],
  [
    'a fault of ours in a batch, where all that failed is data',
    asking('mutation { deleteMaintenances(ids: ["faulty:1"]) { deletedIds } }'),
    () => [
      command('batch_delete_maintenance_info', 'INTERNAL_SERVER_ERROR'),
      operation('mutation', 'INTERNAL_SERVER_ERROR'),
    ],
  ],
  [
    'commands that the open breaker keeps back',
    inTurn(answering({ status: 503 }), asking(LIST), asking(LIST)),
    () => [
      command(LISTED, 'UPSTREAM_UNAVAILABLE', 2),
      ['maintenance_breaker_state', { state: 'closed' }, -1],
      ['maintenance_breaker_state', { state: 'open' }, 1],
    ],
    { BREAKER_FAILURES: '1', BREAKER_OPEN_MS: '60000', MAX_ATTEMPTS: '1' },
  ],
  [
    'identical reads',
    askingTogether(LIST, 4),
    () => [
      ['maintenance_reads_coalesced_total', { command: LISTED }, 3],
      command(LISTED, 'OK'),
      operation('query', 'OK', 4),
    ],
  ],
  [
    'neither a success nor a refusal',
    inTurn(answering({ body: '<html>' }), asking(LIST)),
    () => [invalid('envelope'), command(LISTED, 'UPSTREAM_INVALID_RESPONSE')],
  ],
  ['a result of another form', inTurn(listing({ a: 1 }), asking(LIST)), () => [invalid('result')]],
  [
    'a success and nothing with it',
    inTurn(listing(null), asking(DELETE)),
    () => [invalid('empty', '', 'delete_maintenance_info')],
  ],
  [
    'members that cannot be read, however many and whether asked for or not',
    inTurn(
      listing([
        { ...TICKET, state: 'new' },
        { ...TICKET, contact: 1, feedback: 2 },
      ]),
      asking(LIST),
    ),
    () => [
      ...['state', 'contact', 'feedback'].map((member) => invalid('member', member)),
      command(LISTED, 'OK'),
      operation('query', 'OK'),
    ],
  ],
  [
    'a detail with one',
    inTurn(listing({ state: 'new' }), asking(DETAIL)),
    () => [invalid('member', 'state', 'get_maintenance_info')],
  ],
  [
    'tickets without an id',
    inTurn(listing([TICKET, {}, {}]), asking(LIST)),
    () => [invalid('ticket', 'maintenance_id')],
  ],
  [
    'a reply over 10 MB',
    inTurn(answering({ body: 'x'.repeat(11 * 1024 * 1024) }), asking(LIST)),
    () => [invalid('size')],
  ],
  [
    'bytes in an encoding that they are not in',
    inTurn(answering({ headers: { 'content-encoding': 'gzip' }, body: 'no gzip at all' }), asking(LIST)),
    () => [invalid('bytes')],
  ],
  [
    'a request without the secret',
    fetching('/graphql', { method: 'POST', headers: {} }),
    () => [
      requests({ http_response_status_code: '401' }),
      ['maintenance_requests_refused_total', { code: 'ROUTER_UNAUTHENTICATED' }, 1],
    ],
  ],
  [
    'health checks, and paths and methods that nobody serves',
    inTurn(
      fetching('/health/live?a=b'),
      fetching('/health/ready'),
      fetching('/canary'),
      fetching('/canary/2', { method: 'PROPFIND' }),
    ),
    () => [
      requests({ http_request_method: 'GET', http_route: '/health/live', http_response_status_code: '200' }),
      requests({ http_request_method: 'GET', http_route: '/health/ready', http_response_status_code: '200' }),
      requests({ http_request_method: 'GET', http_route: '', http_response_status_code: '404' }),
      requests({ http_request_method: '_OTHER', http_route: '', http_response_status_code: '404' }),
    ],
  ],
];

/** What a scenario with a command held up is seen to do while it lasts. */
const WHILE_HELD: [string, (subgraph: Subgraph) => Promise<unknown>, Row[], NodeJS.ProcessEnv?][] = [
  [
    'an operation whose command is under way',
    async (subgraph) => {
      void subgraph.ask(LIST);
      await until(() => subgraph.upstream.received.length === 1);
    },
    [
      ['http_server_active_requests', {}, 1],
      ['maintenance_commands_in_flight', {}, 1],
      ['maintenance_memory_held_bytes', {}, 16 * JSON.stringify({ query: LIST }).length + 4096],
    ],
  ],
  [
    'commands beyond those that may be under way',
    async (subgraph) => {
      for (const id of ['1', '2', '3']) void subgraph.ask(LIST.replace(R, id));
      await until(() => subgraph.upstream.received.length === 1);
      await settle(subgraph.url);
    },
    [
      ['maintenance_commands_in_flight', {}, 1],
      ['maintenance_commands_queued', {}, 2],
    ],
    { MAX_COMMANDS_IN_FLIGHT: '1' },
  ],
  [
    'a request beyond those that may be under way',
    async (subgraph) => {
      void subgraph.ask(LIST);
      await until(() => subgraph.upstream.received.length === 1);
      expect((await subgraph.ask(LIST)).status).toBe(503);
    },
    [
      ['maintenance_requests_refused_total', { code: 'OVERLOADED' }, 1],
      ['http_server_active_requests', {}, 1],
      requests({ http_response_status_code: '503' }),
    ],
    { MAX_REQUESTS_IN_FLIGHT: '1' },
  ],
];

const difference = (before: Samples, after: Samples, rows: Row[]): Row[] =>
  rows.map(([name, labels]) => {
    const sample = writeSample(name, labels);
    return [name, labels, (after.get(sample) ?? 0) - (before.get(sample) ?? 0)];
  });

describe('/metrics', () => {
  const moved = new Set<string>();

  // Rest parameters: jest would take a fourth that a row lacks for its `done`.
  it.each(SCENARIOS)('counts %s', async (...[, scenario, expected, env]) => {
    const subgraph = await start(env);
    const rows = expected(subgraph);
    const before = await scrape(subgraph.url);
    await scenario(subgraph);
    expect(difference(before, await scrape(subgraph.url), rows)).toEqual(rows);
    for (const [name] of rows) moved.add(name);
  });

  it.each(WHILE_HELD)('shows %s', async (...[, scenario, rows, env]) => {
    const subgraph = await start(env);
    const before = await scrape(subgraph.url);
    await whileHeld(subgraph, async () => {
      await scenario(subgraph);
      expect(difference(before, await scrape(subgraph.url), rows)).toEqual(rows);
    });
    // All of it passes.
    const gauges = rows.filter(([name]) => !/_(total|count)$/.test(name)).map(([name]): Row => [name, {}, 0]);
    const isOver = (samples: Samples) => JSON.stringify(difference(before, samples, gauges)) === JSON.stringify(gauges);
    while (!isOver(await scrape(subgraph.url)));
    for (const [name] of rows) moved.add(name);
  });

  it('takes the pause before a retry for no part of an attempt', async () => {
    const subgraph = await start();
    answering({ status: 503, headers: { 'retry-after': '1' } }, { body: { success: true, result: [] } })(subgraph);
    await subgraph.ask(LIST);
    const samples = await scrape(subgraph.url);
    const secondsOf = ([name, labels]: Row) => samples.get(writeSample(name.replace('_count', '_sum'), labels)) ?? 0;
    const [first = 0, second = 0] = ['503', '200'].map((status) =>
      secondsOf(attempt(subgraph, { command: LISTED, http_response_status_code: status })),
    );
    const all = secondsOf(requests({ http_response_status_code: '200' }));
    expect([first, second].every((seconds) => seconds > 0)).toBe(true);
    expect(all - first - second).toBeGreaterThanOrEqual(1);
    expect(all).toBeLessThan(100);
  });

  it('keeps the status of an attempt whose caller leaves in the pause after it', async () => {
    const subgraph = await start();
    const answered = new Promise((resolve) => {
      subgraph.upstream.fail((_, response) => {
        response.once('finish', resolve);
        return { status: 503, headers: { 'retry-after': '5' } };
      });
    });
    const leave = subgraph.askAndLeave(LIST);
    await answered;
    await settle(subgraph.url);
    await leave();
    await until(() => subgraph.logs().length === 1);
    const [name, labels] = attempt(subgraph, { command: LISTED, http_response_status_code: '503' });
    expect((await scrape(subgraph.url)).get(writeSample(name, labels))).toBe(1);
  });

  const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10];

  it.each([
    ['http_server_request_duration_seconds', 'of OpenTelemetry', DURATIONS],
    ['http_client_request_duration_seconds', 'of OpenTelemetry', DURATIONS],
  ])('has %s in buckets %s', async (name, _, expected) => {
    const subgraph = await start();
    await subgraph.ask(LIST);
    await subgraph.ask(DETAIL);
    const text = await (await fetchMetrics(subgraph.url)).text();
    const bounds = [...text.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"`, 'gm'))].map(([, le]) => le);
    expect(bounds.slice(0, expected.length + 1)).toEqual([...expected, '+Inf'].map(String));
  });

  it.each([
    ['https://api.example.com', '443'],
    ['http://api.example.com', '80'],
    ['http://api.example.com:8080', '8080'],
  ])('names the command API at %s', async (COMMAND_API_URL, port) => {
    const idle = { inFlight: 0, queued: 0, breaker: 'closed' } as const;
    const metrics = createMetrics(
      loadConfig({ COMMAND_API_URL, ROUTER_SECRET, ALLOW_HTTP_COMMAND_API: 'true' }),
      () => idle,
      createMemory(),
    );
    const command = { ...createCommand(LISTED, false, 'r'), attempts: [{ start: 0, seconds: 1, status: 200 }] };
    metrics.operationEnded('query', 'OK', [command]);
    expect(await metrics.write()).toContain(`server_address="api.example.com",server_port="${port}"`);
  });

  it('shows the probe of a breaker that was open', async () => {
    const subgraph = await start({ BREAKER_FAILURES: '1', BREAKER_OPEN_MS: '1', MAX_ATTEMPTS: '1' });
    await inTurn(answering({ status: 503 }), asking(LIST))(subgraph);
    subgraph.upstream.reset();
    const states = async () => {
      const samples = await scrape(subgraph.url);
      return ['closed', 'open', 'half_open'].map((state) =>
        samples.get(writeSample('maintenance_breaker_state', { state })),
      );
    };
    expect(await states()).toEqual([0, 1, 0]);
    await whileHeld(subgraph, async () => {
      void subgraph.ask(LIST);
      await until(() => subgraph.upstream.received.length === 1);
      expect(await states()).toEqual([0, 0, 1]);
    });
    await until(() => subgraph.logs().length === 2);
    expect(await states()).toEqual([1, 0, 0]);
  });

  it('counts what is refused for want of memory', async () => {
    // A busy machine may need longer than a command may by default.
    const subgraph = await start({ ATTEMPT_TIMEOUT_MS: '59999', OPERATION_TIMEOUT_MS: '60000' });
    // 23 bytes of a reply are 300 in memory: half of what all may hold is soon taken.
    listing(Array.from({ length: 80_000 }, () => ({ maintenance_id: '1' })))(subgraph);
    const lists = Array.from({ length: 12 }, (_, i) => `a${i}: maintenances(residenceId: "r${i}", first: 1) { id }`);
    const { errors } = await subgraph.ask(`{ ${lists.join(' ')} }`);
    expect(errors.length).toBeGreaterThan(0);
    expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['UPSTREAM_UNAVAILABLE']));
    const samples = await scrape(subgraph.url);
    const refused = 'maintenance_memory_refused_total';
    expect(samples.get(writeSample(refused, { stage: 'reply' }))).toBe(errors.length);
    const limit = 'maintenance_memory_limit_bytes';
    expect(samples.get(limit)).toBe(Math.floor(getHeapStatistics().heap_size_limit / 16));
    for (const name of [refused, limit]) moved.add(name);
    // It opens no breaker, and what was held is given back.
    expect(samples.get(writeSample('maintenance_breaker_state', { state: 'closed' }))).toBe(1);
    const held = async () => (await scrape(subgraph.url)).get('maintenance_memory_held_bytes');
    while ((await held()) !== 0);
  });

  it('has the series that alerts look for from the start', async () => {
    const samples = await scrape((await start()).url);
    const codes = ['OK', 'INTERNAL_SERVER_ERROR', 'UPSTREAM_TIMEOUT', 'UNAUTHENTICATED', 'COMMAND_REJECTED'];
    const wanted = [
      ...['500', '503'].map((http_response_status_code) => requests({ http_response_status_code })),
      ...codes.flatMap((code) => [operation('query', code), operation('mutation', code)]),
      ...COMMANDS.flatMap((name) => codes.map((code) => command(name, code))),
      ...COMMANDS.flatMap((name) => [invalid('envelope', '', name), invalid('member', 'state', name)]),
    ].map(([name, labels]) => writeSample(name, labels));
    expect(wanted.map((sample) => [sample, samples.get(sample)])).toEqual(wanted.map((sample) => [sample, 0]));
  });

  it('shows the heap limit of V8', async () => {
    const samples = await scrape((await start()).url);
    expect(samples.get('nodejs_heap_size_limit_bytes')).toBe(getHeapStatistics().heap_size_limit);
  });

  it('says which version runs', async () => {
    const samples = await scrape((await start()).url);
    const labels = { service_name: 'maintenance-subgraph', service_version: manifest.version };
    expect(samples.get(writeSample('target_info', labels))).toBe(1);
    moved.add('target_info');
  });

  it('shows how long the event loop was held up, and what the process uses', async () => {
    const { url } = await start();
    const before = await scrape(url);
    let after: Samples;
    // Again where it had not looked before: what it measures is the time between two of its own looks.
    do {
      await delay(50);
      const start = process.cpuUsage();
      // Of this process's own time, of which another may leave it little.
      while (process.cpuUsage(start).user < 200_000);
      after = await scrape(url);
    } while (!(Number(after.get('nodejs_eventloop_lag_max_seconds')) > 0.1));
    const cpu = 'process_cpu_seconds_total';
    expect(after.get(cpu)).toBeGreaterThan((before.get(cpu) ?? 0) + 0.1);
    expect(after.get('process_resident_memory_bytes')).toBeGreaterThan(1e7);
  });

  it('has no metric that none of these has moved', () => {
    const families = new Set([...moved].map((name) => name.replace(/_(count|sum)$/, '')));
    expect([...families].sort()).toEqual([...readMetricTable().keys()].sort());
  });
});

describe('the metrics that docs/observability.md names', () => {
  it('are those that there are, of the types and with the labels that it says', async () => {
    const subgraph = await start();
    for (const [, scenario] of SCENARIOS.slice(0, 6)) {
      await scenario(subgraph);
      subgraph.upstream.reset();
    }
    await askingTogether(LIST, 2)(subgraph);
    const families = await readFamilies(subgraph.url);
    const samples = [...(await scrape(subgraph.url)).keys()];
    const ours = [...families].filter(([name]) => !/^(nodejs|process)_/.test(name));
    const seen = ours.map(([name, type]) => {
      const named = samples.filter((sample) => sample.replace(/\{.*/, '').replace(/_(bucket|sum|count)$/, '') === name);
      const labels = named.flatMap((sample) => [...sample.matchAll(/[{,](\w+)=/g)].map(([, label]) => label));
      return [name, { type, labels: [...new Set(labels)].filter((label) => label !== 'le').sort() }];
    });
    const described = [...readMetricTable()].map(([name, { type, labels }]) => [
      name,
      { type, labels: [...labels].sort() },
    ]);
    expect(Object.fromEntries(seen)).toEqual(Object.fromEntries(described));
  });

  it('have no label that grows with what is asked', async () => {
    const subgraph = await start();
    const ask = async (canary: string) => {
      await subgraph.ask(`query ${canary} { maintenances(residenceId: "${canary}") { id } }`, {
        token: canary,
        headers: { 'apollographql-client-name': canary, 'x-request-id': canary },
      });
      await fetching(`/${canary}`)(subgraph);
    };
    await ask('canary0');
    const before = await scrape(subgraph.url);
    for (let time = 1; time < 20; time++) await ask(`canary${time}`);
    const added = [...(await scrape(subgraph.url)).keys()].filter((sample) => !before.has(sample));
    // The first look at them is their own first; a kind of garbage collection has its first time too.
    const isExpected = (sample: string) => sample.includes('http_route="/metrics"') || sample.startsWith('nodejs_gc_');
    expect(added.filter((sample) => !isExpected(sample))).toEqual([]);
    expect(await (await fetchMetrics(subgraph.url)).text()).not.toContain('canary');
  });
});

describe('where metrics are', () => {
  it('is behind the router’s secret without a port of their own', async () => {
    const { url } = await start();
    expect((await fetchMetrics(url, { 'router-authorization': '' })).status).toBe(401);
    const answer = await fetchMetrics(url);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
    ]);
  });

  it('is there however many requests are under way', async () => {
    const subgraph = await start({ MAX_REQUESTS_IN_FLIGHT: '1' });
    await whileHeld(subgraph, async () => {
      void subgraph.ask(LIST);
      await until(() => subgraph.upstream.received.length === 1);
      for (const method of ['GET', 'HEAD'])
        expect((await fetch(`${subgraph.url}/metrics`, { method, headers: SECRET })).status).toBe(200);
    });
    await until(() => subgraph.logs().length === 1);
  });

  it.each(['POST', 'PUT'])('takes no %s', async (method) => {
    const { url } = await start();
    expect((await fetch(`${url}/metrics`, { method, headers: SECRET })).status).toBe(404);
  });

  it('can be a port of its own, without a secret, and then no other', async () => {
    const subgraph = await start({ METRICS_PORT: '0' });
    const own = `http://127.0.0.1:${subgraph.metricsPort}`;
    expect(own).not.toBe(subgraph.url);
    await subgraph.ask(LIST);
    const sample = writeSample('maintenance_operations_total', { graphql_operation_type: 'query', code: 'OK' });
    expect((await scrape(own)).get(sample)).toBe(1);
    expect((await fetchMetrics(own, {})).status).toBe(200);
    for (const path of ['/metrics', '/%6detrics', '/metrics?x', '/metrics;x', '//metrics', 'http://x/metrics']) {
      const head = [`GET ${path} HTTP/1.1`, 'host: x', 'connection: close', `router-authorization: ${ROUTER_SECRET}`];
      expect([path, (await sendBytes(subgraph.url, request(head)))[0]?.status]).toEqual([path, 404]);
    }
    for (const path of ['/graphql', '/health/live', '/']) {
      const answer = await fetch(own + path);
      expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('"code":"NOT_FOUND"')]);
    }
  });

  it('takes nothing from the requests of the router on a port of its own', async () => {
    const subgraph = await start({ METRICS_PORT: '0', MAX_REQUESTS_IN_FLIGHT: '1' });
    const head = ['POST /x HTTP/1.1', 'host: x', 'content-length: 10'];
    // The body never comes, and is not waited for.
    const [answer] = await sendBytes(`http://127.0.0.1:${subgraph.metricsPort}`, `${request(head)}1`);
    expect([answer?.status, answer?.headers.get('connection')]).toEqual([404, 'close']);
    expect((await subgraph.ask(LIST)).status).toBe(200);
  });

  it('takes 50 connections on a port of its own', async () => {
    const subgraph = await start({ METRICS_PORT: '0' });
    let closed = 0;
    const sockets = Array.from({ length: 60 }, () => {
      const socket = net.connect(Number(subgraph.metricsPort), '127.0.0.1').on('error', () => {});
      return socket.resume().on('close', () => closed++);
    });
    await until(() => closed >= 10);
    await settle(subgraph.url);
    expect(closed).toBe(10);
    for (const socket of sockets) socket.destroy();
  });

  it('is closed with the rest', async () => {
    const subgraph = await startSubgraph({ METRICS_PORT: '0' });
    const own = `http://127.0.0.1:${subgraph.metricsPort}`;
    expect((await fetchMetrics(own)).status).toBe(200);
    const kept = net.connect(Number(subgraph.metricsPort), '127.0.0.1');
    const closed = new Promise((resolve) => kept.once('close', resolve));
    await once(kept, 'connect');
    kept.on('error', () => {}).resume();
    await subgraph.stop();
    await closed;
    await expect(fetchMetrics(own)).rejects.toThrow();
  });
});
