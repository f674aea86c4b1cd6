/**
 * The programs of package.json as processes: their arguments, failures to start, and what they serve. Most tests run side by side.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { satisfies } from 'semver';
import { freePort, PATH, serve } from '../../dev/command-api.ts';
import { EXAMPLE } from '../../dev/seed.ts';
import { RESIDENCES } from '../../dev/supergraph/neighbour.ts';
import { askAt, codes, ROUTER_SECRET } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { killAll, run, runInGroup, SCRIPTS, start, watch } from '../support/process.ts';

const R = EXAMPLE.residenceId;
// Node prints each connection.
const OFFLINE = { NODE_DEBUG: 'net', APOLLO_KEY: 'service:graph:canary', APOLLO_GRAPH_REF: 'graph@current' };
const taken = await serve(() => {});
const TAKEN = new URL(taken.url).port;

afterAll(async () => {
  killAll();
  await taken.stop();
});

const ask = (url: string, query: string, headers: Record<string, string> = {}) =>
  askAt(url, query, { token: null, headers });

async function expectRefusal(program: ReturnType<typeof run>, message: RegExp): Promise<void> {
  expect(await program.exit).toBe(1);
  expect(program.output()).toMatch(message);
}

/** Sends SIGUSR1, then the signal of Ctrl-C. */
async function expectEnd({ child, exit, output }: ReturnType<typeof run>, url: string): Promise<void> {
  child.kill('SIGUSR1');
  expect((await fetch(`${new URL(url).origin}/health/live`)).status).toBeLessThan(500);
  child.kill('SIGINT');
  expect(await exit).toBe(0);
  expect(output()).not.toMatch(/debugger|inspector/i);
}

it.concurrent('npm run supergraph serves the supergraph and its subgraphs, and connects to no host outside', async () => {
  const proxy = `http://127.0.0.1:${await freePort()}`;
  const env = { ...OFFLINE, PORT: '0', HTTP_PROXY: proxy, http_proxy: proxy, TOKEN_HEADER: 'X-Vendor-Authorization' };
  const supergraph = run('dev/supergraph.ts', env);
  const printed = async (pattern: RegExp) => (await supergraph.until(pattern))[1] ?? '';
  const url = await printed(/Supergraph, Sandbox +(http:\/\/localhost:\d+)\n/);
  const maintenance = await printed(/Subgraph maintenance +(http:\/\/localhost:\d+\/graphql), with/);
  const secret = await printed(/, with Router-Authorization: (\S+)\n/);
  const residences = await printed(/Subgraph residences +(http:\/\/localhost:\d+\/graphql)\n/);
  const headers = { 'x-vendor-authorization': await printed(/x-vendor-authorization: (Bearer \S+)/) };
  const operation = await printed(/Operation +(query OpenByResidence \{.+\})\n/);

  for (const path of ['', '/', '/graphql']) {
    const { data, extensions } = await ask(url + path, operation, headers);
    const { id: _, ...first } = RESIDENCES[0] ?? {};
    expect(data.residences).toHaveLength(RESIDENCES.length);
    expect(data.residences[0]).toEqual({ ...first, maintenances: [{ description: 'test', state: 'IN_PROGRESS' }] });
    const commands = RESIDENCES.map(({ id }) => ({ command: 'get_maintenance_list', residenceId: id }));
    expect(extensions).toMatchObject({ commands });
    expect((await ask(url + path, getIntrospectionQuery())).errors).toEqual([]);
    const page = await fetch(url + path, { headers: { accept: 'text/html' } });
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    const html = await page.text();
    expect(html).toMatch(/OpenByResidence[\s\S]+WhereToGo[\s\S]+OpenMaintenances/);
    expect(html).toContain(`"headers":${JSON.stringify(headers)}`);
  }
  const twoFetches = '{ maintenances(residenceId: "none") { id } residences { maintenances { id } } }';
  const { commands } = (await ask(url, twoFetches, headers)).extensions ?? {};
  expect(commands).toHaveLength(1 + RESIDENCES.length);
  expect(commands).toContainEqual(expect.objectContaining({ residenceId: 'none', code: 'COMMAND_REJECTED' }));
  expect(codes(await ask(maintenance, '{ __typename }'))).toEqual([['ROUTER_UNAUTHENTICATED', undefined]]);
  const accepted = await ask(maintenance, '{ __typename }', { 'router-authorization': secret });
  expect(accepted).toMatchObject({ data: { __typename: 'Query' }, extensions: { commands: [] } });
  expect((await ask(residences, '{ residences { id } }')).data.residences).toHaveLength(RESIDENCES.length);

  await expectEnd(supergraph, url);
  const connections = supergraph.output().match(/(?<=: find host |: attempting to connect to )\S+/g) ?? [];
  expect(connections).not.toEqual([]);
  expect(connections.filter((host) => !/^(localhost$|(127\.0\.0\.1|::1):\d+$)/.test(host))).toEqual([]);
});

