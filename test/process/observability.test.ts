/** The log, the metrics and the export of spans, beyond what one operation leaves: telemetry.test.ts has that. */
import { execFileSync } from 'node:child_process';
import net from 'node:net';
import { totalmem } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import type { ApolloServerPlugin } from '@apollo/server';
import { expect, it, jest } from '@jest/globals';
import manifest from '../../package.json' with { type: 'json' };
import { startCollector } from '../support/collector.ts';
import { readDocument } from '../support/documents.ts';
import { aliased, LIST } from '../support/maintenance/requests.ts';
import { fetchMetrics, scrape, writeSample } from '../support/scrape.ts';
import { useFolder } from '../support/use-folder.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { startSubgraph, useMany, useSubgraph } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';

const LISTED = 'get_maintenance_list';

const subgraph = useSubgraph();
const start = useMany(startSubgraph);
const cleanups: (() => unknown)[] = [];
const startReplica = useReplicas(cleanups);
const { folder } = useFolder('image');

it('the line of an operation whose caller left has 20 commands: unknown, other writes, failed reads, flawed ones', async () => {
  const { upstream, url, logs } = subgraph;
  let fail: (() => void) | undefined;
  upstream.fail(({ command, param: { residence_id: id } }, response) => {
    fail = () => response.writeHead(500).end();
    if (id === 'last') return 'taken';
    if (command !== LISTED) return { body: { success: true, result: {} } };
    return { body: { success: id !== '1', result: id === '2' ? [{}] : [] } };
  });
  const deletion = (index: number) => `deleteMaintenance(id: "${index}:m") { residence { maintenances { id } } }`;
  const last = 'last: deleteMaintenance(id: "last:m") { deletedId }';
  const leave = subgraph.askAndDisconnect(`mutation { ${aliased(11, deletion)} ${last} }`);
  await until(() => upstream.received.at(-1)?.param.residence_id === 'last');
  await leave();
  await settle(url);
  fail?.();
  await until(() => logs().length === 1);
  const [line] = logs() as { commands: Record<string, unknown>[]; commandsLeftOut: number }[];
  const shown = line?.commands.map(({ name, outcome, code, flaws }) => outcome ?? code ?? (flaws ? 'flawed' : name));
  const [writes, reads] = [Array(11).fill('delete_maintenance_info'), Array(6).fill(LISTED)];
  expect(shown).toEqual(['UNKNOWN', ...writes, 'COMMAND_REJECTED', 'flawed', ...reads]);
  expect(line?.commandsLeftOut).toBe(3);
});

it('the log has neither the message of an error, nor a member that is not on its list', async () => {
  const err = Object.assign(new Error('canary'), { options: 'canary' });
  const careless: ApolloServerPlugin = {
    async requestDidStart({ logger }) {
      logger.error(err as never);
      (logger.warn as (...args: unknown[]) => void)({ token: 'canary', durationMs: 1, err }, 'something');
    },
  };
  const { ask, logs, logText } = await start({}, [careless]);
  await ask('{ __typename }');
  const told = { err: { type: 'Error', stack: expect.stringMatching(/^at /) } };
  const something = { ...told, level: 40, msg: 'something', durationMs: 1 };
  expect(logs()).toMatchObject([{ ...told, level: 50, msg: 'unexpected' }, something, { msg: 'operation' }]);
  expect(logText()).not.toContain('canary');
});

