import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort } from '../../dev/command-api.ts';
import { EXAMPLE } from '../../dev/seed.ts';
import { request } from '../support/load.ts';
import {
  argumentsOf,
  killAll,
  run,
  runInGroup,
  runNpmStart,
  SCRIPTS,
  signalGroup,
  start,
  watch,
} from '../support/process.ts';
import { HEADERS } from '../support/replica.ts';
import { ROUTER_SECRET } from '../support/subgraph.ts';
import { startUpstream } from '../support/upstream.ts';
import { until } from '../support/wait.ts';

const R = EXAMPLE.residenceId;
// Enough for the production server to start; nothing answers at that command API.
const ENV = { HOST: '127.0.0.1', PORT: '0', COMMAND_API_URL: 'http://127.0.0.1:9', ROUTER_SECRET };

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  killAll();
  for (const cleanUp of cleanups.splice(0)) await cleanUp();
});

async function post(url: string, query: string, headers: Record<string, string>) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${EXAMPLE.token}`, ...headers },
    body: JSON.stringify({ query }),
  });
  return response.json();
}

/** How many operations `logMuch` asks. Their lines are more than pipes and the server hold. */
const OPERATIONS = 4000;
const MUCH = 'Much'.repeat(25);

/** Starts the server that ships, its log at `stdout`. It crashes on SIGUSR2. */
function startMain(env: NodeJS.ProcessEnv, stdout: 'pipe' | number) {
  const crash = `data:text/javascript,process.on('SIGUSR2', () => { throw new Error('crash') })`;
  const args = ['--import', crash, 'src/main.ts'];
  return start(process.execPath, args, env, ['ignore', stdout, 'pipe']);
}

/** Asks operations whose log lines have over 500 bytes. All must be answered. */
async function logMuch(url: string): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 10 });
  cleanups.push(() => agent.destroy());
  const long = 'x'.repeat(100);
  const headers = { ...HEADERS, 'apollographql-client-name': long, 'apollographql-client-version': long };
  const body = JSON.stringify({ query: `query ${MUCH} { __typename }` });
  const ask = async () => (await request(agent, `${url}/graphql`, { headers, body })).status;
  expect(new Set(await Promise.all(Array.from({ length: OPERATIONS }, ask)))).toEqual(new Set([200]));
}

type Watched = ReturnType<typeof watch>;

const runMain = (env: NodeJS.ProcessEnv) => run('src/main.ts', env);

/** Sends a signal again as soon as the server has taken the first. */
async function signalTwice({ child, until }: Watched, signal: NodeJS.Signals): Promise<void> {
  child.kill(signal);
  await until(/"msg":"stopping"/);
  child.kill(signal);
}

/** Takes a free port, for another server to find it taken. */
async function holdPort() {
  const holder = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  return { holder, port: (holder.address() as net.AddressInfo).port };
}

/** Waits until nobody listens there any more. */
async function untilRefused(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const refused = () =>
    new Promise<boolean>((resolve) => {
      const socket = net.connect(Number(port), hostname);
      socket.on('error', () => resolve(true));
      socket.on('connect', () => {
        socket.destroy();
        resolve(false);
      });
    });
  while (!(await refused())) await new Promise((resolve) => setTimeout(resolve, 50));
}

describe('npm start', () => {
  it('goes on serving for a while after SIGTERM, not ready, then answers what is under way and exits with 0', async () => {
    const upstream = await startUpstream();
    const subgraph = run('src/main.ts', {
      HOST: '127.0.0.1',
      PORT: '0',
      COMMAND_API_URL: upstream.url,
      ROUTER_SECRET,
      DRAIN_DELAY_MS: '1500',
    });
    const [, url = ''] = await subgraph.until(/"url":"([^"]+)","msg":"ready"/);
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    let release = () => {};
    const arrived = new Promise<void>((resolve) => {
      upstream.fail(({ param }, response) => {
        if (param.residence_id !== 'slow') return undefined;
        release = () => response.end('{"success":true,"result":[]}');
        resolve();
        return 'taken';
      });
    });
    const secret = { 'router-authorization': ROUTER_SECRET };
    const slow = post(url, '{ maintenances(residenceId: "slow") { id } }', secret);
    await arrived;
    subgraph.child.kill('SIGTERM');
    await subgraph.until(/"msg":"stopping"/);
    const ready = await fetch(`${url}/health/ready`);
    expect([ready.status, ready.headers.get('connection')]).toEqual([503, 'close']);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    const refused = await fetch(`${url}/graphql`, { method: 'POST' });
    expect([refused.status, refused.headers.get('connection')]).toEqual([401, 'close']);
    expect(await post(url, `{ maintenances(residenceId: "${R}") { contact } }`, secret)).toEqual({
      data: { maintenances: [{ contact: '10086' }] },
    });
    await untilRefused(url);
    release();
    expect(await slow).toEqual({ data: { maintenances: [] } });
    expect(await subgraph.exit).toBe(0);
    expect(subgraph.output()).toMatch(/"msg":"stopping"[\s\S]+"msg":"stopped"/);
    await upstream.stop();
  });

  it('cuts off what takes longer than an operation may, and exits with 0', async () => {
    const subgraph = run('src/main.ts', {
      ...ENV,
      DRAIN_DELAY_MS: '0',
      ATTEMPT_TIMEOUT_MS: '100',
      OPERATION_TIMEOUT_MS: '200',
    });
    const [, url = ''] = await subgraph.until(/"url":"([^"]+)","msg":"ready"/);
    const { hostname, port } = new URL(url);
    const socket = net.connect(Number(port), hostname);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    // A body that never comes keeps the request under way for good.
    socket.on('error', () => {});
    socket.write(
      `POST /graphql HTTP/1.1\r\nhost: x\r\nrouter-authorization: ${ROUTER_SECRET}\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{`,
    );
    await fetch(`${url}/health/live`);
    subgraph.child.kill('SIGTERM');
    await closed;
    expect(await subgraph.exit).toBe(0);
    expect(subgraph.output()).toMatch(/"msg":"stopped"/);
  });

  it.each([
    ['half of a request', 10],
    ['nothing at all', 0],
  ])('answers a request that comes while it closes, on a connection that had brought %s', async (_, sentBefore) => {
    const upstream = await startUpstream();
    const subgraph = run('src/main.ts', { ...ENV, COMMAND_API_URL: upstream.url, DRAIN_DELAY_MS: '0' });
    const [, url = ''] = await subgraph.until(/"url":"([^"]+)","msg":"ready"/);
    const { hostname, port } = new URL(url);
    const body = JSON.stringify({ query: `{ maintenances(residenceId: "${R}") { contact } }` });
    const text = `POST /graphql HTTP/1.1\r\nhost: x\r\nrouter-authorization: ${ROUTER_SECRET}\r\ncontent-type: application/json\r\nauthorization: Bearer ${EXAMPLE.token}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    const socket = net.connect(Number(port), hostname);
    let answered = '';
    socket.on('data', (chunk) => {
      answered += chunk;
    });
    const closed = new Promise((resolve) => socket.once('close', resolve));
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write(text.slice(0, sentBefore));
    await fetch(`${url}/health/live`);
    subgraph.child.kill('SIGTERM');
    await untilRefused(url);
    socket.write(text.slice(sentBefore));
    await closed;
    expect(answered).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answered).toMatch(/\r\nconnection: close\r\n/i);
    expect(answered).toContain('{"data":{"maintenances":[{"contact":"10086"}]}}');
    expect(await subgraph.exit).toBe(0);
    await upstream.stop();
  });

  it('takes it for its own fault, and for none of the command API, when it has no socket left', async () => {
    const upstream = await startUpstream();
    const env = { ...ENV, COMMAND_API_URL: upstream.url, DRAIN_DELAY_MS: '0', BREAKER_FAILURES: '1' };
    const program = ['-c', `ulimit -n 60; exec "$0" "$@"`, process.execPath, ...argumentsOf('src/main.ts')];
    const subgraph = watch(start('/bin/sh', program, env));
    const [, url = ''] = await subgraph.until(/"url":"([^"]+)","msg":"ready"/);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = async (query: string) => {
      const { text } = await request(agent, `${url}/graphql`, { headers: HEADERS, body: JSON.stringify({ query }) });
      return JSON.parse(text);
    };
    const LIST = `{ maintenances(residenceId: "${R}") { contact } }`;
    await ask('{ __typename }');
    // More than it can take up: it closes those for which it has none left.
    const { hostname, port } = new URL(url);
    const idle = Array.from({ length: 80 }, () => net.connect(Number(port), hostname).on('error', () => {}));
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    const settled = idle.map((socket) => once(socket, 'close'));
    await Promise.race(settled);
    const errorId = expect.any(String);
    const answer = await ask(LIST);
    expect(answer.errors).toMatchObject([{ extensions: { code: 'INTERNAL_SERVER_ERROR', errorId } }]);
    const { errors } = await ask(`mutation { deleteMaintenance(id: "${R}:m") { id } }`);
    expect(errors).toMatchObject([{ extensions: { code: 'INTERNAL_SERVER_ERROR', errorId, outcome: 'NOT_SENT' } }]);
    const batch = await ask(`mutation { deleteMaintenances(ids: ["${R}:m"]) { failures { code message outcome } } }`);
    expect(batch.data.deleteMaintenances.failures).toEqual([
      {
        code: 'INTERNAL_SERVER_ERROR',
        message: expect.stringMatching(/^Internal server error, errorId \S{36}$/),
        outcome: 'NOT_SENT',
      },
    ]);
    expect(upstream.received).toHaveLength(0);
    expect(subgraph.output()).toMatch(/"level":50.*"detail":"get_maintenance_list: EMFILE"/);
    for (const socket of idle) socket.destroy();
    let after = answer;
    while (after.errors) after = await ask(LIST);
    expect(after.data).toEqual({ maintenances: [{ contact: '10086' }] });
    agent.destroy();
    subgraph.child.kill('SIGTERM');
    expect(await subgraph.exit).toBe(0);
    await upstream.stop();
  });

  it('lets a write finish whose caller has gone', async () => {
    const upstream = await startUpstream();
    const subgraph = run('src/main.ts', { ...ENV, COMMAND_API_URL: upstream.url, DRAIN_DELAY_MS: '0' });
    const [, url = ''] = await subgraph.until(/"url":"([^"]+)","msg":"ready"/);
    let release = () => {};
    let isCut = false;
    const arrived = new Promise<void>((resolve) => {
      upstream.fail((_, response) => {
        response.once('close', () => {
          isCut = !response.writableFinished;
        });
        release = () => response.end('{"success":true,"result":{}}');
        resolve();
        return 'taken';
      });
    });
    const caller = new AbortController();
    const { signal } = caller;
    const headers = {
      'content-type': 'application/json',
      'router-authorization': ROUTER_SECRET,
      authorization: `Bearer ${EXAMPLE.token}`,
    };
    const body = JSON.stringify({ query: `mutation { deleteMaintenance(id: "${R}:m") { id } }` });
    const asked = fetch(`${url}/graphql`, { method: 'POST', headers, body, signal }).catch(() => undefined);
    await arrived;
    caller.abort();
    await asked;
    subgraph.child.kill('SIGTERM');
    await untilRefused(url);
    release();
    expect(await subgraph.exit).toBe(0);
    expect(isCut).toBe(false);
    expect(subgraph.output()).toMatch(/"name":"delete_maintenance_info",.*"codes":\[\],"msg":"operation"/);
    await upstream.stop();
  });

  it.each<[string, typeof runNpmStart, (server: Watched) => unknown]>([
    ['SIGTERM', runMain, ({ child }) => child.kill('SIGTERM')],
    ['SIGTERM twice within a second', runMain, (server) => signalTwice(server, 'SIGTERM')],
    ['SIGINT twice within a second', runMain, (server) => signalTwice(server, 'SIGINT')],
    ['SIGTERM to npm', runNpmStart, ({ child }) => child.kill('SIGTERM')],
    ['SIGTERM to npm and its processes', runNpmStart, ({ child }) => signalGroup(child, 'SIGTERM')],
    ['SIGINT to npm and its processes', runNpmStart, ({ child }) => signalGroup(child, 'SIGINT')],
  ])('answers every request on kept connections after %s, and exits with 0', async (_, runServer, signal) => {
    const upstream = await startUpstream();
    cleanups.push(upstream.stop);
    const server = runServer({ ...ENV, COMMAND_API_URL: upstream.url, DRAIN_DELAY_MS: '500' });
    const [, url = ''] = await server.until(/"url":"([^"]+)","msg":"ready"/);
    // Reads are under way whenever a signal comes.
    upstream.fail(({ param }, response) => {
      if (param.residence_id !== 'slow') return undefined;
      setTimeout(() => response.end('{"success":true,"result":[]}'), 300);
      return 'taken';
    });
    let answered = 0;
    const failures: unknown[] = [];
    const askUntilClosed = async (_: unknown, index: number) => {
      const body = JSON.stringify({ query: `{ maintenances(residenceId: "${index % 2 ? 'slow' : R}") { id } }` });
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let connection: string | undefined; connection !== 'close'; answered++) {
        const { status, headers, text } = await request(agent, `${url}/graphql`, { headers: HEADERS, body });
        if (status !== 200 || text.includes('"errors"')) failures.push(text);
        connection = headers.connection;
      }
    };
    const asking = Promise.allSettled(Array.from({ length: 20 }, askUntilClosed));
    await until(() => answered >= 200);
    await signal(server);
    for (const worker of await asking) if (worker.status === 'rejected') failures.push(worker.reason);
    expect(failures).toEqual([]);
    expect(await server.exit).toBe(0);
    expect(server.output().match(/"msg":"stop\w+"/g)).toEqual(['"msg":"stopping"', '"msg":"stopped"']);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends at once, with 1, at %s more than a second after the first',
    async (signal) => {
      const subgraph = run('src/main.ts', { ...ENV, DRAIN_DELAY_MS: '60000' });
      await subgraph.until(/"msg":"ready"/);
      subgraph.child.kill('SIGTERM');
      await subgraph.until(/"msg":"stopping"/);
      await delay(1100);
      subgraph.child.kill(signal);
      expect(await subgraph.exit).toBe(1);
      expect(subgraph.output()).not.toContain('"stopped"');
    },
  );

  it.each([
    ['an error that nobody caught', 'process.nextTick(() => { throw new Error(env.QUOTED); })'],
    ['a rejection that nobody handled', 'Promise.reject(Object.assign(new TypeError(env.QUOTED), { x: env.QUOTED }))'],
    ['something thrown that is no error', 'process.nextTick(() => { throw env.QUOTED; })'],
  ])('logs %s without what it quotes, and ends with 1', async (_, crash) => {
    // Beside the server that ships, in its process, on a signal that it does not use.
    const preload = `data:text/javascript,const { env } = process; process.on('SIGUSR2', () => { ${crash} })`;
    const env = { ...ENV, QUOTED: 'canary-crash' };
    const subgraph = watch(start(process.execPath, ['--import', preload, 'src/main.ts'], env));
    await subgraph.until(/"msg":"ready"/);
    subgraph.child.kill('SIGUSR2');
    expect(await subgraph.exit).toBe(1);
    expect(subgraph.output()).toMatch(/"level":60.*"err":\{"type":"(Error|TypeError|string)".*"msg":"crashed"\}\n$/);
    expect(subgraph.output()).not.toContain('canary');
    expect(subgraph.output()).not.toContain(ROUTER_SECRET);
  });

  it('refuses to start without its environment, says every fault and no stack, and exits with 1', async () => {
    const subgraph = run('src/main.ts', { PORT: 'x' });
    expect(await subgraph.exit).toBe(1);
    expect(subgraph.output()).toBe(
      [
        'The environment cannot be used:',
        '  PORT must be a whole number from 0 to 65535',
        '  COMMAND_API_URL is missing: the origin of the command API, like https://api.ecloud.akubela.com',
        '  ROUTER_SECRET is missing: what the router sends in Router-Authorization (or say ALLOW_NO_ROUTER_SECRET=true)',
        '',
      ].join('\n'),
    );
  });

  it('says where it cannot listen, without a stack, and exits with 1', async () => {
    const subgraph = run('src/main.ts', { ...ENV, HOST: 'no-such-host.invalid' });
    expect(await subgraph.exit).toBe(1);
    expect(subgraph.output()).toMatch(/^Cannot listen there: .*no-such-host\.invalid\. See HOST and PORT\.\n$/);
  });

  it('says which port is taken, without a stack, and exits with 1', async () => {
    const { holder, port } = await holdPort();
    const subgraph = run('src/main.ts', {
      HOST: '127.0.0.1',
      PORT: String(port),
      COMMAND_API_URL: 'http://127.0.0.1:9',
      ROUTER_SECRET,
    });
    expect(await subgraph.exit).toBe(1);
    expect(subgraph.output()).toBe(
      `Port ${port} is taken by another process. Set PORT or METRICS_PORT, whichever it is, to a free one.\n`,
    );
    holder.close();
  });

  it.each([
    ['0.0.0.0', /^http:\/\/0\.0\.0\.0:\d+$/],
    ['::1', /^http:\/\/\[::1\]:\d+$/],
  ])(
    'names the address that it listens on, the command API, and a secret that can be guessed: HOST=%s',
    async (HOST, address) => {
      const subgraph = run('src/main.ts', { ...ENV, HOST, ROUTER_SECRET: 'short-canary' });
      const [, url = ''] = await subgraph.until(/"url":"([^"]+)","msg":"ready"/);
      expect(url).toMatch(address);
      expect((await fetch(`${url}/health/live`)).status).toBe(200);
      expect(subgraph.output()).toContain('"commandApiUrl":"http://127.0.0.1:9"');
      expect(subgraph.output()).toMatch(/"level":40.+"msg":"ROUTER_SECRET is shorter than 16 characters"/);
      expect(subgraph.output()).not.toContain('canary');
      subgraph.child.kill('SIGTERM');
      await subgraph.exit;
    },
  );

  it('says where its metrics are, where that is a port of their own', async () => {
    const subgraph = run('src/main.ts', { ...ENV, METRICS_PORT: '0', DRAIN_DELAY_MS: '0' });
    const [, port] = await subgraph.until(/"metricsPort":(\d+),"url":"[^"]+","msg":"ready"/);
    const headers = { 'router-authorization': ROUTER_SECRET };
    expect((await fetch(`http://127.0.0.1:${port}/metrics`, { headers })).status).toBe(200);
    subgraph.child.kill('SIGTERM');
    expect(await subgraph.exit).toBe(0);
  });
});

