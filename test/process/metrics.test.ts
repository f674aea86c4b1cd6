/** /metrics beside the counters of each kind of operation, which telemetry.test.ts has, and what deploy/ names of it. */
import net from 'node:net';
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { describe, expect, it, jest } from '@jest/globals';
import manifest from '../../package.json' with { type: 'json' };
import { ROUTER_SECRET } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { LIST, times } from '../support/maintenance/requests.ts';
import { WIRE } from '../support/maintenance/wire.ts';
import { fetchMetrics, scrape, writeSample } from '../support/scrape.ts';
import { startSubgraph, useMany, useSubgraph } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';

const SECRET = { 'router-authorization': ROUTER_SECRET };
const COUNT = 'http_server_request_duration_seconds_count';
const OPERATIONS = 'maintenance_operations_total';
const POSTED = { http_request_method: 'POST', http_route: '/graphql', url_scheme: 'http' };
const start = useMany(startSubgraph);

const subgraph = useSubgraph();

describe('the metrics of requests and commands', () => {
  it.each<[string, RequestInit, string, string, string]>([
    ['/graphql', { method: 'POST' }, 'POST', '/graphql', '401'],
    ['/canary', { method: 'PROPFIND', headers: SECRET }, '_OTHER', '', '404'],
  ])('count %s with %j as %s "%s" with %s', async (path, init, http_request_method, http_route, status) => {
    const labels = { http_request_method, http_route, http_response_status_code: status, url_scheme: 'http' };
    const count = async () => (await scrape(subgraph.url)).get(writeSample(COUNT, labels)) ?? 0;
    const before = await count();
    await (await fetch(subgraph.url + path, init)).text();
    expect((await count()) - before).toBe(1);
  });

  it('name the command API by its host and its port, without a port by the default port', async () => {
    const { url, ask } = await start({ COMMAND_API_URL: 'https://127.0.0.1', MAX_ATTEMPTS: '1' });
    await ask(LIST);
    const attempts = [...(await scrape(url)).keys()].filter((name) => name.startsWith('http_client'));
    expect(attempts).toContainEqual(expect.stringContaining('server_address="127.0.0.1",server_port="443"'));
  });

  it('get no new label values from a caller', async () => {
    const { url, ask } = await start();
    const send = async (canary: string) => {
      const headers = { 'apollographql-client-name': canary, 'x-request-id': canary };
      await ask(`query ${canary} { maintenances(residenceId: "${canary}") { id } }`, { token: canary, headers });
      await fetch(`${url}/${canary}`, { headers: SECRET });
      // The first scrape has no sample of itself, and garbage collection starts when it starts.
      return [...(await scrape(url)).keys()].filter((name) => !/http_route="\/metrics"|^nodejs_gc_/.test(name));
    };
    const before = await send('canary0');
    expect(before.join()).not.toContain('canary');
    for (const canary of ['canary1', 'canary2']) expect(await send(canary)).toEqual(before);
  });
});

it.each(['alerts.yaml', 'alerts.test.yaml', 'dashboard.json'])('/metrics has what deploy/%s names', async (file) => {
  // The labels of attempts.
  await subgraph.ask(LIST);
  const known = new Set((await (await fetchMetrics(subgraph.url)).text()).match(/\w+/g));
  const named = readDocument(`deploy/${file}`).match(/\b(http|maintenance|nodejs|process)_\w+/g) ?? [];
  expect(named).toContain('maintenance_operations_total');
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});

describe('from the start, /metrics', () => {
  it('has the series that alerts and the dashboard need, at 0', async () => {
    const samples = await scrape((await start()).url);
    const codes = ['OK', 'INTERNAL_SERVER_ERROR', 'UPSTREAM_TIMEOUT', 'UNAUTHENTICATED', 'COMMAND_REJECTED'];
    const flaws = [{ kind: 'envelope' }, { kind: 'member', member: 'state' }];
    const names = [
      writeSample('maintenance_reads_coalesced_total', { command: 'get_maintenance_list' }),
      ...['500', '503'].map((status) => writeSample(COUNT, { ...POSTED, http_response_status_code: status })),
      ...codes.map((code) => writeSample(OPERATIONS, { graphql_operation_type: 'query', code })),
      ...codes.map((code) => writeSample(OPERATIONS, { graphql_operation_type: 'mutation', code })),
      ...WIRE.flatMap(({ name: command }) => [
        ...codes.map((outcome) => writeSample('maintenance_commands_total', { command, outcome })),
        ...flaws.map((flaw) => writeSample('maintenance_invalid_replies_total', { command, ...flaw })),
      ]),
    ];
    expect(names.map((name) => [name, samples.get(name)])).toEqual(names.map((name) => [name, 0]));
  });

  it('has no series of commands that nothing can count', async () => {
    const samples = await scrape((await start()).url);
    const outcomes = [...samples.keys()].filter((name) => name.startsWith('maintenance_commands_total'));
    expect(outcomes.filter((name) => name.includes('BAD_USER_INPUT'))).toEqual([]);
  });

  // Without a limit of its control group, Node returns the last value.
  it.each([
    [2 ** 20, 2 ** 20],
    [2 ** 64, totalmem()],
  ])('has its version, and its limits of memory in a control group of %d bytes', async (constrained, limit) => {
    jest.spyOn(process, 'constrainedMemory').mockReturnValueOnce(constrained);
    const samples = await scrape((await start()).url);
    const version = { service_name: 'maintenance-subgraph', service_version: manifest.version };
    expect(samples.get(writeSample('target_info', version))).toBe(1);
    expect(samples.get('process_memory_limit_bytes')).toBe(limit);
    expect(samples.get('nodejs_heap_size_limit_bytes')).toBe(getHeapStatistics().heap_size_limit);
    expect(samples.get('maintenance_memory_limit_bytes')).toBeGreaterThan(0);
  });
});

describe('METRICS_PORT', () => {
  it('serves /metrics alone, in Prometheus’ text format and without the secret, and PORT no longer does', async () => {
    const { url, metricsPort } = await start({ METRICS_PORT: '0' });
    const own = `http://127.0.0.1:${metricsPort}`;
    const { status, headers } = await fetchMetrics(own, {});
    expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
    expect((await fetchMetrics(url)).status).toBe(404);
    for (const path of ['/graphql', '/health/live', '/']) {
      const answer = await fetch(own + path);
      expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('"code":"NOT_FOUND"')]);
    }
  });

  it('accepts 50 connections, and soon closes those without a request', async () => {
    const { url, metricsPort } = await start({ METRICS_PORT: '0' });
    let closed = 0;
    const sockets = times(60, () => {
      const socket = net.connect(metricsPort, '127.0.0.1').on('error', () => {});
      return socket.resume().on('close', () => closed++);
    });
    await until(() => closed >= 10);
    await settle(url);
    expect(closed).toBe(10);
    // Sockets that send no request must not keep Prometheus out: this limit is far above the few seconds that they have.
    const endsAt = performance.now() + 60_000;
    const scraped = () => fetchMetrics(`http://127.0.0.1:${metricsPort}`, {}).then(({ status }) => status);
    await until(async () => performance.now() > endsAt || (await scraped().catch(() => 0)) === 200);
    expect(closed).toBe(60);
    for (const socket of sockets) socket.destroy();
  });
});
