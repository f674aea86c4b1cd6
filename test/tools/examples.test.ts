/** What the pages and examples/ show: the two commands of the README, and each operation with its result. */
import { cpSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { parse, print } from 'graphql';
import { readExamples } from '../../dev/browser.ts';
import { freePort } from '../../dev/command-api.ts';
import { EXAMPLE } from '../../dev/maintenance/seed.ts';
import { RESIDENCES } from '../../dev/supergraph/neighbour.ts';
import { askAt, codes, NEW_MAINTENANCE, ROUTER_SECRET } from '../support/ask.ts';
import { readExamples as readBlocks, readDocument } from '../support/documents.ts';
import { create } from '../support/maintenance/requests.ts';
import { argumentsOf, killAll, run, start, watch } from '../support/process.ts';
import { useFolder } from '../support/use-folder.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const { folder, write } = useFolder('dev');
// Longer than the slow residence takes, on a busy machine too.
const subgraph = useSubgraph({ ATTEMPT_TIMEOUT_MS: '3000' });
afterAll(killAll);

const PAGES = ['README.md', 'README.zh-CN.md', 'docs/apps.md', 'docs/android.md'];
const BLOCKS = PAGES.flatMap((page) => readBlocks(readDocument(page)));
const R = EXAMPLE.residenceId;
const ask = (url = '', query = '', headers: Record<string, string> = {}, variables = {}) =>
  askAt(url, query, { token: null, headers, variables });

it.concurrent('npm run dev serves the printed operation, restarts with its data and port, and ends at Ctrl-C', async () => {
  for (const path of ['check-node.mjs', 'dev', 'examples', 'package.json', 'schema', 'src'])
    cpSync(path, join(folder, path), { recursive: true });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  const dev = watch(start(process.execPath, argumentsOf('dev/main.ts'), { PORT: '0' }, { cwd: folder }));
  const [, url = '', authorization = '', operation = ''] = await dev.until(
    /Sandbox +(\S+)\n[\s\S]+ authorization: (Bearer \S+)\n +Operation +(\{.+\})\n/,
  );
  const list = () => ask(url, operation, { authorization });
  const shown = { id: `${R}:${EXAMPLE.maintenanceId}`, state: 'IN_PROGRESS', description: 'test' };
  const extensions = { commands: [{ command: 'get_maintenance_list' }] };
  expect(await list()).toMatchObject({ data: { maintenances: [shown] }, extensions });
  // Introspection may be deeper than the 30 levels of other fields.
  const deep = `${'ofType { '.repeat(40)} name ${'} '.repeat(40)}`;
  expect((await ask(url, `{ __type(name: "DateTime") { ${deep} } }`)).errors).toEqual([]);
  const create = 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { createdId } }';
  const { data } = await ask(url, create, { authorization }, { input: NEW_MAINTENANCE });
  // Both folders are watched, and the data outlives a subgraph that cannot start.
  write('schema/maintenance.graphql', 'broken');
  await dev.until(/Syntax Error[\s\S]+Failed running/);
  write('src/values.ts', 'const = 0;');
  await dev.until(/SyntaxError[\s\S]+Failed running/);
  for (const path of ['schema/maintenance.graphql', 'src/values.ts']) write(path, readDocument(path));
  await until(async () => JSON.stringify(await list().catch(String)).includes(data.createMaintenance.createdId));
  dev.child.kill('SIGINT');
  expect(await dev.exit).toBe(0);
  expect(dev.output()).toMatch(/> \{"command":"get_maintenance_list",.+\n[\s\S]+ INFO: stopped\n$/);
  expect(dev.output().match(/ Sandbox /g)).toHaveLength(1);
  await freePort(Number(new URL(url).port), 'localhost');
});

it.concurrent('npm run supergraph serves the operations of the pages and its subgraphs, and connects to no host outside', async () => {
  // Node prints each connection.
  const offline = { NODE_DEBUG: 'net', APOLLO_KEY: 'service:graph:canary', APOLLO_GRAPH_REF: 'graph@current' };
  const supergraph = run('dev/supergraph.ts', { ...offline, PORT: '0', ROUTER_SECRET: `${ROUTER_SECRET} ${R}` });
  const [, url, maintenance, secret = '', authorization = '', operation] = await supergraph.until(
    /Sandbox +(\S+)\n.+ maintenance +(\S+), with Router-Authorization: (\S+)\n[\s\S]+ authorization: (.+)\n +Operation +(.+)\n/,
  );
  const { data, extensions } = await ask(url, operation, { authorization });
  const { id: _, ...first } = RESIDENCES[0] ?? {};
  expect(data.residences[0]).toEqual({ ...first, maintenances: [{ description: 'test', state: 'IN_PROGRESS' }] });
  // A block without a result is for the supergraph.
  for (const { graphql } of BLOCKS.filter(({ json }) => !json))
    expect((await ask(url, graphql, { authorization }, { residenceId: R })).errors).toEqual([]);
  const commands = RESIDENCES.map(() => ({ command: 'get_maintenance_list', code: 'OK' }));
  expect(extensions).toMatchObject({ commands });
  expect(codes(await ask(maintenance, '{ __typename }'))).toEqual([['ROUTER_UNAUTHENTICATED', undefined]]);
  expect((await ask(maintenance, '{ __typename }', { 'router-authorization': secret })).errors).toEqual([]);
  supergraph.child.kill('SIGINT');
  expect(await supergraph.exit).toBe(0);
  const connections = supergraph.output().match(/(?<=: find host |: attempting to connect to )\S+/g) ?? [];
  expect(connections).not.toEqual([]);
  expect(connections.filter((host) => !/^(localhost$|(127\.0\.0\.1|::1):\d+$)/.test(host))).toEqual([]);
});

// Sandbox has one pane for the variables of all.
const VARIABLES = Object.assign({}, ...readExamples('.').map(({ variables }) => variables));
it.each(readExamples('.'))('$name can run twice, with the variables of all', async (example) => {
  for (const variables of [example.variables, VARIABLES]) {
    const { data, errors } = await subgraph.ask(example.query, { variables });
    expect(errors).toEqual([]);
    for (const value of Object.values(data)) expect(value).toEqual(expect.anything());
    expect(data.deleteMaintenances?.failures ?? []).toEqual([]);
  }
});

const READS = { timeout: 'UPSTREAM_TIMEOUT', unavailable: 'UPSTREAM_UNAVAILABLE', refused: 'COMMAND_REJECTED' };
const FAILURES: Readonly<Record<string, object>> = {
  'when-it-fails.graphql': { ...READS, forbidden: 'FORBIDDEN', invalid: 'UPSTREAM_INVALID_RESPONSE' },
  'when-a-write-fails.graphql': { notSent: 'NOT_SENT', rejected: 'REJECTED', unknown: 'UNKNOWN' },
};
it.each(readExamples('emulator'))('$name shows each failure, and a slow list', async (example) => {
  const { data, errors } = await subgraph.ask(example.query, example);
  const shown = errors.map(({ path, extensions: { outcome, code } }) => [path?.[0], outcome ?? code]);
  expect(Object.fromEntries(shown)).toEqual(FAILURES[example.name]);
  if ('slow' in data) expect(data.slow).toEqual([{ id: `rfault-slow:${EXAMPLE.maintenanceId}` }]);
});

it.each([
  ['rfault-lost', 'createMaintenance', 'UNKNOWN', 2],
  ['rfault-unwritten', 'createMaintenance', 'UNKNOWN', 1],
  ['rfault-unread', 'createMaintenance.maintenance', undefined, 2],
])('a create of %s fails at %s with the outcome %s, and leaves %d requests', async (residenceId, at, outcome, left) => {
  const { query, variables } = create({ residenceId });
  const { errors } = await subgraph.ask(query.replace('createdId', 'createdId maintenance { id }'), { variables });
  expect(errors.map(({ path, extensions }) => [path?.join('.'), extensions.outcome])).toEqual([[at, outcome]]);
  expect(subgraph.upstream.store.residences.get(residenceId)).toHaveLength(left);
});

const SHOWN = BLOCKS.filter(({ json }) => json);
it.each(SHOWN)('the pages show the true result of example %#', async ({ graphql, json }) => {
  const answers = [];
  for (const operation of parse(graphql).definitions) answers.push(await subgraph.ask(print(operation)));
  expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
  // An id of a new request ends with "…".
  const expected = JSON.parse(String(json), (_, value) =>
    value?.endsWith?.('…') ? expect.stringMatching(`^${value.slice(0, -1)}`) : value,
  );
  expect({ data: Object.assign({}, ...answers.map(({ data }) => data)) }).toEqual(expected);
});
