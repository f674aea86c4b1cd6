/**
 * The commands of docs/publishing.md: a shell runs each line with the registry's own client, before a local server.
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
const HIVE_TARGET = { bySelector: { organizationSlug: 'acme', projectSlug: 'homes', targetSlug: 'prod' } };
/** The schema as Hive's client sends it. */
const MINIFIED = stripIgnoredCharacters(print(parse(SDL)));
const COMMANDS = [...readDocument('docs/publishing.md').matchAll(/^```sh\n(.+?)^```/gms)].flatMap(([, block = '']) =>
  block
    .replaceAll(/\\\n\s*/g, '')
    .trim()
    .split('\n'),
);
const { federation_version, subgraphs } = parseYaml(readDocument('supergraph/supergraph.yaml'));
const SUBGRAPHS: [string, string][] = Object.keys(subgraphs).map((name) => [name, subgraphs[name].routing_url]);

/** Cosmo's messages. They are not imported by name, because the types exist only after `npm ci`. */
const cosmo = createRequire(path('dev/supergraph/routers/package.json'))(
  '@wundergraph/cosmo-connect/dist/platform/v1/platform_pb',
);

type Answers = Readonly<Record<string, object>>;

const published = (errors: readonly object[]) => {
  const state = { didUpdateGateway: true, serviceWasCreated: false, serviceWasUpdated: true };
  return { graph: { publishSubgraph: { compositionConfig: { schemaHash: 'h' }, errors, ...state } } };
};
const workflow = (status: string) => ({ graph: { checkWorkflow: { status, tasks: [] } } });
const started = { __typename: 'CheckRequestSuccess', targetURL: 'http://studio.test', workflowID: 'w' };
const success = { valid: true, initial: false, changes: { edges: [] } };
const failure = {
  valid: false,
  changes: { edges: [] },
  errors: { edges: [{ node: { message: 'does not compose' } }] },
};

