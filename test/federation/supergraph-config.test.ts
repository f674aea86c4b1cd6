/**
 * The files in supergraph/ against the code. test/federation/routers/ runs the routers, except Cosmo Router: its file is checked here, and
 * there against Cosmo's schema.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { readSettings } from '../../dev/supergraph/routers.ts';
import { loadConfig } from '../../src/config.ts';
import { maskError } from '../../src/graphql/errors.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { gatewayConfig } from '../../supergraph/hive-gateway/gateway.config.ts';
import { ERRORS, readDocument, readTable } from '../support/documents.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { EXTENSIONS as ALL_EXTENSIONS } from './routers/suite.ts';

const EXTENSIONS = Object.keys(ALL_EXTENSIONS);
const read = (file: string) => readDocument(`supergraph/${file}`);
const supergraph = parse(read('supergraph.yaml'));
const apollo = parse(read('apollo/router.yaml'));
const hive = parse(read('hive/router.config.yaml'));
const cosmo = parse(read('cosmo/config.yaml'));
const config = loadConfig({ COMMAND_API_URL: 'http://127.0.0.1:9', ROUTER_SECRET: 'secret-of-the-test' });
const subgraph = useSubgraph();

it('supergraph.yaml and cosmo/compose.yaml have the ports of npm run supergraph, and schemas that exist', () => {
  const subgraphOf = (port: number, file: string) => ({
    routing_url: `http://localhost:${port}/graphql`,
    schema: { file },
  });
  expect(supergraph.subgraphs).toEqual({
    maintenance: subgraphOf(config.PORT, '../schema/maintenance.graphql'),
    residences: subgraphOf(config.PORT + 1, 'residences.graphql'),
  });
  expect(parse(read('cosmo/compose.yaml')).subgraphs).toEqual([
    { name: 'maintenance', ...subgraphOf(config.PORT, '../../schema/maintenance.graphql') },
    { name: 'residences', ...subgraphOf(config.PORT + 1, '../residences.graphql') },
  ]);
  expect(read('residences.graphql')).toContain('type Residence');
});

it('supergraph.yaml composes with an exact version of the federation of our schema', () => {
  expect(readDocument('schema/maintenance.graphql')).toContain('https://specs.apollo.dev/federation/v2.9"');
  expect(supergraph.federation_version).toMatch(/^=2\.9\.\d+$/);
});

const shapeOf = (router: typeof apollo) => router.traffic_shaping.subgraphs.maintenance;
const seconds = (duration: string) => Number(/^(\d+)s$/.exec(duration)?.[1]);
const { timeout } = gatewayConfig.transportEntries.maintenance.options;

// Hive Gateway follows the `Keep-Alive` header of the subgraph. Grafbase keeps connections for 5 s and has no setting.
it.each([
  ['Apollo Router', shapeOf(apollo).timeout, shapeOf(apollo).pool_idle_timeout],
  ['Hive Router', shapeOf(hive).request_timeout, shapeOf(hive).pool_idle_timeout],
  ['Cosmo Router', shapeOf(cosmo).request_timeout, shapeOf(cosmo).keep_alive_idle_timeout],
  ['Hive Gateway', `${timeout / 1000}s`, '0s'],
  ['Grafbase', /^timeout = "(.+)"$/m.exec(read('grafbase/grafbase.toml'))?.[1], '0s'],
])('%s waits longer than an operation, and closes idle connections first', async (_, wait, idle) => {
  const { headers } = await fetch(`${subgraph.url}/health/live`);
  const keepAlive = Number(/^timeout=(\d+)$/.exec(headers.get('keep-alive') ?? '')?.[1]);
  expect(seconds(wait)).toBeGreaterThan(config.OPERATION_TIMEOUT_MS / 1000);
  expect(seconds(idle)).toBeLessThan(keepAlive);
});

it('Apollo, Hive and Cosmo Router have header rules for this subgraph alone', () => {
  const subgraphs = { maintenance: expect.anything() };
  expect([apollo.headers, hive.headers, cosmo.headers]).toEqual(Array(3).fill({ subgraphs }));
});

it.each([
  ['apollo/router.yaml', 'named: '],
  ['apollo/router.dev.yaml', 'named: '],
  ['hive/router.config.yaml', '- '],
  ['hive-gateway/gateway.config.ts', "'"],
  ['grafbase/grafbase.toml', 'name = "'],
  ['cosmo/config.yaml', 'named: '],
])('%s has a line that forwards another TOKEN_HEADER in place of Authorization', (file, rule) => {
  const shipped = read(file);
  const swapped = readSettings(file, 'x-token');
  const forwards = (text: string, header: string) => new RegExp(`^ *${rule}${header}\\b`, 'im').test(text);
  const headers = ['authorization', 'x-vendor-authorization', 'x-token'];
  expect(headers.map((header) => forwards(shipped, header))).toEqual([true, false, false]);
  expect(headers.map((header) => forwards(swapped, header))).toEqual([false, false, true]);
  expect(swapped.split('\n')).toHaveLength(shipped.split('\n').length - 2);
});

it('Cosmo Router forwards the headers, coalesces no reads, retries nothing and wraps no errors', () => {
  expect(cosmo.headers.subgraphs.maintenance.request).toEqual([
    { op: 'propagate', named: 'Authorization' },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Cosmo Router expands the variable
    { op: 'set', name: 'Router-Authorization', value: '${ROUTER_SECRET}' },
    { op: 'propagate', named: 'X-Request-Id' },
    { op: 'set', name: 'apollographql-client-name', expression: 'request.client.name' },
    { op: 'set', name: 'apollographql-client-version', expression: 'request.client.version' },
  ]);
  expect(cosmo).toMatchObject({
    traffic_shaping: { all: { retry: { enabled: false } } },
    engine: { enable_single_flight: false, enable_inbound_request_deduplication: false },
    subgraph_error_propagation: { mode: 'pass-through' },
  });
});

it('Apollo Router redacts the errors of other teams, and with --dev only forwards the token', () => {
  expect(apollo.include_subgraph_errors.all).toEqual({ redact_message: true, allow_extensions_keys: [] });
  const [propagate] = apollo.headers.subgraphs.maintenance.request.operations;
  expect(parse(read('apollo/router.dev.yaml'))).toEqual({
    headers: { subgraphs: { maintenance: { request: { operations: [propagate] } } } },
  });
});

describe('extensions of errors', () => {
  it.each([
    ['Apollo Router', apollo.include_subgraph_errors.subgraphs.maintenance.allow_extensions_keys, ['service']],
    ['Hive Router', hive.error_masking.subgraphs.maintenance.extensions.keys, []],
    ['Cosmo Router', cosmo.subgraph_error_propagation.allowed_extension_fields, []],
  ])('pass through %s', (_, keys, own) => {
    expect(keys).toEqual([...EXTENSIONS, ...own]);
  });

  it('have the documented keys, and no others', async () => {
    const keys = new Set(Object.keys(maskError(new Error('x'), createLogger('silent')).extensions));
    subgraph.upstream.fail(() => ({ body: { success: false, error: { code: 'E5' } } }));
    const commands = ['{ maintenance(id: "r:m") { id } }', 'mutation { deleteMaintenance(id: "r:m") { deletedId } }'];
    for (const query of ['{', '{ nope }', '{ maintenance(id: "no id") { id } }', ...commands])
      for (const { extensions } of (await subgraph.ask(query)).errors) for (const key in extensions) keys.add(key);
    expect([...keys].sort()).toEqual(EXTENSIONS.toSorted());
    const isDocumented = (key: string) => new RegExp(`\`(extensions\\.)?${key}\``).test(ERRORS);
    expect([...keys].filter((key) => !isDocumented(key))).toEqual([]);
  });
});

describe('the documents', () => {
  const routers = readTable(readDocument('docs/federation.md'), 'router');
  const versionOf = (name: string) => routers.find(([router]) => router === name)?.[2];

  it('have the versions of the routers from npm that the tests run', () => {
    const { dependencies, optionalDependencies } = JSON.parse(readDocument('dev/supergraph/routers/package.json'));
    expect(versionOf('Hive Gateway')).toContain(dependencies['@graphql-hive/gateway']);
    expect(versionOf('Grafbase')).toContain(optionalDependencies['@grafbase/cli-x86_64-unknown-linux-musl']);
  });

  it('name the settings of each router', () => {
    const files = routers.map(([, settings = '']) => /\]\(\.\.\/supergraph\/(.+)\)/.exec(settings)?.[1] ?? '');
    for (const file of files) expect(read(file)).not.toBe('');
    const folders = readdirSync(new URL('../../supergraph/', import.meta.url)).filter((name) => !name.includes('.'));
    expect(files.map((file) => file.split('/')[0]).sort()).toEqual(folders.sort());
  });
});