// Without a limit of its control group, Node returns the last value.
it.each([
  [2 ** 20, 2 ** 20],
  [2 ** 64, totalmem()],
])('from the start, in %d bytes, /metrics has limits, version and what deploy/ names', async (group, limit) => {
  jest.spyOn(process, 'constrainedMemory').mockReturnValueOnce(group);
  const { url, ask } = await start({ COMMAND_API_URL: 'https://127.0.0.1', MAX_ATTEMPTS: '1' });
  const samples = await scrape(url);
  const version = { service_name: 'maintenance-subgraph', service_version: manifest.version };
  expect(samples.get(writeSample('target_info', version))).toBe(1);
  expect(samples.get('process_memory_limit_bytes')).toBe(limit);
  expect(samples.get('nodejs_heap_size_limit_bytes')).toBe(getHeapStatistics().heap_size_limit);
  expect(samples.get('maintenance_memory_limit_bytes')).toBeGreaterThan(0);
  const request = { http_request_method: 'POST', http_route: '/graphql', url_scheme: 'http' };
  for (const http_response_status_code of ['500', '503']) {
    const labels = { ...request, http_response_status_code };
    expect(samples.get(writeSample('http_server_request_duration_seconds_count', labels))).toBe(0);
  }
  // No command is counted that was refused before it began.
  const counted = [...samples.keys()].filter((name) => name.startsWith('maintenance_commands_total'));
  expect(counted.join()).not.toContain('BAD_USER_INPUT');
  // The labels of attempts. Without a port, the command API has the default one.
  await ask(LIST);
  const text = await (await fetchMetrics(url)).text();
  expect(text).toContain('server_address="127.0.0.1",server_port="443"');
  const known = new Set(text.match(/\w+/g));
  for (const file of ['alerts.yaml', 'alerts.test.yaml', 'dashboard.json']) {
    const named = readDocument(`deploy/${file}`).match(/\b(http|maintenance|nodejs|process)_\w+/g) ?? [];
    expect(named).toContain('maintenance_operations_total');
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  }
});

it.concurrent('METRICS_PORT has /metrics alone, without the secret, and soon closes connections without a request', async () => {
  const { url, metricsPort } = await start({ METRICS_PORT: '0' });
  const own = `http://127.0.0.1:${metricsPort}`;
  expect((await fetchMetrics(url)).status).toBe(404);
  let closed = 0;
  for (let opened = 0; opened < 60; opened++) {
    const socket = net.connect(metricsPort, '127.0.0.1').resume();
    socket.on('error', () => {}).on('close', () => closed++);
  }
  // It accepts 50.
  await until(() => closed >= 10);
  expect(closed).toBe(10);
  await until(() => closed === 60);
  const scraped = await fetchMetrics(own, {});
  expect(scraped.status).toBe(200);
  expect(scraped.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  for (const path of ['/graphql', '/health/live', '/']) expect((await fetch(own + path)).status).toBe(404);
});

it.concurrent.each([
  ['refuses spans', '400'],
  ['is down', 'no success within 2000 ms'],
])('a collector that %s delays no operation and no shutdown, and the log says why', async (title, reason) => {
  const collector = await startCollector();
  cleanups.push(collector.stop);
  const { host } = new URL(collector.url);
  // The SDK alone would wait that long.
  const patient = { OTEL_EXPORTER_OTLP_TIMEOUT: '600000', OTEL_BSP_EXPORT_TIMEOUT: '600000' };
  const OTEL_EXPORTER_OTLP_ENDPOINT = `http://canary:canary@${host}/canary`;
  // Spans go to the collector directly: nothing listens at this proxy.
  const proxied = { COMMAND_API_PROXY: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_ENDPOINT };
  const { ask, stop, output } = await startReplica({ ...collector.env, ...patient, ...proxied });
  if (title === 'is down') await collector.stop();
  else collector.refuse('"code":"canary"');
  expect((await ask('{ __typename }')).errors).toEqual([]);
  expect(await stop()).toBe(0);
  expect(output()).toContain(`"collector":"${host}","reason":"${reason}","msg":"spans could not be exported"`);
  expect(output()).toMatch(/"msg":"stopped"\}\n$/);
  expect(output()).not.toMatch(/canary|^[^{]/m);
});

// BuildKit sets variables that switch tracing on.
it('without tracing, no SDK is loaded, and the image caches none', () => {
  const [, run = ''] = /^RUN (OTEL_.*?'SIGTERM'.*?)$/ms.exec(readDocument('Dockerfile')) ?? [];
  const otel = { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'unix:///dev/otel-grpc.sock' };
  const PATH = `${dirname(process.execPath)}:${process.env.PATH}`;
  const env = { PATH, NODE_COMPILE_CACHE: join(folder, 'cache'), NODE_DEBUG_NATIVE: 'COMPILE_CACHE', ...otel };
  const command = `{ ${run.replace('/app', resolve('.'))}; } 2>&1 | grep -oE 'src/main.ts|sdk-node' | sort -u`;
  expect(execFileSync('sh', ['-c', command], { env, encoding: 'utf8' })).toBe('src/main.ts\n');
});
