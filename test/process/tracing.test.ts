/** The SDK of OpenTelemetry in a process. The tests run side by side, because most of them wait. */
import { execFileSync } from 'node:child_process';
import type { ServerResponse } from 'node:http';
import { dirname, join, resolve } from 'node:path';
import { expect, it } from '@jest/globals';
import { startCollector } from '../support/collector.ts';
import { readDocument } from '../support/documents.ts';
import { startHttpProxy } from '../support/http-proxy.ts';
import { LIST } from '../support/maintenance/requests.ts';
import { useFolder } from '../support/use-folder.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { until } from '../support/wait.ts';

const SDK = 'loaded @opentelemetry/sdk-node';
const PRINT_MODULES = `--import=data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({ resolve(specifier, context, next) {
    if (specifier.startsWith('@opentelemetry/sdk')) console.log('loaded ' + specifier);
    return next(specifier, context);
  } });`)}`;

const cleanups: (() => unknown)[] = [];
const startReplica = useReplicas(cleanups);

/** Starts a collector, and a replica that exports to it unless `env` says otherwise. */
async function start(env: NodeJS.ProcessEnv) {
  const collector = await startCollector();
  cleanups.push(collector.stop);
  const { host } = new URL(collector.env.OTEL_EXPORTER_OTLP_ENDPOINT);
  const OTEL_EXPORTER_OTLP_ENDPOINT = `http://canary:canary@${host}/canary`;
  return { collector, host, ...(await startReplica({ ...collector.env, OTEL_EXPORTER_OTLP_ENDPOINT, ...env })) };
}

it.concurrent('without tracing, the SDK is not loaded', async () => {
  const { stop, output } = await startReplica({ NODE_OPTIONS: PRINT_MODULES, OTEL_SERVICE_NAME: 'x' });
  expect(await stop()).toBe(0);
  expect(output()).not.toContain(SDK);
});

it.concurrent('exports the last spans on shutdown, directly even if commands go through a proxy', async () => {
  const proxy = await startHttpProxy();
  cleanups.push(proxy.stop);
  const options = { NODE_OPTIONS: PRINT_MODULES, OTEL_BSP_SCHEDULE_DELAY: '3600000' };
  const env = { ...options, COMMAND_API_PROXY: proxy.url };
  const { upstream, collector, ask, stop, output, untilPrinted } = await start(env);
  await ask(LIST);
  expect(collector.spans).toEqual([]);
  const held = upstream.hold();
  const asked = ask(LIST);
  await until(() => held.length === 1);
  const stopped = stop();
  await untilPrinted('"msg":"stopping"');
  held.end();
  await asked;
  expect(await stopped).toBe(0);
  const names = collector.spans.map(({ name }) => name).sort();
  expect(names).toEqual(['get_maintenance_list', 'get_maintenance_list', 'query', 'query']);
  expect(proxy.log).toEqual([`CONNECT ${new URL(upstream.url).host}`]);
  expect(output()).toContain(SDK);
  expect(output()).not.toContain('canary');
});

// The SDK alone would wait that long.
const PATIENT = { OTEL_EXPORTER_OTLP_TIMEOUT: '600000', OTEL_BSP_EXPORT_TIMEOUT: '600000' };

it.concurrent.each([
  ['refuses', (response: ServerResponse) => void response.writeHead(400, 'canary').end('"code":"canary"'), '400'],
  ['hangs', () => {}, 'no success within 2000 ms'],
  ['is down', undefined, 'no success within 2000 ms'],
])('a collector that %s delays no operation or shutdown; the log says why, and no secret', async (_, fault, reason) => {
  const { collector, host, ask, stop, output } = await start(PATIENT);
  if (fault) collector.fail(fault);
  else await collector.stop();
  expect((await ask(LIST)).errors).toEqual([]);
  await until(() => !fault || collector.bodies.length > 0);
  expect(await stop()).toBe(0);
  expect(output()).toContain(`"collector":"${host}","reason":"${reason}","msg":"spans could not be exported"`);
  expect(output()).toContain('"msg":"stopped"');
  expect(output()).not.toContain('canary');
  expect(output()).not.toMatch(/^[^{]/m);
});

const { folder } = useFolder('image');
it('the image caches no SDK of tracing, whose variables BuildKit sets', () => {
  const [, run = ''] = /^RUN (OTEL_.*?'SIGTERM'.*?)$/ms.exec(readDocument('Dockerfile')) ?? [];
  const otel = { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'unix:///dev/otel-grpc.sock' };
  const PATH = `${dirname(process.execPath)}:${process.env.PATH}`;
  const env = { PATH, NODE_COMPILE_CACHE: join(folder, 'cache'), NODE_DEBUG_NATIVE: 'COMPILE_CACHE', ...otel };
  const command = `{ ${run.replace('/app', resolve('.'))}; } 2>&1 | grep -oE 'src/main.ts|sdk-node' | sort -u`;
  expect(execFileSync('sh', ['-c', command], { env, encoding: 'utf8' })).toBe('src/main.ts\n');
});
