/**
 * The OpenTelemetry SDK in the production server. test/process/telemetry.test.ts has the spans of each kind of operation,
 * test/process/config.test.ts the variables that switch tracing on. The tests run side by side, because most of them wait.
 */
import type { ServerResponse } from 'node:http';
import { afterAll, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { askAt } from '../support/ask.ts';
import { startCollector } from '../support/collector.ts';
import { startHttpProxy } from '../support/http-proxy.ts';
import { killAll } from '../support/process.ts';
import { HEADERS, type Replica, startReplica } from '../support/replica.ts';
import { startUpstream } from '../support/upstream.ts';
import { until } from '../support/wait.ts';

const LIST = `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { id } }`;
const SDK = 'loaded @opentelemetry/sdk-node';
const PRINT_MODULES = `--import=data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({ resolve(specifier, context, next) {
    if (specifier.startsWith('@opentelemetry/sdk')) console.log('loaded ' + specifier);
    return next(specifier, context);
  } });`)}`;

const cleanups: (() => unknown)[] = [killAll];
afterAll(async () => {
  for (const cleanUp of cleanups) await cleanUp();
});

/** Starts a collector, and a replica that exports to it unless `env` says otherwise. */
async function start(env: NodeJS.ProcessEnv, isTracing = true) {
  const [upstream, collector] = await Promise.all([startUpstream(), startCollector()]);
  cleanups.push(upstream.stop, collector.stop);
  const tracing = isTracing ? collector.env : {};
  return { upstream, collector, replica: await startReplica(upstream.url, { ...tracing, ...env }) };
}

const ask = ({ url }: Replica) => askAt(`${url}/graphql`, LIST, { headers: HEADERS });

it.concurrent('without tracing, the SDK is not loaded', async () => {
  const { replica } = await start({ NODE_OPTIONS: PRINT_MODULES, OTEL_SERVICE_NAME: 'x' }, false);
  expect(await replica.stop()).toBe(0);
  expect(replica.lines).not.toContain(SDK);
});

it.concurrent('exports the last spans on shutdown, also those of an operation under way', async () => {
  const env = { NODE_OPTIONS: PRINT_MODULES, OTEL_BSP_SCHEDULE_DELAY: '3600000' };
  const { upstream, collector, replica } = await start(env);
  await ask(replica);
  expect(collector.spans).toEqual([]);
  const held = upstream.hold();
  const asked = ask(replica);
  await until(() => upstream.received.length === 2);
  const stopped = replica.stop();
  await until(() => replica.lines.join().includes('"msg":"stopping"'));
  held.end();
  await asked;
  expect(await stopped).toBe(0);
  const names = collector.spans.map(({ name }) => name).sort();
  expect(names).toEqual(['get_maintenance_list', 'get_maintenance_list', 'query', 'query']);
  expect(replica.lines).toContain(SDK);
});

it.concurrent('sends spans directly, also if commands go through a proxy', async () => {
  const proxy = await startHttpProxy();
  cleanups.push(proxy.stop);
  const { collector, replica } = await start({ NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy.url });
  expect((await ask(replica)).errors).toEqual([]);
  expect(await replica.stop()).toBe(0);
  expect(collector.spans.map(({ name }) => name).sort()).toEqual(['get_maintenance_list', 'query']);
  expect(proxy.log).toEqual([expect.stringMatching(/^POST .+\/user-commands$/)]);
  expect(replica.lines.join('\n')).not.toContain('canary');
});

// The SDK alone would wait that long.
const PATIENT = { OTEL_EXPORTER_OTLP_TIMEOUT: '600000', OTEL_BSP_EXPORT_TIMEOUT: '600000' };

it.concurrent.each([
  ['refuses', (response: ServerResponse) => void response.writeHead(400).end('canary')],
  ['hangs', () => {}],
])('a collector that %s delays no operation and no shutdown, and is not quoted in the log', async (_, fault) => {
  const { collector, replica } = await start(PATIENT);
  collector.fail(fault);
  expect((await ask(replica)).errors).toEqual([]);
  await until(() => collector.bodies.length > 0);
  expect(await replica.stop()).toBe(0);
  expect(replica.lines.join('\n')).not.toContain('canary');
  expect(replica.lines.filter((line) => !line.startsWith('{'))).toEqual([]);
});

it.concurrent('a collector that cannot be reached is reported in the log', async () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_TIMEOUT: '100' };
  const { replica } = await start(env);
  expect((await ask(replica)).errors).toEqual([]);
  await until(() => replica.lines.join().includes('"msg":"spans could not be exported"'));
  expect(await replica.stop()).toBe(0);
});