it.concurrent('npm run dev serves emulator and subgraph, prints an example, and ends at Ctrl-C', async () => {
  const dev = run('dev/main.ts', { PORT: '0' });
  const [, url = ''] = await dev.until(/Sandbox +(http:\/\/localhost:\d+\/graphql)/);
  const [, authorization = ''] = await dev.until(/authorization: (Bearer \S+)/);
  const [, operation = ''] = await dev.until(/Operation +(\{.+\})\n/);
  expect(await ask(url, operation, { authorization })).toMatchObject({
    data: { maintenances: [{ id: `${R}:${EXAMPLE.maintenanceId}`, state: 'IN_PROGRESS', description: 'test' }] },
    extensions: { commands: [{ command: 'get_maintenance_list', residenceId: R }] },
  });
  await dev.until(/> \{"command":"get_maintenance_list","id":"c[0-9a-f]{32}","param":\{"residence_id":"r31adc/);
  expect((await ask(url, '{ __schema { queryType { name } } }')).errors).toEqual([]);
  await expectEnd(dev, url);
  // Lines for a person, not JSON.
  expect(dev.output()).toMatch(/^\[[\d:.]+\] INFO: stopping \{"signal":"SIGINT"\}\n\[[\d:.]+\] INFO: stopped\n$/m);
});

it.concurrent('npm run emulator serves the given port, and prints a command that works', async () => {
  const port = String(await freePort());
  const running = run('dev/emulator.ts', {}, ['--port', port]);
  const pattern = /curl (http:\S+) [\s\S]+-H 'Authorization: (.+)' -d '(.+)'\n[\s\S]*More residences +\S+ \(\d+\)\n/;
  const [, url, authorization = '', body = ''] = await running.until(pattern);
  expect(url).toBe(`http://127.0.0.1:${port}${PATH}`);
  const headers = { 'content-type': 'application/json', accept: 'application/json', authorization };
  const answer = await fetch(String(url), { method: 'POST', headers, body });
  expect(await answer.json()).toMatchObject({ success: true, result: [{ maintenance_id: EXAMPLE.maintenanceId }] });
});

const REQUIRED = { HOST: '127.0.0.1', PORT: '0', COMMAND_API_URL: 'http://127.0.0.1:9', ROUTER_SECRET };
const FAULTS = ['PORT must be .+', 'COMMAND_API_URL is missing: .+', 'ROUTER_SECRET is missing: .+'].join('\n  ');
const NO_HOST = /^Cannot listen: .*x.invalid. Check .+\.\n$/;
// No machine has this address: it is for documentation.
const [ELSEWHERE, NOT_HERE] = ['192.0.2.1', /^Cannot listen: .* 192\.0\.2\.1.*\. Check HOST and PORT\.\n$/];
const inUse = (variable: string) => new RegExp(`^Port ${TAKEN} is in use. Set ${variable} to a free port.\n$`);
it.concurrent.each<[title: string, file: string, env: NodeJS.ProcessEnv, message: RegExp]>([
  ['a faulty environment', 'src/main.ts', { PORT: 'x' }, new RegExp(`^Invalid environment:\n  ${FAULTS}\n$`)],
  ['an unknown host', 'src/main.ts', { ...REQUIRED, HOST: 'x.invalid' }, NO_HOST],
  ['the address of another host', 'src/main.ts', { ...REQUIRED, HOST: ELSEWHERE }, NOT_HERE],
  ['a taken port', 'src/main.ts', { ...REQUIRED, PORT: TAKEN }, inUse('PORT')],
  ['a taken port', 'dev/main.ts', { PORT: TAKEN }, inUse('PORT')],
  ['a taken port', 'src/main.ts', { ...REQUIRED, METRICS_PORT: TAKEN }, inUse('METRICS_PORT')],
])('%s stops the start of %s with a message and without a stack', async (_, file, env, message) => {
  await expectRefusal(run(file, env), message);
});

const USED = new RegExp(`^Another process uses port ${TAKEN}. Choose a port with --port.\n$`);
// One after the other: a start that loads the gateway takes a second of CPU.
it.each<[program: string, options: string, env: NodeJS.ProcessEnv, message: RegExp]>([
  ['supergraph', '--router nope', {}, /^There is no router "nope"\. Choose one of apollo, hive, grafbase, .+\n$/],
  ['supergraph', '--router apollo', {}, /^Apollo Router is not installed\. Set APOLLO_ROUTER to the path of .+\n$/],
  [
    'supergraph',
    '--router apollo',
    { APOLLO_ROUTER: 'no' },
    /^Apollo Router did not start:\nError: spawn .+ ENOENT\n$/,
  ],
  ['supergraph', '--router apollo', { APOLLO_ROUTER: '/bin/echo' }, /^Apollo Router did not start:\n.*--config .+\n/],
  ['supergraph', '--subgraph nosuch', {}, /^--subgraph must be NAME=URL, not "nosuch"\.\n$/],
  ['supergraph', '--subgraph a=http://[::1]:9', {}, /^The subgraph "a" does not answer \{ _service .+:9\/?\.\n$/],
  ['supergraph', '', { PORT: 'x' }, /^Invalid environment:\n {2}PORT must be a whole number from 0 to 65535\n$/],
  ['emulator', `--port ${TAKEN}`, {}, USED],
  ['emulator', '--port 65536', {}, /^--port must be a whole number from 0 to 65535\.\n$/],
])('npm run %s refuses the options "%s" with the environment %j in plain words', async (name, args, env, message) => {
  await expectRefusal(run(`dev/${name}.ts`, { PORT: '0', ...env }, args.split(' ').filter(Boolean)), message);
});

/** Runs check-node.mjs as if on this version of Node. */
const checkNode = (version: string, folder?: string) => {
  const pretend = `Object.defineProperty(process, 'versions', { value: { node: '${version}' } })`;
  const args = ['--import', `data:text/javascript,${pretend}`, 'check-node.mjs'];
  return watch(start(process.execPath, args, {}, 'pipe', folder ? { cwd: folder } : {}));
};

const { engines } = JSON.parse(readDocument('package.json'));
it.concurrent.each(['20.19.0', '24.4.1', '24.5.0', '25.9.0', '26.0.0', '27.0.0'])(
  'a program runs on Node %s only if package.json allows this version, and else says why',
  async (version) => {
    const program = checkNode(version);
    expect(await program.exit).toBe(satisfies(version, engines.node) ? 0 : 1);
    const refusal = `This project needs Node 24, from 24.5, or Node 26. It runs on ${version}.\n`;
    expect(program.output().startsWith(refusal)).toBe(!satisfies(version, engines.node));
  },
);

it.concurrent.each([
  ['its install script', 'node_modules/node', /npm skipped the install script of the package `node`\. .+\n$/],
  ['the package', 'node_modules', /The package `node` is not installed\. .+ npm ci --omit=dev .+\n$/],
])('an older Node is refused with the cause: without %s, npm has no newer one', async (_, installed, cause) => {
  const folder = mkdtempSync(join(tmpdir(), 'check-node-'));
  copyFileSync('check-node.mjs', join(folder, 'check-node.mjs'));
  mkdirSync(join(folder, installed), { recursive: true });
  await expectRefusal(checkNode('20.19.0', folder), cause);
  rmSync(folder, { recursive: true });
});

// One sentence, and the options that there are.
const OWN = /^.*nosuch.*\n(Options:\n( {2}--.+\n)+(.+\n)?|There are no options\.\n.+\n)?$/;
// All own scripts but `start` read their arguments by the same two functions.
const ARGUMENTS = [
  ...Object.keys(SCRIPTS).map((name) => [name, '--nosuch']),
  ['start', 'nosuch'],
  ['contract', 'nosuch'],
];
it.concurrent.each(ARGUMENTS)('npm run %s refuses the unknown argument %s and does nothing', async (name, argument) => {
  const command = SCRIPTS[String(name)];
  const script = runInGroup(`${command} ${argument}`);
  expect(await script.exit).toBeGreaterThan(0);
  expect(script.output()).toMatch(/\.ts( |$)/.test(String(command)) ? OWN : /nosuch/);
});

it.concurrent.each(['contract', 'supergraph', 'schema:check', 'test:drill', 'test:routers', 'test:clients'])(
  'npm run %s -- --help prints the options',
  async (name) => {
    const script = runInGroup(`${SCRIPTS[name]} --help`);
    expect(await script.exit).toBe(0);
    expect(script.output()).toMatch(/^(Options:\n( {2}--.+\n)+(.+\n)?|There are no options\.\n.+\n|There are: .+\n)$/);
  },
);