describe.each<[string, () => 'pipe' | number, (server: ChildProcess) => unknown]>([
  ['on a full disk', () => openSync('/dev/full', 'w'), () => {}],
  ['into a pipe whose reader has gone', () => 'pipe', ({ stdout }) => stdout?.destroy()],
  ['into a pipe that no one reads', () => 'pipe', () => {}],
])('a log %s', (_, openLog, harm) => {
  async function startHarmed() {
    const upstream = await startUpstream();
    cleanups.push(upstream.stop);
    const PORT = String(await freePort());
    const server = startMain({ ...ENV, COMMAND_API_URL: upstream.url, DRAIN_DELAY_MS: '0', PORT }, openLog());
    const exit = new Promise((resolve) => server.once('exit', resolve));
    harm(server);
    const url = `http://127.0.0.1:${PORT}`;
    const isReady = () =>
      fetch(`${url}/health/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    while (server.exitCode === null && !(await isReady())) await delay(50);
    return { server, exit, url };
  }

  it('holds up no request, and the server exits with 0 after SIGTERM', async () => {
    const { server, exit, url } = await startHarmed();
    await logMuch(url);
    server.kill('SIGTERM');
    expect(await exit).toBe(0);
  });

  it('does not keep a crash from ending the process with 1', async () => {
    const { server, exit, url } = await startHarmed();
    await logMuch(url);
    server.kill('SIGUSR2');
    expect(await exit).toBe(1);
  });
});

it('drops log lines while no one reads them, and logs again afterwards', async () => {
  const upstream = await startUpstream();
  cleanups.push(upstream.stop);
  const child = startMain({ ...ENV, COMMAND_API_URL: upstream.url, DRAIN_DELAY_MS: '0' }, 'pipe');
  const server = watch(child);
  const [, url = ''] = await server.until(/"url":"([^"]+)","msg":"ready"/);
  child.stdout.pause();
  await logMuch(url);
  child.stdout.resume();
  while (!server.output().includes('"operationName":"Again"')) await post(url, 'query Again { __typename }', HEADERS);
  const lines = server.output().split('\n').slice(0, -1);
  const much = lines.map((line) => JSON.parse(line)).filter(({ operationName }) => operationName === MUCH);
  expect(much.length).toBeGreaterThan(0);
  expect(much.length).toBeLessThan(OPERATIONS);
  child.kill('SIGTERM');
  expect(await server.exit).toBe(0);
  expect(server.output()).toMatch(/"msg":"stopped"\}\n$/);
});

describe('a program that starts a server', () => {
  const dockerfile = readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8');
  const command: string[] = JSON.parse(/^CMD (.+)$/m.exec(dockerfile)?.[1] ?? '');

  it.each([
    ['npm start', argumentsOf('src/main.ts'), /"msg":"ready"/],
    ['npm run dev', argumentsOf('dev/main.ts'), /Operation +/],
    ['npm run supergraph', argumentsOf('dev/supergraph.ts'), /Operation +/],
    ['the image', command.slice(1), /"msg":"ready"/],
  ])('opens no inspector at SIGUSR1 and goes on: %s', async (_, args, ready) => {
    const server = watch(start(process.execPath, args, ENV));
    await server.until(ready);
    server.child.kill('SIGUSR1');
    await fetch(`${/(?<!commandApiUrl":")http:\/\/[\w.]+:\d+/.exec(server.output())?.[0]}/health/live`);
    server.child.kill('SIGTERM');
    expect(await server.exit).toBe(0);
    expect(server.output()).not.toMatch(/debugger/i);
  });

  it.each(['start', 'dev', 'supergraph'])('says that it needs Node 24 on an older Node: npm run %s', async (name) => {
    const folder = mkdtempSync(join(tmpdir(), 'old-node-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    // An older Node knows neither this version nor this option.
    const old = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { node: '20.0.0' } })`;
    const script = `#!/bin/sh
case "$*" in *--disable-sigusr1*) echo "node: bad option: --disable-sigusr1" >&2; exit 9;; esac
exec '${process.execPath}' --import "${old}" "$@"
`;
    writeFileSync(join(folder, 'node'), script, { mode: 0o755 });
    const program = watch(start('/bin/sh', ['-c', SCRIPTS[name] ?? ''], { ...ENV, PATH: folder }));
    expect(await program.exit).toBe(1);
    expect(program.output()).toMatch(/^This project needs Node 24 and runs on .+\n.+npm ci --ignore-scripts=false\n$/);
  });
});

