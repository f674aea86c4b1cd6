/**
 * The commands of docs/federation.md: a shell runs each line with the registry's own client, before a local server.
 */
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { parse, print, stripIgnoredCharacters } from 'graphql';
import { parse as parseYaml } from 'yaml';
import { serve } from '../../dev/command-api.ts';
import { readDocument } from '../support/documents.ts';
import { killAll, start } from '../support/process.ts';

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const SDL = readDocument('schema/maintenance.graphql');
const VARIABLES = {
  APOLLO_GRAPH_REF: 'acme@prod',
  HIVE_TARGET: 'acme/homes/prod',
  COSMO_NAMESPACE: 'prod',
  ROUTING_URL: 'http://maintenance.test/graphql',
};
const ACCOUNTS = {
  APOLLO_KEY: 'service:acme:key',
  HIVE_TOKEN: 'key',
  HIVE_AUTHOR: 'author',
  HIVE_COMMIT: 'c',
  COSMO_API_KEY: 'key',
};
/** Without these variables, the clients send usage data, and ask the internet for newer versions and for a composer. */
const OFFLINE = {
  ...{ APOLLO_TELEMETRY_DISABLED: '1', APOLLO_ELV2_LICENSE: 'accept', APOLLO_ROVER_SKIP_UPDATE: '1' },
  ...{ COSMO_TELEMETRY_DISABLED: 'true', DISABLE_UPDATE_CHECK: 'true' },
};
const HIVE_TARGET = { bySelector: { organizationSlug: 'acme', projectSlug: 'homes', targetSlug: 'prod' } };
/** The schema as Hive's client sends it. */
const MINIFIED = stripIgnoredCharacters(print(parse(SDL)));
const BLOCKS = [...readDocument('docs/federation.md').matchAll(/(?<=^```sh\n).+?(?=\n```)/gms)].map(String);
const COMMANDS = BLOCKS.flatMap((block) => block.replaceAll(/\\\n\s*/g, '').split('\n'));
const { federation_version, subgraphs } = parseYaml(readDocument('supergraph/supergraph.yaml'));
const SUBGRAPHS: [string, string][] = Object.keys(subgraphs).map((name) => [name, subgraphs[name].routing_url]);

/** Cosmo's messages. They are not imported by name, because the types exist only after `npm ci`. */
const cosmo = createRequire(path('dev/supergraph/routers/package.json'))(
  '@wundergraph/cosmo-connect/dist/platform/v1/platform_pb',
);

const published = (errors: readonly object[]) => {
  const state = { didUpdateGateway: true, serviceWasCreated: false, serviceWasUpdated: true };
  return { graph: { publishSubgraph: { compositionConfig: { schemaHash: 'h' }, errors, ...state } } };
};
const workflow = (status: string) => ({ graph: { checkWorkflow: { status, tasks: [] } } });
const started = { __typename: 'CheckRequestSuccess', targetURL: 'http://studio.test', workflowID: 'w' };
const success = { valid: true, initial: false, changes: { edges: [] } };
const MESSAGE = { message: 'does not compose' };
const failure = { valid: false, changes: { edges: [] }, errors: { edges: [{ node: MESSAGE }] } };

/** The answers to each operation if the registry accepts the schema. */
const ACCEPTED: Readonly<Record<string, object>> = {
  IsFederatedGraph: { graph: { variant: { subgraphs: [{ name: 'maintenance' }] } } },
  SubgraphCheckMutation: { graph: { variant: { submitSubgraphCheckAsync: started } } },
  SubgraphCheckWorkflowStatusQuery: workflow('PASSED'),
  SubgraphCheckWorkflowQuery: workflow('PASSED'),
  SubgraphPublishMutation: published([]),
  CLI_SchemaCheckMutation: { schemaCheck: { __typename: 'SchemaCheckSuccess', ...success } },
  schemaPublish: { schemaPublish: { __typename: 'SchemaPublishSuccess', ...success } },
  CheckSubgraphSchema: { response: { code: 'OK' } },
  PublishFederatedSubgraph: { response: { code: 'OK' } },
};

