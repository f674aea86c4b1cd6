/** The start, the crashes and the log of the process. The tests run side by side, because most of them wait. */
import { once } from 'node:events';
import { Agent } from 'node:http';
import { expect, it } from '@jest/globals';
import { readDocument } from '../support/documents.ts';
import { request } from '../support/load.ts';
import { aliased, times } from '../support/maintenance/requests.ts';
import { argumentsOf } from '../support/process.ts';
import { HEADERS } from '../support/replica.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { until } from '../support/wait.ts';

const cleanups: (() => unknown)[] = [];
const start = useReplicas(cleanups);

it.concurrent('logs where it listens, each warning about its environment, and a crash, each without a value', async () => {
  const crash = "const { env } = process; process.on('SIGUSR2', () => process.nextTick(() => { throw env.QUOTED; }))";
  const { upstream, url, metricsPort, kill, exit, output } = await start({
    ...{ HOST: '::1', METRICS_PORT: '0', MAX_REPLY_BYTES: '99999999', QUOTED: 'canary-crash' },
    ...{ OTEL_METRICS_EXPORTER: 'canary', ROUTER_SECRET: 'canary' },
    NODE_OPTIONS: `--max-old-space-size=128 --import=data:text/javascript,${encodeURIComponent(crash)}`,
  });
  // It opens no inspector, as npm start and the image run it.
  const [, ...args] = JSON.parse(/^CMD (.+)$/m.exec(readDocument('Dockerfile'))?.[1] ?? '');
  expect(argumentsOf('src/main.ts')).toEqual(expect.arrayContaining(args));
  kill('SIGUSR1');
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
  expect((await fetch(`http://[::1]:${metricsPort}/metrics`)).status).toBe(200);
  kill('SIGUSR2');
  expect(await exit).toBe(1);
  const ready = { commandApiUrl: upstream.url, tokenHeader: 'authorization', metricsPort, msg: 'ready' };
  const warned = ['ROUTER_SECRET', 'MAX_REPLY_BYTES', 'OTEL_METRICS_EXPORTER'];
  const lines = output().trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    ...warned.map((name) => ({ level: 40, msg: expect.stringMatching(`^${name} `) })),
    { level: 30, ...ready, url: expect.stringMatching(/^http:\/\/\[::1\]:\d+$/) },
    { level: 60, err: { type: 'string' }, msg: 'crashed' },
  ]);
  expect(output()).not.toMatch(/canary|99999999/);
});

// 100 log lines of about 4 KB are more than a pipe holds, 400 more than the server holds too. Nothing listens at this command API.
const UNREACHABLE = { COMMAND_API_URL: 'http://127.0.0.1:9', MAX_ATTEMPTS: '1', BREAKER_FAILURES: '1' };

/** Sends operations with long log lines and expects an answer to each. */
async function logMuch(url: string, operations: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 10 });
  cleanups.push(() => agent.destroy());
  const query = `query Much { ${aliased(20, (index) => `maintenances(residenceId: "${index}") { id }`)} }`;
  const sent = { headers: HEADERS, body: JSON.stringify({ query }) };
  const answers = await Promise.all(times(operations, () => request(agent, `${url}/graphql`, sent)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
}

it.concurrent('a log whose reader has left delays no request, and no end of the process', async () => {
  const { url, child } = await start(UNREACHABLE);
  child.stdout.destroy();
  await logMuch(url, 10);
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  expect((await exit)[0]).toBe(0);
});

it.concurrent('a log that no one reads delays neither requests nor the end, drops lines, and has later lines again', async () => {
  const { url, child, ask, output } = await start(UNREACHABLE);
  child.stdout.pause();
  await logMuch(url, 400);
  child.stdout.resume();
  await until(async () => {
    await ask('query Again { __typename }');
    return output().includes('"operationName":"Again"');
  });
  const kept = output().split('"operationName":"Much"').length - 1;
  expect([kept > 0, kept < 400]).toEqual([true, true]);
  child.stdout.pause();
  await logMuch(url, 100);
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  expect((await exit)[0]).toBe(0);
});
