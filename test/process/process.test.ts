/** The start, the crashes and the log of the process. The tests run side by side, because most of them wait. */
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { Agent } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { freePort } from '../../dev/command-api.ts';
import { ROUTER_SECRET } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { request } from '../support/load.ts';
import { aliased, times } from '../support/maintenance/requests.ts';
import { argumentsOf, start as startProcess } from '../support/process.ts';
import { HEADERS } from '../support/replica.ts';
import { untilListening, useReplicas } from '../support/use-replicas.ts';
import { until } from '../support/wait.ts';

const cleanups: (() => unknown)[] = [];
const start = useReplicas(cleanups);

it.concurrent('logs where it listens, its command API, and each warning about its environment, without a value', async () => {
  const { upstream, url, metricsPort, output } = await start({
    ...{ HOST: '::1', METRICS_PORT: '0', NODE_OPTIONS: '--max-old-space-size=128', MAX_REPLY_BYTES: '99999999' },
    ...{ OTEL_METRICS_EXPORTER: 'canary', ROUTER_SECRET: 'canary' },
  });
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
  expect((await fetch(`http://[::1]:${metricsPort}/metrics`)).status).toBe(200);
  const lines = output().trim().split('\n');
  const records = lines.map((line) => JSON.parse(line));
  const ready = { commandApiUrl: upstream.url, tokenHeader: 'authorization', metricsPort, url, msg: 'ready' };
  expect(records.pop()).toMatchObject({ level: 30, ...ready, url: expect.stringMatching(/^http:\/\/\[::1\]:\d+$/) });
  const warned = ['ROUTER_SECRET', 'MAX_REPLY_BYTES', 'OTEL_METRICS_EXPORTER'];
  const warnings = warned.map((name) => ({ level: 40, msg: expect.stringMatching(`^${name} `) }));
  expect(records).toMatchObject(warnings);
  expect(output()).not.toMatch(/canary|99999999/);
});

it.concurrent.each([
  ['a rejection', 'Promise.reject(Object.assign(new TypeError(env.QUOTED), { x: env.QUOTED }))', 'TypeError'],
  ['a text', 'process.nextTick(() => { throw env.QUOTED; })', 'string'],
])('logs %s that is not caught without its message, and exits with 1', async (_, crash, type) => {
  const code = `const { env } = process; process.on('SIGUSR2', () => { ${crash} })`;
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(code)}`;
  const { kill, exit, output } = await start({ NODE_OPTIONS, QUOTED: 'canary-crash' });
  kill('SIGUSR2');
  expect(await exit).toBe(1);
  expect(output()).toMatch(new RegExp(`"level":60.*"err":{"type":"${type}".*"msg":"crashed"}\\n$`));
  expect(output()).not.toMatch(/canary|router-secret/);
});

it.concurrent('opens no inspector at SIGUSR1 and keeps running, as npm start and the image run it', async () => {
  const [, ...args] = JSON.parse(/^CMD (.+)$/m.exec(readDocument('Dockerfile'))?.[1] ?? '');
  expect(argumentsOf('src/main.ts')).toEqual(expect.arrayContaining(args));
  const { url, kill, stop, output } = await start();
  kill('SIGUSR1');
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
  expect(await stop()).toBe(0);
  expect(output()).not.toMatch(/debugger|inspector/i);
});

describe('the log', () => {
  // 400 log lines of about 4 KB are more than the pipe and the server hold. Nothing listens at this command API.
  const OPERATIONS = 400;
  const UNREACHABLE = { COMMAND_API_URL: 'http://127.0.0.1:9', MAX_ATTEMPTS: '1', BREAKER_FAILURES: '1' };

  /** Sends operations with long log lines and expects an answer to each. */
  async function logMuch(url: string, operations = OPERATIONS): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 10 });
    cleanups.push(() => agent.destroy());
    const query = `query Much { ${aliased(20, (index) => `maintenances(residenceId: "${index}") { id }`)} }`;
    const sent = { headers: HEADERS, body: JSON.stringify({ query }) };
    const answers = await Promise.all(times(operations, () => request(agent, `${url}/graphql`, sent)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  }

  // Where every write fails, a few lines are enough.
  it.concurrent.each<[string, number, () => 'pipe' | number, boolean]>([
    ['on a full disk', 10, () => openSync('/dev/full', 'w'), false],
    ['into a pipe whose reader has left', 10, () => 'pipe', true],
    ['into a pipe without a reader', OPERATIONS, () => 'pipe', false],
  ])('%s delays no request, and no end of the process', async (_, count, openLog, hasLeft) => {
    const PORT = String(await freePort());
    const env = { HOST: '127.0.0.1', PORT, ROUTER_SECRET, DRAIN_DELAY_MS: '0', ...UNREACHABLE };
    const child = startProcess(process.execPath, ['src/main.ts'], env, { stdio: ['ignore', openLog(), 'pipe'] });
    const url = `http://127.0.0.1:${PORT}`;
    if (hasLeft) child.stdout.destroy();
    const exit = once(child, 'exit');
    await untilListening(url);
    await logMuch(url, count);
    child.kill('SIGTERM');
    expect((await exit)[0]).toBe(0);
  });

  it.concurrent('drops lines while no one reads them, and has later lines again', async () => {
    const { url, child, ask, stop, output } = await start(UNREACHABLE);
    child.stdout.pause();
    await logMuch(url);
    child.stdout.resume();
    await until(async () => {
      await ask('query Again { __typename }');
      return output().includes('"operationName":"Again"');
    });
    const kept = output().split('"operationName":"Much"').length - 1;
    expect([kept > 0, kept < OPERATIONS]).toEqual([true, true]);
    expect(await stop()).toBe(0);
    expect(output()).toMatch(/"msg":"stopped"\}\n$/);
  });
});