/** The answers to each operation if the registry accepts the schema. */
const ACCEPTED: Answers = {
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
const REFUSED: Answers = {
  ...ACCEPTED,
  SubgraphCheckWorkflowStatusQuery: workflow('FAILED'),
  SubgraphCheckWorkflowQuery: workflow('FAILED'),
  SubgraphPublishMutation: published([{ message: 'does not compose', code: 'X' }]),
  CLI_SchemaCheckMutation: { schemaCheck: { __typename: 'SchemaCheckError', ...failure } },
  schemaPublish: { schemaPublish: { __typename: 'SchemaPublishError', ...failure } },
  CheckSubgraphSchema: { response: { code: 'OK' }, compositionErrors: [{ message: 'does not compose' }] },
  PublishFederatedSubgraph: { response: { code: 'ERR_SUBGRAPH_COMPOSITION_FAILED' } },
};

interface Sent {
  /** The name of the GraphQL operation or of the remote procedure. */
  readonly operation: string;
  readonly key: string | undefined;
  readonly variables: unknown;
}

let answers = ACCEPTED;
let sent: Sent[] = [];
let registry: Awaited<ReturnType<typeof serve>>;
let folder: string;

beforeEach(async () => {
  [answers, sent] = [ACCEPTED, []];
  registry = await serve(async (request, response) => {
    const { type, body } = await answer(request);
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': type }).end(body);
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
async function answer(request: IncomingMessage) {
  const { url = '', headers } = request;
  const raw = await buffer(request);
  const key = headers['x-api-key']?.toString() ?? headers.authorization;
  if (url === '/graphql') {
    const { query, variables } = JSON.parse(raw.toString());
    const operation = /(?:query|mutation) (\w+)/.exec(query)?.[1] ?? '';
    sent.push({ operation, key, variables });
    return { type: 'application/json', body: JSON.stringify({ data: answers[operation] }) };
  }
  const [, operation = url] = /^\/wg\.cosmo\.platform\.v1\.PlatformService\/(\w+)$/.exec(url) ?? [];
  if (!answers[operation]) {
    sent.push({ operation, key, variables: undefined });
    return { type: 'text/plain', body: undefined };
  }
  const message = headers['content-encoding'] === 'br' ? brotliDecompressSync(raw) : raw;
  sent.push({ operation, key, variables: cosmo[`${operation}Request`].fromBinary(message).toJson() });
  return { type: 'application/proto', body: cosmo[`${operation}Response`].fromJson(answers[operation]).toBinary() };
}

/** Runs a line as a shell does, in a folder that has the schemas. */
async function run(command: string) {
  const bins = ['node_modules/.bin', 'dev/supergraph/routers/node_modules/.bin'].map(path);
  const env = {
    ...VARIABLES,
    PATH: [...bins, dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: folder,
    APOLLO_KEY: 'service:acme:key',
    APOLLO_REGISTRY_URL: `${registry.url}/graphql`,
    APOLLO_TELEMETRY_DISABLED: '1',
    APOLLO_ELV2_LICENSE: 'accept',
    // Without this variable, Rover asks the internet for a newer Rover and for its composer.
    APOLLO_ROVER_SKIP_UPDATE: '1',
    HIVE_TOKEN: 'key',
    HIVE_REGISTRY: `${registry.url}/graphql`,
    HIVE_AUTHOR: 'author',
    HIVE_COMMIT: 'commit',
    COSMO_API_KEY: 'key',
    COSMO_API_URL: registry.url,
    COSMO_TELEMETRY_DISABLED: 'true',
    DISABLE_UPDATE_CHECK: 'true',
  };
  const child = start('sh', ['-c', 'cd "$0" && eval "exec $1"', folder, command], env);
  child.stdin.end();
  const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
  const output = (await Promise.all([text(child.stdout), text(child.stderr)])).join('');
  return { code: await exit, output };
}

/** The request with the schema, of each command that sends the schema. */
const REQUESTS: Readonly<Record<string, Sent>> = {
  'rover subgraph check': {
    operation: 'SubgraphCheckMutation',
    key: 'service:acme:key',
    variables: {
      graph_id: 'acme',
      name: 'prod',
      input: expect.objectContaining({ subgraphName: 'maintenance', proposedSchema: SDL }),
    },
  },
  'rover subgraph publish': {
    operation: 'SubgraphPublishMutation',
    key: 'service:acme:key',
    variables: expect.objectContaining({
      ...{ graph_id: 'acme', variant: 'prod', subgraph: 'maintenance', url: VARIABLES.ROUTING_URL },
      schema: { sdl: SDL, hash: null },
    }),
  },
  'hive schema:check': {
    operation: 'CLI_SchemaCheckMutation',
    key: 'Bearer key',
    variables: { input: expect.objectContaining({ service: 'maintenance', target: HIVE_TARGET, sdl: MINIFIED }) },
  },
  'hive schema:publish': {
    operation: 'schemaPublish',
    key: 'Bearer key',
    variables: {
      input: expect.objectContaining({
        ...{ service: 'maintenance', url: VARIABLES.ROUTING_URL, target: HIVE_TARGET },
        ...{ schema: { sdl: MINIFIED }, failOnCompositionError: true },
      }),
    },
  },
  'wgc subgraph check': {
    operation: 'CheckSubgraphSchema',
    key: 'Bearer key',
    variables: expect.objectContaining({
      subgraphName: 'maintenance',
      namespace: 'prod',
      schema: Buffer.from(SDL).toString('base64'),
    }),
  },
  'wgc subgraph publish': {
    operation: 'PublishFederatedSubgraph',
    key: 'Bearer key',
    variables: expect.objectContaining({
      ...{ name: 'maintenance', namespace: 'prod', schema: SDL, routingUrl: VARIABLES.ROUTING_URL },
    }),
  },
};
const COMPOSERS = ['rover supergraph compose', 'hive dev', 'wgc router compose'];

const nameOf = (command: string) => /^(?:hive [\w:]+|\w+ \w+ \w+)/.exec(command)?.[0] ?? command;

/** The only line of the page with this command. */
function lineOf(name: string): string {
  const [line = '', ...others] = COMMANDS.filter((command) => nameOf(command) === name);
  expect(others).toEqual([]);
  return line;
}

/** Runs a command of the page, which must end with this code and, if given, print this text. */
async function runNamed(name: string, code: number, output = '') {
  expect(await run(lineOf(name))).toEqual({ code, output: expect.stringContaining(output) });
}

it('docs/publishing.md has the commands of this test', () => {
  expect(COMMANDS.map(nameOf).sort()).toEqual([...Object.keys(REQUESTS), ...COMPOSERS].sort());
});

it.each(Object.entries(REQUESTS))('%s sends our schema, and exits with 0 if it is accepted', async (name, request) => {
  await runNamed(name, 0);
  expect(sent).toContainEqual(request);
});

it.each([
  ['rover subgraph check', 1],
  ['rover subgraph publish', 0],
  ['hive schema:check', 1],
  ['hive schema:publish', 1],
  ['wgc subgraph check', 1],
  ['wgc subgraph publish', 1],
])('%s exits with %i if the supergraph does not compose with our schema', async (name, code) => {
  answers = REFUSED;
  await runNamed(name, code);
  expect(sent).toContainEqual(REQUESTS[name]);
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
