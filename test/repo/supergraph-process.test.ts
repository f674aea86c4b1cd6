/**
 * `npm run supergraph` as a developer runs it: on one line, without an account, and asking nobody outside.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { freePort } from '../../dev/command-api.ts';
import { RESIDENCES } from '../../dev/supergraph/neighbour.ts';
import { killAll, run, start, watch } from '../support/process.ts';
import type { Answer } from '../support/subgraph.ts';
import { until } from '../support/wait.ts';

afterEach(killAll);

async function post(url: string, query: string, headers: Record<string, string>) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  });
  return (await response.json()) as Pick<Answer, 'data' | 'extensions'>;
}

/** Says on standard output who is looked up or connected to by anything but localhost. */
const WATCH_OUTSIDE = `data:text/javascript,
  import net from 'node:net';
  const { connect } = net.Socket.prototype;
  net.Socket.prototype.connect = function (...args) {
    const { host = 'localhost' } = args.flat()[0] ?? {};
    if (!/^(localhost|127[.]0[.]0[.]1|::1)$/.test(host)) console.log('OUTSIDE ' + host);
    return connect.apply(this, args);
  };`;

it('serves all of it, prints what to try, and ends with Ctrl-C', async () => {
  const supergraph = run('dev/supergraph.ts', { PORT: '0' });
  const [, url = ''] = await supergraph.until(/Supergraph, Sandbox +(http:\/\/localhost:\d+)\n/);
  const [, subgraphUrl = '', secret = ''] = await supergraph.until(
    /Subgraph maintenance +(http:\/\/localhost:\d+\/graphql), with Router-Authorization: (\S+)\n/,
  );
  const [, neighbourUrl = ''] = await supergraph.until(/Subgraph residences +(http:\/\/localhost:\d+\/graphql)\n/);
  const [, authorization = ''] = await supergraph.until(/Authorization: (Bearer \S+)/);
  const [, operation = ''] = await supergraph.until(/Operation +(query OpenByResidence \{.+\})\n/);

  for (const path of ['', '/', '/graphql']) {
    const { data, extensions } = await post(url + path, operation, { authorization });
    const [first, ...others] = data.residences;
    const { name, address } = RESIDENCES[0] ?? {};
    expect(first).toEqual({ name, address, maintenances: [{ description: 'test', state: 'IN_PROGRESS' }] });
    expect(others).toHaveLength(RESIDENCES.length - 1);
    const commands = RESIDENCES.map(({ id }) => ({ command: 'get_maintenance_list', residenceId: id }));
    expect(extensions).toMatchObject({ commands });
    const page = await fetch(url + path, { headers: { accept: 'text/html' } });
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
  }
  const twoSteps = '{ maintenances(residenceId: "none") { id } residences { maintenances { id } } }';
  const { commands } = (await post(url, twoSteps, { authorization })).extensions ?? {};
  expect(commands).toHaveLength(1 + RESIDENCES.length);
  expect(commands).toContainEqual(expect.objectContaining({ residenceId: 'none', outcome: 'COMMAND_REJECTED' }));
  expect((await post(url, '{ __typename }', {})).extensions).toEqual({ commands: [] });
  expect(await post(url, '{ __schema { queryType { name } } }', {})).toMatchObject({ data: { __schema: {} } });
  expect(await post(subgraphUrl, '{ __typename }', {})).toMatchObject({
    errors: [{ extensions: { code: 'ROUTER_UNAUTHENTICATED' } }],
  });
  expect(await post(subgraphUrl, '{ __typename }', { 'router-authorization': secret })).toEqual({
    data: { __typename: 'Query' },
    extensions: { commands: [] },
  });
  expect(await post(neighbourUrl, '{ residences { id } }', {})).toEqual({
    data: { residences: RESIDENCES.map(({ id }) => ({ id })) },
  });

  supergraph.child.kill('SIGINT');
  expect(await supergraph.exit).toBe(0);
});

it('asks nobody outside, whatever account or proxy the environment has', async () => {
  const proxy = `http://127.0.0.1:${await freePort()}`;
  const env = {
    PORT: '0',
    APOLLO_KEY: 'service:graph:canary',
    APOLLO_GRAPH_REF: 'graph@current',
    HTTP_PROXY: proxy,
    http_proxy: proxy,
  };
  const supergraph = watch(start(process.execPath, ['--import', WATCH_OUTSIDE, 'dev/supergraph.ts'], env));
  const [, url = ''] = await supergraph.until(/Supergraph, Sandbox +(http:\/\/localhost:\d+)\n/);
  const { data } = await post(url, '{ residences { name } }', {});
  expect(data).toMatchObject({ residences: RESIDENCES.map(({ name }) => ({ name })) });
  supergraph.child.kill('SIGTERM');
  expect(await supergraph.exit).toBe(0);
  expect(supergraph.output()).not.toContain('OUTSIDE');
});

