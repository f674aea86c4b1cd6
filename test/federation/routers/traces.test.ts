/** One trace from Apollo Router's span to the command, in a real Jaeger. telemetry.test.ts has the attempts. */
import { afterAll, expect } from '@jest/globals';
import { parse } from 'yaml';
import { freePort } from '../../../dev/command-api.ts';
import { ROUTERS, readSettings, startRouter } from '../../../dev/supergraph/routers.ts';
import { askAt, ROUTER_SECRET } from '../../support/ask.ts';
import { LIST } from '../../support/maintenance/requests.ts';
import { killAll, start } from '../../support/process.ts';
import { startReplica } from '../../support/replica.ts';
import { itUnless } from '../../support/skip.ts';
import { startUpstream } from '../../support/upstream.ts';
import { useMany } from '../../support/use-subgraph.ts';
import { MAINTENANCE_SDL } from '../../support/use-supergraph.ts';
import { until } from '../../support/wait.ts';

const SUBGRAPH = 'maintenance-subgraph';
const { JAEGER = '' } = process.env;
const { executable, missing } = ROUTERS.apollo;
const noJaeger = JAEGER ? undefined : 'Set JAEGER to the path of the executable `jaeger`.';

type Span = { operationName: string; processID: string; references: unknown[] };
type Trace = { spans: Span[]; processes: Record<string, { serviceName: string }> };

const startVendor = useMany(startUpstream);
const startServer = useMany(startReplica);
const startOne = useMany(startRouter);
afterAll(killAll);

async function startJaeger() {
  const [otlp, query, grpc] = [await freePort(), await freePort(), await freePort()].map((port) => `127.0.0.1:${port}`);
  const configuration = {
    service: {
      extensions: ['jaeger_storage', 'jaeger_query'],
      pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
      telemetry: { metrics: { level: 'none' } },
    },
    receivers: { otlp: { protocols: { http: { endpoint: otlp } } } },
    exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
    extensions: {
      jaeger_storage: { backends: { memory: { memory: { max_traces: 100 } } } },
      jaeger_query: { storage: { traces: 'memory' }, http: { endpoint: query }, grpc: { endpoint: grpc } },
    },
  };
  const args = [`--config=yaml:${JSON.stringify(configuration)}`];
  start(JAEGER, args, { OTEL_TRACES_EXPORTER: 'none' }, { stdio: 'ignore' });

  /** Returns the subgraph's traces with a span that has these tags. */
  async function find(tags: Record<string, string> = {}): Promise<Trace[]> {
    const search = new URLSearchParams({ service: SUBGRAPH, tags: JSON.stringify(tags) });
    const response = await fetch(`http://${query}/api/traces?${search}`);
    return ((await response.json()) as { data: Trace[] }).data;
  }
  await until(() => find().then(Array.isArray, () => false));
  return { url: `http://${otlp}`, find };
}

itUnless(
  executable ? noJaeger : missing,
  'one operation through Apollo Router is one trace in Jaeger, from the router to the command',
  async () => {
    const jaeger = await startJaeger();
    const upstream = await startVendor();
    const tracing = { OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.url, OTEL_BSP_SCHEDULE_DELAY: '10' };
    const replica = await startServer(upstream.url, tracing);
    const settings = parse(readSettings('apollo/router.yaml'));
    Object.assign(settings.telemetry.exporters.tracing, {
      common: { service_name: 'router' },
      otlp: { enabled: true, protocol: 'http', endpoint: `${jaeger.url}/v1/traces` },
    });
    const subgraphs = [{ name: 'maintenance', url: `${replica.url}/graphql`, sdl: MAINTENANCE_SDL }];
    const options = { subgraphs, secret: ROUTER_SECRET, settings, host: '127.0.0.1', port: 0 };
    const router = await startOne('apollo', options);

    const { errors } = await askAt(`${router.url}/graphql`, LIST, { headers: { 'x-request-id': 'one-trace' } });
    expect(errors).toEqual([]);

    // The router exports its spans some seconds later.
    const isWhole = ({ spans }: Trace) => spans.some(({ references }) => references.length === 0);
    await until(async () => (await jaeger.find()).some(isWhole));
    const traces = await jaeger.find();
    expect(traces).toHaveLength(1);
    const byRequest = { 'http.response.header.x-request-id': '["one-trace"]' };
    for (const tags of [byRequest, { 'command.id': String(upstream.received[0]?.id) }])
      expect(await jaeger.find(tags)).toHaveLength(1);
    const [{ spans, processes } = { spans: [], processes: {} }] = traces;
    expect(spans.filter(({ operationName }) => operationName === 'get_maintenance_list')).toHaveLength(1);
    const services = spans.map(({ processID }) => processes[processID]?.serviceName);
    expect(new Set(services)).toEqual(new Set(['router', SUBGRAPH]));
  },
);