/** The answers if the schema does not compose. */
const REFUSED: typeof ACCEPTED = {
  ...ACCEPTED,
  SubgraphCheckWorkflowStatusQuery: workflow('FAILED'),
  SubgraphCheckWorkflowQuery: workflow('FAILED'),
  SubgraphPublishMutation: published([{ ...MESSAGE, code: 'X' }]),
  CLI_SchemaCheckMutation: { schemaCheck: { __typename: 'SchemaCheckError', ...failure } },
  schemaPublish: { schemaPublish: { __typename: 'SchemaPublishError', ...failure } },
  CheckSubgraphSchema: { response: { code: 'OK' }, compositionErrors: [MESSAGE] },
  PublishFederatedSubgraph: { response: { code: 'ERR_SUBGRAPH_COMPOSITION_FAILED' } },
};

let answers = ACCEPTED;
/** Each operation or remote procedure that was received. */
let sent: { operation: string; key: string | undefined; variables?: unknown }[] = [];
let registry: Awaited<ReturnType<typeof serve>>;
let folder: string;

beforeEach(async () => {
  [answers, sent] = [ACCEPTED, []];
  registry = await serve(async (request, response) => {
    const { type = 'text/plain', body } = await answer(request);
    response.writeHead(body ? 200 : 404, { 'content-type': type }).end(body);
  });
  // The working directory of the commands, so that they write nothing into the repository.
  folder = mkdtempSync(join(tmpdir(), 'registries-'));
  for (const name of ['schema', 'supergraph']) symlinkSync(path(name), join(folder, name));
});
afterEach(async () => {
  killAll();
  await registry.stop();
  rmSync(folder, { recursive: true });
});

/** Records a request and returns the answer of its registry. */
async function answer(request: IncomingMessage): Promise<{ type?: string; body?: string | Uint8Array }> {
  const { url = '', headers } = request;
  const raw = await buffer(request);
  const key = headers['x-api-key']?.toString() ?? headers.authorization;
  if (url === '/graphql') {
    const { query, variables } = JSON.parse(raw.toString());
    const operation = /(?:query|mutation) (\w+)/.exec(query)?.[1] ?? '';
    sent.push({ operation, key, variables });
    return { type: 'application/json', body: JSON.stringify({ data: answers[operation] }) };
  }
  const operation = url.replace('/wg.cosmo.platform.v1.PlatformService/', '');
  const known = answers[operation];
  const message = headers['content-encoding'] === 'br' ? brotliDecompressSync(raw) : raw;
  sent.push({ operation, key, variables: known && cosmo[`${operation}Request`].fromBinary(message).toJson() });
  return known ? { type: 'application/proto', body: cosmo[`${operation}Response`].fromJson(known).toBinary() } : {};
}

/** Runs a line as a shell does, in a folder that has the schemas. */
async function run(command: string) {
  const bins = ['node_modules/.bin', 'dev/supergraph/routers/node_modules/.bin'].map(path);
  const PATH = [...bins, dirname(process.execPath), process.env.PATH].join(delimiter);
  const urls = { APOLLO_REGISTRY_URL: `${registry.url}/graphql`, HIVE_REGISTRY: `${registry.url}/graphql` };
  const env = { ...VARIABLES, ...ACCOUNTS, ...OFFLINE, ...urls, COSMO_API_URL: registry.url, PATH, HOME: folder };
  const child = start('sh', ['-c', 'cd "$0" && eval "exec $1"', folder, command], env);
  child.stdin.end();
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  const output = (await Promise.all([text(child.stdout), text(child.stderr)])).join('');
  return { code: await exit, output };
}

