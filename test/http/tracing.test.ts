/**
 * The OpenTelemetry SDK in the production server. test/http/telemetry.test.ts has the spans of each kind of operation.
 */
import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { startCollector } from '../support/collector.ts';
import { killAll } from '../support/process.ts';
import { HEADERS, type Replica, startReplica } from '../support/replica.ts';
import { askAt } from '../support/subgraph.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { until } from '../support/wait.ts';

let upstream: Upstream;
let collector: Awaited<ReturnType<typeof startCollector>>;
beforeAll(async () => {
  upstream = await startUpstream();
});
beforeEach(async () => {
  upstream.reset();
  collector = await startCollector();
});
afterEach(async () => {
  killAll();
  await collector.stop();
});
afterAll(() => upstream.stop());

const LIST = `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { id } }`;
const ask = ({ url }: Replica) => askAt(`${url}/graphql`, LIST, { headers: HEADERS });

it.each([
  [true, { OTEL_TRACES_EXPORTER: 'otlp' }],
  [true, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }],
  [true, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9' }],
  [false, { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
  [false, { OTEL_SERVICE_NAME: 'x' }],
])('loads the OpenTelemetry SDK: %s, with %j', async (isLoaded, given) => {
  const printModules = `data:text/javascript,${encodeURIComponent(`
    import { registerHooks } from 'node:module';
    registerHooks({ resolve(specifier, context, next) {
      if (specifier.startsWith('@opentelemetry/sdk')) console.log('loaded ' + specifier);
      return next(specifier, context);
    } });`)}`;
  const replica = await startReplica(upstream.url, { NODE_OPTIONS: `--import=${printModules}`, ...given });
  expect(await replica.stop()).toBe(0);
  expect(replica.lines.includes('loaded @opentelemetry/sdk-node')).toBe(isLoaded);
});

it('exports the last spans on shutdown, also those of an operation under way', async () => {
  const replica = await startReplica(upstream.url, { ...collector.env, OTEL_BSP_SCHEDULE_DELAY: '3600000' });
  await ask(replica);
  expect(collector.spans).toEqual([]);
  const release = upstream.hold();
  const asked = ask(replica);
  await until(() => upstream.received.length === 2);
  const stopped = replica.stop();
  await until(() => replica.lines.join().includes('"msg":"stopping"'));
  release();
  await asked;
  expect(await stopped).toBe(0);
  const names = collector.spans.map(({ name }) => name).sort();
  expect(names).toEqual(['get_maintenance_list', 'get_maintenance_list', 'query', 'query']);
});

describe('a collector', () => {
  // The SDK alone would wait that long.
  const PATIENT = { OTEL_EXPORTER_OTLP_TIMEOUT: '600000', OTEL_BSP_EXPORT_TIMEOUT: '600000' };

  it.each([
    ['refuses', (response: ServerResponse) => void response.writeHead(400).end('canary')],
    ['hangs', () => {}],
  ])('that %s delays no operation and no shutdown, and is not quoted in the log', async (_, fault) => {
    collector.fail(fault);
    const replica = await startReplica(upstream.url, { ...collector.env, ...PATIENT });
    expect((await ask(replica)).errors).toEqual([]);
    await until(() => collector.bodies.length > 0);
    expect(await replica.stop()).toBe(0);
    expect(replica.lines.join('\n')).not.toContain('canary');
    expect(replica.lines.filter((line) => !line.startsWith('{'))).toEqual([]);
  });

  it('that cannot be reached is reported in the log', async () => {
    const env = { ...collector.env, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
    const replica = await startReplica(upstream.url, { ...env, OTEL_EXPORTER_OTLP_TIMEOUT: '100' });
    expect((await ask(replica)).errors).toEqual([]);
    await until(() => replica.lines.join().includes('"msg":"spans could not be exported"'));
    expect(await replica.stop()).toBe(0);
  });
});
