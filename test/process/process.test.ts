/**
 * The server as a process: its signals, crashes and log. The tests run side by side, because most of them wait.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from '@jest/globals';
import { freePort } from '../../dev/command-api.ts';
import { EXAMPLE } from '../../dev/seed.ts';
import { askAt, ROUTER_SECRET } from '../support/ask.ts';
import { request as agentRequest } from '../support/load.ts';
import { argumentsOf, killAll, run, runInGroup, signalGroup, start, watch } from '../support/process.ts';
import { parseAnswers, request, sendBytes } from '../support/raw-http.ts';
import { HEADERS, PATIENT } from '../support/replica.ts';
import { startUpstream } from '../support/upstream.ts';
import { until } from '../support/wait.ts';

const R = EXAMPLE.residenceId;
const LIST = `{ maintenances(residenceId: "${R}") { contact } }`;
const SLOW = '{ maintenances(residenceId: "slow") { contact } }';
const LISTED = { maintenances: [{ contact: '10086' }] };
const DELETE = `mutation { deleteMaintenance(id: "${R}:m") { deletedId } }`;
// Longer than a server that does not wait for what is in flight would take to close.
const UNFORCED_MS = 1000;
const ENV = {
  ...{ HOST: '127.0.0.1', PORT: '0', ROUTER_SECRET, DRAIN_DELAY_MS: '0' },
  // Nothing listens there.
  COMMAND_API_URL: 'http://127.0.0.1:9',
  ...PATIENT,
};
// Then Node asks for one address of a name.
const ONE_FAMILY = { NODE_OPTIONS: '--no-network-family-autoselection' };
const READY = /"url":"([^"]+)","msg":"ready"/;
// 150 log lines of about 9 KB are more than the pipe and the server hold.
const OPERATIONS = 150;
const UNREACHABLE = { COMMAND_API_URL: ENV.COMMAND_API_URL, MAX_ATTEMPTS: '1', BREAKER_FAILURES: '1' };
const FAILING = Array.from({ length: 50 }, (_, index) => `a${index}: maintenances(residenceId: "${index}") { id }`);

type Server = ReturnType<typeof watch>;
const runMain = (env: NodeJS.ProcessEnv) => run('src/main.ts', env);
const runNpmStart = (env: NodeJS.ProcessEnv) => runInGroup('exec npm start', env);
const cleanups: (() => unknown)[] = [];

afterAll(async () => {
  killAll();
  for (const cleanUp of cleanups) await cleanUp();
});

/** Starts a command API and a server that uses it, and waits until the server is ready. */
async function serve(env: NodeJS.ProcessEnv = {}, runServer: (env: NodeJS.ProcessEnv) => Server = runMain) {
  const upstream = await startUpstream();
  cleanups.push(upstream.stop);
  const server = runServer({ ...ENV, COMMAND_API_URL: upstream.url, ...env });
  const [, url = ''] = await server.until(READY);
  return { upstream, server, url, address: { host: '127.0.0.1', port: Number(new URL(url).port) } };
}

const ask = (url: string, query: string) => askAt(`${url}/graphql`, query, { headers: HEADERS });

async function isListening(url: string): Promise<boolean> {
  const [{ status }] = await Promise.allSettled([fetch(`${url}/health/live`)]);
  return status === 'fulfilled';
}

const untilClosed = (url: string) => until(async () => !(await isListening(url)));

async function stop({ child, exit }: Server, signal: NodeJS.Signals = 'SIGTERM'): Promise<unknown> {
  child.kill(signal);
  return exit;
}

