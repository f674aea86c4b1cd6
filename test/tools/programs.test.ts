/** The programs of package.json as processes: what they serve, and why they refuse to start. */
import { cpSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { freePort, PATH, serve } from '../../dev/command-api.ts';
import { EXAMPLE } from '../../dev/maintenance/seed.ts';
import { RESIDENCES } from '../../dev/supergraph/neighbour.ts';
import { askAt, codes, NEW_MAINTENANCE, ROUTER_SECRET } from '../support/ask.ts';
import { readDocument, readNames, readTable } from '../support/documents.ts';
import { argumentsOf, killAll, run, start, watch } from '../support/process.ts';
import { useFolder } from '../support/use-folder.ts';
import { until } from '../support/wait.ts';

const R = EXAMPLE.residenceId;
const taken = await serve(() => {});
const TAKEN = new URL(taken.url).port;
afterAll(killAll);
afterAll(taken.stop);
const { folder, write } = useFolder('dev');

const ask = (url = '', query = '', headers: Record<string, string> = {}) => askAt(url, query, { token: null, headers });

it.concurrent('npm run dev serves the printed operation, restarts with its data and port, and ends at Ctrl-C', async () => {
  for (const path of ['check-node.mjs', 'dev', 'examples', 'package.json', 'schema', 'src'])
    cpSync(path, join(folder, path), { recursive: true });
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  const dev = watch(start(process.execPath, argumentsOf('dev/main.ts'), { PORT: '0' }, { cwd: folder }));
  const [, url = '', authorization = '', operation = ''] = await dev.until(
    /Sandbox +(\S+)\n[\s\S]+ authorization: (Bearer \S+)\n +Operation +(\{.+\})\n/,
  );
  // Introspection may be deeper than the 30 levels of other fields.
  const deep = `${'ofType { '.repeat(40)} name ${'} '.repeat(40)}`;
  const introspect = `{ __type(name: "DateTime") { description ${deep} }`;
  const list = () => ask(url, operation.replace('{', introspect), { authorization });
  expect(await list()).toMatchObject({
    data: { maintenances: [{ id: `${R}:${EXAMPLE.maintenanceId}`, state: 'IN_PROGRESS', description: 'test' }] },
    extensions: { commands: [{ command: 'get_maintenance_list' }] },
  });
  expect((await ask(url, getIntrospectionQuery())).errors).toEqual([]);
  const create = 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { createdId } }';
  const { data } = await askAt(url, create, { variables: { input: NEW_MAINTENANCE } });
  const listShows = (text: string) => until(async () => JSON.stringify(await list().catch(String)).includes(text));
  write('schema/maintenance.graphql', readDocument('schema/maintenance.graphql').replace('A date', 'New: a date'));
  await listShows('New: a date');
  write('src/values.ts', 'const = 0;');
  await dev.until(/SyntaxError[\s\S]+Failed running/);
  write('src/values.ts', readDocument('src/values.ts'));
  await listShows(data.createMaintenance.createdId);
  dev.child.kill('SIGINT');
  expect(await dev.exit).toBe(0);
  expect(dev.output()).toMatch(/> \{"command":"get_maintenance_list",.+\n[\s\S]+ INFO: stopped\n$/);
  expect(dev.output().match(/ Sandbox /g)).toHaveLength(1);
  await freePort(Number(new URL(url).port), 'localhost');
});

it.concurrent('npm run supergraph serves the supergraph and its subgraphs, and connects to no host outside', async () => {
  // Node prints each connection.
  const offline = { NODE_DEBUG: 'net', APOLLO_KEY: 'service:graph:canary', APOLLO_GRAPH_REF: 'graph@current' };
  const supergraph = run('dev/supergraph.ts', { ...offline, PORT: '0', ROUTER_SECRET: `${ROUTER_SECRET} ${R}` });
  const [, url, maintenance, secret = '', authorization = '', operation] = await supergraph.until(
    /Sandbox +(\S+)\n.+ maintenance +(\S+), with Router-Authorization: (\S+)\n[\s\S]+ authorization: (.+)\n +Operation +(.+)\n/,
  );
  const { data, extensions } = await ask(url, operation, { authorization });
  const { id: _, ...first } = RESIDENCES[0] ?? {};
  expect(data.residences[0]).toEqual({ ...first, maintenances: [{ description: 'test', state: 'IN_PROGRESS' }] });
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

it.concurrent('npm run emulator serves the given port, prints a command that works, and refuses another token', async () => {
  const port = String(await freePort());
  const pattern = /curl (http:\S+) [\s\S]+-H 'Authorization: (.+)' -d '(.+)'\n/;
  const [, url = '', authorization = '', body = ''] = await run('dev/emulator.ts', {}, ['--port', port]).until(pattern);
  expect(url).toBe(`http://127.0.0.1:${port}${PATH}`);
  const send = async (authorization: string) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json', authorization };
    return (await fetch(url, { method: 'POST', headers, body })).json();
  };
  const result = [{ maintenance_id: EXAMPLE.maintenanceId }];
  expect(await send(authorization)).toMatchObject({ success: true, result });
  expect(await send('Bearer other')).toMatchObject({ success: false, message: expect.any(String) });
});

const REQUIRED = { HOST: '127.0.0.1', PORT: '0', COMMAND_API_URL: 'http://127.0.0.1:9', ROUTER_SECRET };
const FAULTS = /^Invalid environment:\n {2}COMMAND_API_URL is .+\n {2}PORT must be .+\n {2}ROUTER_SECRET is .+\n$/;
const VARIABLES = readTable(readDocument('docs/configuration.md'), 'variable').flatMap(([name, value]) =>
  readNames(name).map((one) => ` {2}${one}=${readNames(value)}\n {6}[^\`[]+`),
);
it.concurrent.each<[program: string, env: NodeJS.ProcessEnv, code: number, message: RegExp]>([
  ['src/main.ts', { PORT: 'x' }, 1, FAULTS],
  ['src/main.ts', { ...REQUIRED, HOST: 'x.invalid' }, 1, /^Cannot listen: .*x.invalid. Check .+\.\n$/],
  ['src/main.ts', { ...REQUIRED, METRICS_PORT: TAKEN }, 1, /^Port \d+ is in use. Set METRICS_PORT to a free port.\n$/],
  ['dev/main.ts', { PORT: TAKEN, HOST: '127.0.0.1' }, 1, /^Port \d+ is in use. Set PORT to a free port.\n/],
  [`dev/emulator.ts --port ${TAKEN}`, {}, 1, /^Port \d+ is in use. Set --port to a free port.\n$/],
  ['dev/supergraph.ts --router apollo', { PORT: '0' }, 1, /^Apollo Router needs .+ APOLLO_ROUTER: .+\n$/],
  ['dev/maintenance/contract.ts', { COMMAND_API_URL: 'x' }, 2, /^\nCOMMAND_API_URL [\s\S]+\nSet these variables\.\n$/],
  ['src/main.ts --help', {}, 0, new RegExp(`^Environment variables, .+\n${VARIABLES.join('\n')}\n$`)],
  ['src/main.ts --nosuch', {}, 1, /^[^\n]*'--nosuch'[^\n]*\n$/],
  ['dev/maintenance/contract.ts --nosuch', {}, 1, /^.*'--nosuch'.*\nOptions:\n {2}--write .+\n.+\n$/],
  ['dev/maintenance/contract.ts --help', {}, 0, /^Options:\n {2}--write .+\n.+\n$/],
])('%s says why it ends (row %#)', async (program, env, code, message) => {
  const [file = '', ...args] = program.split(' ');
  const running = run(file, env, args);
  expect(await running.exit).toBe(code);
  expect(running.output()).toMatch(message);
});

it.concurrent.each([
  ['node/bin/node', 'run node_modules/.bin/node'],
  ['node/index.js', 'npm skipped .+ --ignore-scripts=false'],
  ['other', 'The package `node` is not installed. .+'],
])('a program says which Node it needs, and with node_modules/%s: %s', async (file, advice) => {
  write(`${file}/node_modules/${file}`, '');
  const pretend = "data:text/javascript,Object.defineProperty(process, 'versions', { value: { node: '24.4.1' } })";
  const program = write(`${file}/check-node.mjs`, readDocument('check-node.mjs'));
  const { exit, output } = watch(start(process.execPath, ['--import', pretend, program], {}));
  expect(await exit).toBe(1);
  expect(output()).toMatch(new RegExp(`^.+ Node 24, from 24.5, or Node 26. It runs on 24.4.1.\n.*${advice}\n$`));
});