describe('an npm script', () => {
  it.each(Object.keys(SCRIPTS))('refuses an unknown argument, and does nothing: npm run %s', async (name) => {
    const command = SCRIPTS[name] ?? '';
    const isOurs = command.endsWith('.ts') || command.includes('.ts ');
    for (const argument of ['nosuch', '--nosuch']) {
      const script = runInGroup(`${command} ${argument}`);
      expect(await script.exit).toBeGreaterThan(0);
      expect(script.output()).toMatch(isOurs ? /^.+\n$/ : /nosuch/);
    }
  });
});

describe('npm run dev', () => {
  it('serves the emulator, the subgraph and a page, prints what to try, and ends with Ctrl-C', async () => {
    const dev = run('dev/main.ts', { PORT: '0' });
    const [, url = ''] = await dev.until(/Sandbox +(http:\/\/localhost:\d+)\/graphql/);
    const [, authorization = ''] = await dev.until(/Authorization: (Bearer \S+)/);
    const [, operation = ''] = await dev.until(/Operation +(\{.+\})\n/);
    expect(await post(url, operation, { authorization })).toEqual({
      data: {
        maintenances: [
          {
            id: `${R}:${EXAMPLE.maintenanceId}`,
            state: 'IN_PROGRESS',
            description: 'test',
            startTime: '2024-01-16T13:32:45Z',
          },
        ],
      },
      extensions: { commands: [expect.objectContaining({ command: 'get_maintenance_list', residenceId: R })] },
    });
    await dev.until(/> \{"command":"get_maintenance_list","id":"c[0-9a-f]{32}","param":\{"residence_id":"r31adc/);
    expect(await post(url, '{ __schema { queryType { name } } }', {})).toMatchObject({ data: { __schema: {} } });
    const page = await fetch(`${url}/graphql`, { headers: { accept: 'text/html' } });
    expect(await page.text()).toContain('OpenMaintenances');
    dev.child.kill('SIGINT');
    expect(await dev.exit).toBe(0);
    // The log is for who sits before it: no JSON, and nothing of where it runs.
    expect(dev.output()).toMatch(/^\[[\d:.]+\] INFO: stopping \{"signal":"SIGINT"\}\n\[[\d:.]+\] INFO: stopped\n$/m);
  });

  it('says which port is taken, without a stack, and exits with 1', async () => {
    const { holder, port } = await holdPort();
    const dev = run('dev/main.ts', { HOST: '127.0.0.1', PORT: String(port) });
    expect(await dev.exit).toBe(1);
    expect(dev.output()).toMatch(new RegExp(`^Port ${port} is taken by another process\\.`));
    holder.close();
  });
});