describe('npm start', () => {
  it.concurrent('serves for a while after SIGTERM, not ready, then ends what is in flight and exits with 0', async () => {
    const { upstream, server, url } = await serve({ DRAIN_DELAY_MS: '3000' });
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    const held = upstream.hold();
    const slow = ask(url, SLOW);
    await until(() => upstream.received.length === 1);
    upstream.fail(undefined);
    server.child.kill('SIGTERM');
    await server.until(/"msg":"stopping"/);
    const requests = ['/health/ready', '/health/live', '/graphql'].map((path) => fetch(url + path));
    const [answer, ...responses] = await Promise.all([ask(url, LIST), ...requests]);
    const heads = responses.map(({ status, headers }) => [status, headers.get('connection')]);
    expect(heads).toEqual([503, 200, 401].map((status) => [status, 'close']));
    expect(answer.data).toEqual(LISTED);
    await untilClosed(url);
    held.end();
    expect((await slow).data).toEqual({ maintenances: [] });
    expect(await server.exit).toBe(0);
    expect(server.output()).toMatch(/"msg":"stopping"[\s\S]+"msg":"stopped"/);
  });

  const HEAD = Object.entries({ host: 'x', ...HEADERS }).map(([name, value]) => `${name}: ${value}`);
  const sent = request(['POST /graphql HTTP/1.1', ...HEAD], JSON.stringify({ query: LIST }));

  it.concurrent('cuts off requests that take longer than an operation may, and exits with 0', async () => {
    const { server, url, address } = await serve({ ATTEMPT_TIMEOUT_MS: '100', OPERATION_TIMEOUT_MS: '200' });
    const socket = net.connect(address).on('error', () => {});
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(sent.subarray(0, -1));
    await fetch(`${url}/health/live`);
    expect(await stop(server)).toBe(0);
    await closed;
  });

  it.concurrent('answers requests under way, and then closes connections without one, at once', async () => {
    const { upstream, server, url, address } = await serve();
    const idle = Buffer.from(`GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n`);
    // Idle after a request, silent, with half of a head, and with half of a body.
    const started = [idle, Buffer.of(), sent.subarray(0, 10), sent.subarray(0, -1)];
    const sockets = started.map(() => net.connect(address));
    const chunks = sockets.map((socket) => socket.toArray());
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const [index, bytes] of started.entries()) sockets[index]?.write(bytes);
    const held = upstream.hold();
    const slow = ask(url, SLOW);
    await until(() => upstream.received.length === 1);
    server.child.kill('SIGTERM');
    await untilClosed(url);
    sockets[3]?.write(sent.subarray(-1));
    await until(() => upstream.received.length === 2);
    await delay(UNFORCED_MS);
    held.end();
    expect((await slow).data).toEqual({ maintenances: [] });
    expect(await server.exit).toBe(0);
    const [onIdle, ...others] = (await Promise.all(chunks)).map((bytes) => parseAnswers(Buffer.concat(bytes)));
    expect(onIdle).toMatchObject([{ status: 200 }]);
    const body = expect.stringContaining('{"data":{"maintenances":[]}}');
    expect(others).toMatchObject([[], [], [{ status: 200, body }]]);
  });

  it.concurrent('sends whole responses of which a slow reader has read little', async () => {
    const { upstream, server, url, address } = await serve();
    const description = 'x'.repeat(1_000_000);
    upstream.fail(() => ({ body: { success: true, result: [{ maintenance_id: 'm', description }] } }));
    const list = LIST.slice(2, -2).replace('contact', 'description');
    const lists = Array.from({ length: 12 }, (_, index) => `a${index}: ${list}`);
    const socket = net.connect(address);
    socket.write(request(['POST /graphql HTTP/1.1', ...HEAD], JSON.stringify({ query: `{ ${lists.join(' ')} }` })));
    await server.until(/"msg":"operation"/);
    server.child.kill('SIGTERM');
    await untilClosed(url);
    const [answer] = parseAnswers(Buffer.concat(await socket.toArray()));
    expect(Object.keys(JSON.parse(answer?.body ?? '').data)).toHaveLength(lists.length);
    expect(await server.exit).toBe(0);
  });

  it.concurrent('reports an internal error, and opens no breaker, when it has no socket left', async () => {
    const shell = ['-c', `ulimit -n 60; exec "$0" "$@"`, process.execPath, ...argumentsOf('src/main.ts')];
    // A name: without a file, the system would not find it.
    const runShell = ({ COMMAND_API_URL: origin = '', ...env }: NodeJS.ProcessEnv) => {
      const named = { ...ONE_FAMILY, COMMAND_API_URL: origin.replace('127.0.0.1', 'localhost') };
      return watch(start('/bin/sh', shell, { ...env, ...named }));
    };
    const { upstream, server, url, address } = await serve({ BREAKER_FAILURES: '1' }, runShell);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    cleanups.push(() => agent.destroy());
    const ask = async (query: string) => {
      const sent = { headers: HEADERS, body: JSON.stringify({ query }) };
      return JSON.parse((await agentRequest(agent, `${url}/graphql`, sent)).text);
    };
    await ask('{ __typename }');
    // The server closes the connections for which it has no socket.
    const idle = Array.from({ length: 80 }, () => net.connect(address).on('error', () => {}));
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    await Promise.race(idle.map((socket) => once(socket, 'close')));
    const extensions = { code: 'INTERNAL_SERVER_ERROR', errorId: expect.any(String) };
    expect((await ask(LIST)).errors).toMatchObject([{ extensions }]);
    expect((await ask(DELETE)).errors).toMatchObject([{ extensions: { ...extensions, outcome: 'NOT_SENT' } }]);
    const batch = `mutation { deleteMaintenances(ids: ["${R}:m"]) { failures { code message outcome } } }`;
    const message = expect.stringMatching(/^Internal server error, errorId \S{36}$/);
    const failures = [{ code: extensions.code, message, outcome: 'NOT_SENT' }];
    expect((await ask(batch)).data).toEqual({ deleteMaintenances: { failures } });
    expect(upstream.received).toEqual([]);
    expect(server.output()).toMatch(/"level":50.*"detail":"EMFILE"/);
    for (const socket of idle) socket.destroy();
    await until(async () => JSON.stringify((await ask(LIST)).data) === JSON.stringify(LISTED));
  });

  it.concurrent('finishes a write whose caller has left', async () => {
    const { upstream, server, url } = await serve();
    const held = upstream.hold();
    const caller = new AbortController();
    const init = { method: 'POST', headers: HEADERS, body: JSON.stringify({ query: DELETE }), signal: caller.signal };
    const left = fetch(`${url}/graphql`, init).catch(() => {});
    await until(() => held.length === 1);
    caller.abort();
    await left;
    server.child.kill('SIGTERM');
    await untilClosed(url);
    await delay(UNFORCED_MS);
    held[0]?.release();
    expect(await server.exit).toBe(0);
    expect(server.output()).toMatch(/"name":"delete_maintenance_info",.*"codes":\["CALLER_GONE"\],"msg":"operation"/);
  });

  const killTwice = ({ child }: Server) => child.kill('SIGTERM') && child.kill('SIGINT');

  it.concurrent.each<[string, typeof runMain, (server: Server) => unknown]>([
    ['two signals within a second', runMain, killTwice],
    ['SIGTERM to npm', runNpmStart, ({ child }) => child.kill('SIGTERM')],
    ['SIGINT to npm and its processes', runNpmStart, ({ child }) => signalGroup(child, 'SIGINT')],
  ])('answers every request on kept connections after %s, and exits with 0', async (_, runServer, signal) => {
    const { upstream, server, url } = await serve({ DRAIN_DELAY_MS: '1500' }, runServer);
    // Slow reads, so that some are in flight at the signal.
    upstream.fail(({ param }, response) => {
      if (param.residence_id !== 'slow') return undefined;
      setTimeout(() => response.end('{"success":true,"result":[]}'), 300);
      return 'taken';
    });
    let answered = 0;
    const failures: unknown[] = [];
    const askUntilClosed = async (_: unknown, index: number): Promise<void> => {
      const sent = { headers: HEADERS, body: JSON.stringify({ query: index % 2 ? SLOW : LIST }) };
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let connection: string | undefined; connection !== 'close'; answered++) {
        const { status, headers, text } = await agentRequest(agent, `${url}/graphql`, sent);
        if (status !== 200 || text.includes('"errors"')) failures.push(text);
        connection = headers.connection;
      }
    };
    const asking = Promise.all(Array.from({ length: 20 }, askUntilClosed));
    await until(() => answered >= 200);
    await signal(server);
    await asking;
    expect(failures).toEqual([]);
    expect(await server.exit).toBe(0);
    expect(server.output().match(/"msg":"stop\w+"/g)).toEqual(['"msg":"stopping"', '"msg":"stopped"']);
  });

  it.concurrent('stops at a signal that comes while it loads', async () => {
    const kill = `registerHooks({ load(url, ...others) {
      if (url.endsWith('/src/server.ts')) process.kill(process.pid, 'SIGTERM');
      return others[1](url, others[0]);
    } })`;
    const preload = `data:text/javascript,import { registerHooks } from 'node:module'; ${kill}`;
    const server = watch(start(process.execPath, ['--import', preload, 'src/main.ts'], ENV));
    expect(await server.exit).toBe(0);
    expect(server.output()).toMatch(/"signal":"SIGTERM","msg":"stopping"[\s\S]+"msg":"stopped"/);
  });

  it.concurrent('ends an operation in time whose reply cannot be inflated, because all of Node’s threads are busy', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'maintenance-fifo-'));
    cleanups.push(() => rmSync(folder, { recursive: true }));
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    // Opening it waits for a writer, in the only thread.
    const block = `process.getBuiltinModule('fs').open('${fifo}', () => {}); process.stdout.write('blocked')`;
    const limits = { UV_THREADPOOL_SIZE: '1', ATTEMPT_TIMEOUT_MS: '2999', OPERATION_TIMEOUT_MS: '3000' };
    const { upstream, server, url } = await serve(limits, (env) => watch(startCrashing(env, 'pipe', block)));
    const body = gzipSync('{"success":true,"result":[]}');
    upstream.fail((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(body);
      return 'taken';
    });
    expect((await ask(url, LIST)).data).toEqual({ maintenances: [] });
    server.child.kill('SIGUSR2');
    await server.until(/blocked/);
    expect((await ask(url, LIST)).errors).toMatchObject([{ extensions: { code: 'UPSTREAM_TIMEOUT' } }]);
  });

  it.concurrent('exits at once with 1 at a signal more than a second after the first', async () => {
    const { server } = await serve({ DRAIN_DELAY_MS: '60000' });
    server.child.kill('SIGTERM');
    await server.until(/"msg":"stopping"/);
    await delay(1100);
    expect(await stop(server, 'SIGINT')).toBe(1);
    expect(server.output()).not.toContain('"stopped"');
  });

  it.concurrent.each([
    ['an error', 'process.nextTick(() => { throw new Error(env.QUOTED); })'],
    ['a rejection', 'Promise.reject(Object.assign(new TypeError(env.QUOTED), { x: env.QUOTED }))'],
    ['a text', 'process.nextTick(() => { throw env.QUOTED; })'],
  ])('logs %s that is not caught without its message, and exits with 1', async (_, crash) => {
    const { server } = await serve({ QUOTED: 'canary-crash' }, (env) => watch(startCrashing(env, 'pipe', crash)));
    expect(await stop(server, 'SIGUSR2')).toBe(1);
    expect(server.output()).toMatch(/"level":60.*"err":\{"type":"(Error|TypeError|string)".*"msg":"crashed"\}\n$/);
    expect(server.output()).not.toMatch(/canary|router-secret/);
  });

  it.concurrent('logs its address, the command API, the port of its metrics, and that its secret is short', async () => {
    const { upstream, server, url } = await serve({ HOST: '::1', ROUTER_SECRET: 'short-canary', METRICS_PORT: '0' });
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    const ready =
      /"commandApiUrl":"([^"]+)","tokenHeader":"authorization","metricsPort":(\d+),"url":"http:\/\/\[::1\]:\d+"/;
    const [, origin, port] = await server.until(ready);
    expect(origin).toBe(upstream.url);
    expect((await fetch(`http://[::1]:${port}/metrics`)).status).toBe(200);
    expect(server.output()).toMatch(/"level":40.+"msg":"ROUTER_SECRET is shorter than 16 characters"/);
    expect(server.output()).not.toContain('canary');
  });
});