it.each([1, 2])('takes the two ports after PORT, and says which one is taken: %d', async (count) => {
  const { holder, port } = await holdPort();
  const supergraph = run('dev/supergraph.ts', { HOST: '127.0.0.1', PORT: String(port - count) });
  expect(await supergraph.exit).toBe(1);
  const said = `Port ${port} is taken by another process. Set PORT or METRICS_PORT, whichever it is, to a free one.`;
  expect(supergraph.output().trim().split('\n').at(-1)).toBe(said);
  holder.close();
});

it.each([
  [['--router', 'nope'], /^There is no router "nope"\. Choose one of apollo, hive, grafbase, hive-gateway, /],
  [
    ['--router', 'apollo'],
    /^Apollo Router is not installed\. Set APOLLO_ROUTER to the path of the executable `router`\.\n$/,
  ],
  [['--nope'], /^Unknown option '--nope'/],
])('refuses %j with one sentence', async (args, message) => {
  const supergraph = run('dev/supergraph.ts', { PORT: '0' }, args);
  expect(await supergraph.exit).toBe(1);
  expect(supergraph.output()).toMatch(message);
});

describe('a router', () => {
  const folder = mkdtempSync(join(tmpdir(), 'router-test-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Starts the supergraph with an executable of this script. Its temporary files go to a folder of the test. */
  function runWith(script: string) {
    const executable = join(folder, 'router');
    const modules = "const fs = require('node:fs'); const http = require('node:http');";
    writeFileSync(executable, `#!${process.execPath}\n${modules}\n${script}`, { mode: 0o755 });
    const args = ['dev/supergraph.ts', '--router', 'apollo'];
    return watch(start(process.execPath, args, { PORT: '0', APOLLO_ROUTER: executable, TMPDIR: folder }));
  }
  const left = () => readdirSync(folder).filter((name) => name.startsWith('apollo-'));
  const SERVE = `
    const config = fs.readFileSync(process.argv[process.argv.indexOf('--config') + 1], 'utf8');
    const [, port] = /listen: 127.0.0.1:(\\d+)/.exec(config);
    http.createServer((_, response) => response.end('{"data":{}}')).listen(port, '127.0.0.1');`;

  it('that cannot start is named, with its output', async () => {
    const supergraph = runWith("console.log('no such key'); process.exit(3);");
    expect(await supergraph.exit).toBe(1);
    expect(supergraph.output()).toBe('Apollo Router did not start:\nno such key\n\n');
    expect(left()).toEqual([]);
  });

  it('that does not exist is named', async () => {
    const args = ['dev/supergraph.ts', '--router', 'apollo'];
    const supergraph = watch(start(process.execPath, args, { PORT: '0', APOLLO_ROUTER: 'nowhere', TMPDIR: folder }));
    expect(await supergraph.exit).toBe(1);
    expect(supergraph.output()).toMatch(/^Apollo Router did not start:\nError: spawn .+ ENOENT\n$/);
    expect(left()).toEqual([]);
  });

  it('that ends by itself ends the program, with its output', async () => {
    const supergraph = runWith(`${SERVE} setTimeout(() => { console.log('a panic'); process.exit(3); }, 1500);`);
    await supergraph.until(/Apollo Router +http/);
    expect(await supergraph.exit).toBe(1);
    expect(supergraph.output()).toMatch(/The router ended by itself:\na panic\n/);
    expect(left()).toEqual([]);
  });

  it('is not left running by a signal during its start', async () => {
    const supergraph = runWith(`fs.writeFileSync('${folder}/pid', String(process.pid)); setInterval(() => {}, 1000);`);
    await until(() => existsSync(join(folder, 'pid')));
    const pid = Number(readFileSync(join(folder, 'pid')));
    supergraph.child.kill('SIGTERM');
    expect(await supergraph.exit).toBe(0);
    await until(() => !existsSync(`/proc/${pid}`));
    expect(left()).toEqual([]);
  });
});

it('refuses a PORT that is none, without a stack, and exits with 1', async () => {
  const supergraph = run('dev/supergraph.ts', { PORT: 'x' });
  expect(await supergraph.exit).toBe(1);
  expect(supergraph.output()).toBe('The environment cannot be used:\n  PORT must be a whole number from 0 to 65535\n');
});

/** Takes a port after a free one. */
async function holdPort(): Promise<{ holder: net.Server; port: number }> {
  const port = await freePort();
  const [before, holder] = [await listen(port - 1), await listen(port)];
  before?.close();
  if (before && holder) return { holder, port };
  holder?.close();
  return holdPort();
}

/** Undefined where the port is taken. */
function listen(port: number): Promise<net.Server | undefined> {
  const server = net.createServer().unref();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
