/**
 * The files in supergraph/ against the code: names, time limits, idle connections and extensions. test/routers/ runs the
 * files in real routers, where the machine has them; Cosmo Router has only this test.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse as parseGraphql } from 'graphql';
import { parse } from 'yaml';
import { EXAMPLE } from '../../dev/seed.ts';
import { loadConfig } from '../../src/config.ts';
import { maskError } from '../../src/graphql/errors.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { gatewayConfig } from '../../supergraph/hive-gateway/gateway.config.ts';
import { EXTENSIONS as ALL_EXTENSIONS } from '../routers/suite.ts';
import { readDocument, readNames, readTable } from '../support/documents.ts';
import { ROUTER_SECRET } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const FOLDER = new URL('../../supergraph/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, FOLDER), 'utf8');

const supergraph: {
  federation_version: string;
  subgraphs: Record<string, { routing_url: string; schema: { file: string } }>;
} = parse(read('supergraph.yaml'));
const [apollo, hive, cosmo] = ['apollo/router.yaml', 'hive/router.config.yaml', 'cosmo/config.yaml'].map((name) =>
  parse(read(name)),
);
const grafbase = read('grafbase/grafbase.toml');
const config = loadConfig({ COMMAND_API_URL: 'http://127.0.0.1:9', ROUTER_SECRET });
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
const errorSection = /\n### Errors\n([\s\S]+?)\n## /.exec(readme)?.[1] ?? '';
const EXTENSIONS = Object.keys(ALL_EXTENSIONS);

const subgraph = useSubgraph();

describe('supergraph.yaml', () => {
  it('sends the router to the ports of npm run supergraph', () => {
    const urls = Object.entries(supergraph.subgraphs).map(([name, { routing_url }]) => [name, routing_url]);
    expect(urls).toEqual([
      ['maintenance', `http://localhost:${config.PORT}/graphql`],
      ['residences', `http://localhost:${config.PORT + 1}/graphql`],
    ]);
  });

  it('names schemas that exist, by paths from its own folder', () => {
    const defined = Object.values(supergraph.subgraphs).map(({ schema }) => {
      const { definitions } = parseGraphql(read(schema.file));
      return definitions.flatMap((one) => ('name' in one && one.name ? [one.name.value] : []));
    });
    expect(defined).toEqual([
      expect.arrayContaining(['Maintenance', 'Residence', 'Mutation']),
      expect.arrayContaining(['Residence', 'Query']),
    ]);
  });

  it('has the subgraphs of cosmo/compose.yaml', () => {
    const composed = parse(read('cosmo/compose.yaml')).subgraphs as { name: string; schema: { file: string } }[];
    const resolve = (path: string, from: string) => new URL(path, new URL(from, FOLDER)).pathname;
    expect(
      composed.map((one) => ({ ...one, schema: { file: resolve(one.schema.file, 'cosmo/compose.yaml') } })),
    ).toEqual(
      Object.entries(supergraph.subgraphs).map(([name, one]) => ({
        name,
        ...one,
        schema: { file: resolve(one.schema.file, 'supergraph.yaml') },
      })),
    );
  });

  it('composes with one exact version, of at least the federation that the schema asks for', () => {
    const asked = /federation\/v(\d+\.\d+)"/.exec(read('../schema/maintenance.graphql'))?.[1];
    expect(supergraph.federation_version).toMatch(new RegExp(`^=${asked}\\.\\d+$`));
  });
});

const seconds = (duration: string) => Number(/^(\d+)s$/.exec(duration)?.[1]);
const apolloShaping = apollo.traffic_shaping.subgraphs.maintenance;
const hiveShaping = hive.traffic_shaping.subgraphs.maintenance;
const cosmoShaping = cosmo.traffic_shaping.subgraphs.maintenance;

it.each([
  ['Apollo Router', seconds(apolloShaping.timeout)],
  ['Hive Router', seconds(hiveShaping.request_timeout)],
  ['Hive Gateway', gatewayConfig.transportEntries.maintenance.options.timeout / 1000],
  ['Grafbase', seconds(/^timeout = "(.+)"$/m.exec(grafbase)?.[1] ?? '')],
  ['Cosmo Router', seconds(cosmoShaping.request_timeout)],
])('%s waits longer than an operation may take', (_, limit) => {
  expect(limit).toBe(12);
  expect(config.OPERATION_TIMEOUT_MS).toBeLessThan(limit * 1000);
});

// Hive Gateway follows the `Keep-Alive` header of the subgraph; Grafbase keeps 5 s and has no setting.
it.each([
  ['Apollo Router', seconds(apolloShaping.pool_idle_timeout)],
  ['Hive Router', seconds(hiveShaping.pool_idle_timeout)],
  ['Cosmo Router', seconds(cosmoShaping.keep_alive_idle_timeout)],
])('%s closes an idle connection before the subgraph does', async (_, idle) => {
  const { headers } = await fetch(`${subgraph.url}/health/live`);
  expect(idle).toBeLessThan(Number(/^timeout=(\d+)$/.exec(headers.get('keep-alive') ?? '')?.[1]));
});

it.each([
  ['Apollo Router', apollo.headers],
  ['Hive Router', hive.headers],
  ['Cosmo Router', cosmo.headers],
  ['Cosmo Router, for traffic', { subgraphs: cosmo.traffic_shaping.subgraphs }],
])('%s has rules for this subgraph alone, by the name in supergraph.yaml', (_, rules) => {
  expect(Object.keys(rules)).toEqual(['subgraphs']);
  expect(Object.keys(rules.subgraphs)).toEqual(['maintenance']);
  expect(supergraph.subgraphs).toHaveProperty('maintenance');
});

it('Cosmo Router forwards the headers, shares no reads, retries nothing and wraps no errors', () => {
  const rules: Record<string, unknown>[] = cosmo.headers.subgraphs.maintenance.request;
  expect(rules).toEqual([
    { op: 'propagate', named: 'Authorization' },
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Cosmo Router expands the variable
    { op: 'set', name: 'Router-Authorization', value: '${ROUTER_SECRET}' },
    { op: 'propagate', named: 'X-Request-Id' },
    { op: 'set', name: 'apollographql-client-name', expression: 'request.client.name' },
    { op: 'set', name: 'apollographql-client-version', expression: 'request.client.version' },
  ]);
  expect(cosmo.traffic_shaping.all.retry.enabled).toBe(false);
  expect(cosmo.engine).toMatchObject({ enable_single_flight: false, enable_inbound_request_deduplication: false });
  expect(cosmo.subgraph_error_propagation.mode).toBe('pass-through');
});

it('Apollo Router redacts the errors of other teams', () => {
  expect(apollo.include_subgraph_errors.all).toEqual({ redact_message: true, allow_extensions_keys: [] });
});

describe('the extensions of errors', () => {
  const R = EXAMPLE.residenceId;

  it.each([
    ['Apollo Router', apollo.include_subgraph_errors.subgraphs.maintenance.allow_extensions_keys, ['service']],
    ['Hive Router', hive.error_masking.subgraphs.maintenance.extensions.keys, []],
    ['Cosmo Router', cosmo.subgraph_error_propagation.allowed_extension_fields, []],
  ])('are all let through by %s', (_, keys, own) => {
    expect(keys).toEqual([...EXTENSIONS, ...own]);
  });

  it('are all named in the README', () => {
    // The next version of the subgraph sends `arguments`.
    for (const key of EXTENSIONS.filter((one) => one !== 'arguments'))
      expect(errorSection).toMatch(new RegExp(`\`(extensions\\.)?${key}\``));
  });

  it('are no others', async () => {
    const seen = new Set<string>(['arguments']);
    const see = async (query: string, token: string | null = EXAMPLE.token) => {
      const { errors } = await subgraph.ask(query, { token });
      expect(errors).not.toEqual([]);
      for (const { extensions } of errors) for (const key of Object.keys(extensions)) seen.add(key);
    };
    await see('{');
    await see('{ nope }');
    await see('{ maintenance(id: "no id") { id } }');
    await see(`{ maintenances(residenceId: "${R}") { id } }`, null);
    subgraph.upstream.fail(() => ({ body: { success: false, error: { code: 'E5' } } }));
    await see(`mutation { deleteMaintenance(id: "${R}:m") { id } }`);
    subgraph.upstream.fail(() => ({ status: 500 }));
    await see(`{ maintenances(residenceId: "${R}") { id } }`);
    const unforeseen = maskError(new Error('x'), createLogger('silent'));
    for (const key of Object.keys(unforeseen.extensions)) seen.add(key);
    expect([...seen].sort()).toEqual([...EXTENSIONS].sort());
  });
});

describe('docs/publishing.md', () => {
  const { dependencies } = JSON.parse(readDocument('dev/supergraph/routers/package.json'));
  const { devDependencies } = JSON.parse(readDocument('package.json'));

  it.each(readTable(readDocument('docs/publishing.md'), 'registry'))(
    'has the version of the client that the tests run: %s',
    (...[, , name, version]) => {
      expect({ ...dependencies, ...devDependencies }).toHaveProperty([readNames(name)[0] ?? ''], version);
    },
  );
});

describe('docs/for-platform-teams.md', () => {
  const rows = readTable(readDocument('docs/for-platform-teams.md'), 'router');
  const npm = JSON.parse(readDocument('dev/supergraph/routers/package.json'));

  it('names the settings of each router', () => {
    const files = rows.map(([, settings = '']) => /\]\(\.\.\/supergraph\/(.+)\)/.exec(settings)?.[1] ?? '');
    expect(files.map((file) => file.split('/')[0]).sort()).toEqual(
      readdirSync(FOLDER, { withFileTypes: true })
        .flatMap((one) => (one.isDirectory() ? one.name : []))
        .sort(),
    );
    for (const file of files) expect(read(file)).not.toBe('');
  });

  it.each([
    ['Hive Gateway', npm.dependencies['@graphql-hive/gateway']],
    ['Grafbase', npm.optionalDependencies['@grafbase/cli-x86_64-unknown-linux-musl']],
  ])('has the version of %s that the tests run', (name, version) => {
    expect(rows.find(([router]) => router === name)?.[2]).toContain(version);
  });
});

it('router.dev.yaml of Apollo Router forwards the token, and has nothing that --dev refuses', () => {
  const [propagate] = apollo.headers.subgraphs.maintenance.request.operations;
  expect(parse(read('apollo/router.dev.yaml'))).toEqual({
    headers: { subgraphs: { maintenance: { request: { operations: [propagate] } } } },
  });
});