it.concurrent('the server logs each warning about its environment, and no value', async () => {
  const NODE_OPTIONS = '--max-old-space-size=128';
  const { server } = await serve({
    ...{ NODE_OPTIONS, MAX_REPLY_BYTES: '99999999', OTEL_METRICS_EXPORTER: 'canary', LOG_EVERY: 'canary' },
    ...{
      ROUTER_SECRET: '',
      ALLOW_NO_ROUTER_SECRET: 'true',
      ROUTER_SECRETS: 'canary',
      ROUTER_SECRET_PREVIOUS: '"canary"',
    },
  });
  const warnings = [...server.output().matchAll(/"level":40.+"msg":"([^ ]+)/g)].map(([, name]) => name);
  const others = ['LOG_EVERY', 'ROUTER_SECRETS', 'ROUTER_SECRET_PREVIOUS', 'ROUTER_SECRET_PREVIOUS'];
  expect(warnings).toEqual([...others, 'ALLOW_NO_ROUTER_SECRET', 'MAX_REPLY_BYTES', 'OTEL_METRICS_EXPORTER']);
  expect(server.output()).toMatch(/MAX_REPLY_BYTES exceeds the memory of an operation, \d+ bytes"/);
  expect(server.output()).not.toMatch(/canary|99999999/);
});

it.concurrent('the server takes secrets from files, up to the longest that a request can carry', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'maintenance-secrets-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const secrets = ['x'.repeat(16_364), ROUTER_SECRET];
  for (const [index, secret] of secrets.entries()) writeFileSync(join(folder, `${index}`), `${secret}\n`);
  const files = { ROUTER_SECRET_FILE: join(folder, '0'), ROUTER_SECRET_PREVIOUS_FILE: join(folder, '1') };
  const { url } = await serve({ ROUTER_SECRET: '', ...files });
  const ask = (secret: string) => sendBytes(url, request(['GET /metrics HTTP/1.0', `router-authorization: ${secret}`]));
  const answers = await Promise.all([...secrets, 'x'].map(ask));
  expect(answers.flat().map(({ status }) => status)).toEqual([200, 200, 401]);
});

/** Starts the server with its log at `stdout`. SIGUSR2 runs `crash`. */
function startCrashing(env: NodeJS.ProcessEnv, stdout: 'pipe' | number, crash = `throw new Error('crash')`) {
  const preload = `data:text/javascript,const { env } = process; process.on('SIGUSR2', () => { ${crash} })`;
  return start(process.execPath, ['--import', preload, 'src/main.ts'], env, ['ignore', stdout, 'pipe']);
}

describe('the log', () => {
  /** Sends operations with long log lines and expects an answer to each. */
  async function logMuch(url: string, operations = OPERATIONS): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 10 });
    cleanups.push(() => agent.destroy());
    const body = JSON.stringify({ query: `query Much { ${FAILING.join(' ')} }` });
    const ask = async () => (await agentRequest(agent, `${url}/graphql`, { headers: HEADERS, body })).status;
    expect(new Set(await Promise.all(Array.from({ length: operations }, ask)))).toEqual(new Set([200]));
  }

  // Where every write fails, a few lines are enough.
  it.concurrent.each<[string, NodeJS.Signals, number, number, () => 'pipe' | number, boolean]>([
    ['on a full disk', 'SIGTERM', 0, 10, () => openSync('/dev/full', 'w'), false],
    ['into a pipe whose reader has left', 'SIGTERM', 0, 10, () => 'pipe', true],
    ['into a pipe without a reader', 'SIGTERM', 0, OPERATIONS, () => 'pipe', false],
    ['into a pipe without a reader', 'SIGUSR2', 1, OPERATIONS, () => 'pipe', false],
  ])('%s delays no request, and %s ends the process with %d', async (_, signal, code, count, openLog, hasLeft) => {
    const PORT = String(await freePort());
    const child = startCrashing({ ...ENV, ...UNREACHABLE, PORT }, openLog());
    const url = `http://127.0.0.1:${PORT}`;
    if (hasLeft) child.stdout.destroy();
    const exit = once(child, 'exit');
    await until(() => isListening(url));
    await logMuch(url, count);
    child.kill(signal);
    expect((await exit)[0]).toBe(code);
  });

  it.concurrent('drops lines while no one reads them, and has later lines again', async () => {
    const { server, url } = await serve(UNREACHABLE);
    server.child.stdout.pause();
    await logMuch(url);
    server.child.stdout.resume();
    await until(async () => {
      await ask(url, 'query Again { __typename }');
      return server.output().includes('"operationName":"Again"');
    });
    const lines = server.output().split('\n').slice(0, -1);
    const kept = lines.filter((line) => JSON.parse(line).operationName === 'Much').length;
    expect([kept > 0, kept < OPERATIONS]).toEqual([true, true]);
    expect(await stop(server)).toBe(0);
    expect(server.output()).toMatch(/"msg":"stopped"\}\n$/);
  });
});

const IMAGE = /^CMD (.+)$/m.exec(readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8'))?.[1] ?? '';

it.concurrent.each([
  ['npm start', argumentsOf('src/main.ts')],
  ['the image', JSON.parse(IMAGE).slice(1)],
])('%s opens no inspector at SIGUSR1 and keeps running', async (_, args) => {
  const { server, url } = await serve({}, (env) => watch(start(process.execPath, args, env)));
  server.child.kill('SIGUSR1');
  expect(await isListening(url)).toBe(true);
  expect(await stop(server)).toBe(0);
  expect(server.output()).not.toMatch(/debugger|inspector/i);
});