const SCHEMA = Buffer.from(SDL).toString('base64');
const SERVICE = { service: 'maintenance', target: HIVE_TARGET };
const { ROUTING_URL: url } = VARIABLES;
const ROVER_SCHEMA = { subgraphName: 'maintenance', proposedSchema: SDL };
const HIVE_SCHEMA = { ...SERVICE, url, schema: { sdl: MINIFIED }, failOnCompositionError: true };
const ROVER_PUBLISHES = {
  graph_id: 'acme',
  variant: 'prod',
  subgraph: 'maintenance',
  url,
  schema: { sdl: SDL, hash: null },
};
const COSMO_PUBLISHES = { name: 'maintenance', namespace: 'prod', schema: SDL, routingUrl: url };
const COSMO_CHECKS = { subgraphName: 'maintenance', namespace: 'prod', schema: SCHEMA };
/** Command → operation and variables of the request with the schema, and the exit code if the schema does not compose. */
const REQUESTS: Readonly<Record<string, [operation: string, variables: object, refused: number]>> = {
  'rover subgraph check': ['SubgraphCheckMutation', { graph_id: 'acme', name: 'prod', input: ROVER_SCHEMA }, 1],
  'rover subgraph publish': ['SubgraphPublishMutation', ROVER_PUBLISHES, 0],
  'hive schema:check': ['CLI_SchemaCheckMutation', { input: { ...SERVICE, sdl: MINIFIED } }, 1],
  'hive schema:publish': ['schemaPublish', { input: HIVE_SCHEMA }, 1],
  'wgc subgraph check': ['CheckSubgraphSchema', COSMO_CHECKS, 1],
  'wgc subgraph publish': ['PublishFederatedSubgraph', COSMO_PUBLISHES, 1],
};
const COMPOSERS = ['rover supergraph compose', 'hive dev', 'wgc router compose'];

const nameOf = (command: string) => /^(?:hive [\w:]+|\w+ \w+ \w+)/.exec(command)?.[0] ?? command;

/** Runs a command of the page, which must end with this code and, if given, print this text. */
async function runNamed(name: string, code: number, output = '') {
  const line = COMMANDS.find((command) => nameOf(command) === name) ?? '';
  expect(await run(line)).toEqual({ code, output: expect.stringContaining(output) });
}

it('docs/federation.md has each command of this test once', () => {
  expect(COMMANDS.map(nameOf).sort()).toEqual([...Object.keys(REQUESTS), ...COMPOSERS].sort());
});

const rows = Object.entries(REQUESTS).flatMap(([name, [operation, variables, refused]]) => {
  const request = { operation, variables, key: name.startsWith('rover') ? 'service:acme:key' : 'Bearer key' };
  return [
    [name, 0, 'accepts our schema', ACCEPTED, request] as const,
    [name, refused, 'cannot compose our schema', REFUSED, request] as const,
  ];
});
it.each(rows)('%s sends our schema, and exits with %i if the registry %s', async (name, code, _, given, request) => {
  answers = given;
  await runNamed(name, code);
  const requests = sent.filter(({ operation }) => operation === request.operation);
  expect(requests).toMatchObject([request]);
});

it('wgc subgraph publish exits with 0 if Cosmo refuses the schema because of a proposal', async () => {
  answers = { PublishFederatedSubgraph: { response: { code: 'ERR_SCHEMA_MISMATCH_WITH_APPROVED_PROPOSAL' } } };
  await runNamed('wgc subgraph publish', 0, 'Failed to publish');
});

it('rover supergraph compose reads supergraph.yaml, and then needs the composer of its version', async () => {
  await runNamed('rover supergraph compose', 1, `'supergraph-v${federation_version.slice(1)}' plugin installed`);
});

it('hive dev composes without the registry', async () => {
  await runNamed('hive dev', 0);
  const supergraph = readFileSync(join(folder, 'supergraph.graphql'), 'utf8');
  expect(supergraph).toMatch(/^type Maintenance /m);
  for (const [name, url] of SUBGRAPHS) expect(supergraph).toContain(`@join__graph(name: "${name}", url: "${url}")`);
  expect(sent).toEqual([]);
});

it('wgc router compose composes without the control plane', async () => {
  await runNamed('wgc router compose', 0);
  const configuration = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'));
  expect(configuration.engineConfig.graphqlSchema).toMatch(/^type Maintenance /m);
  expect(configuration.subgraphs).toMatchObject(SUBGRAPHS.map(([name, routingUrl]) => ({ name, routingUrl })));
  expect(sent).toEqual([]);
});
