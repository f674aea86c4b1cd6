/** deploy/haproxy.cfg before two processes with the defaults for production. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from '@jest/globals';
import { freePort } from '../../dev/command-api.ts';
import { askAt } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { loadWhile } from '../support/load.ts';
import { LIST, M, R } from '../support/maintenance/requests.ts';
import { killAll, start, watch } from '../support/process.ts';
import { HEADERS, startReplica } from '../support/replica.ts';
import { itUnless } from '../support/skip.ts';
import { startUpstream } from '../support/upstream.ts';
import { useMany } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const missing = spawnSync('haproxy', ['-v']).error && 'haproxy is not installed.';
afterAll(killAll);
const startVendor = useMany(startUpstream);

itUnless(missing, 'behind HAProxy, restarts of the processes and reloads fail no operation', async () => {
  const upstream = await startVendor();
  const ports = [await freePort(), await freePort(), await freePort()] as const;
  const free = [...ports];
  const file = join(tmpdir(), `haproxy-${ports[0]}.cfg`);
  const settings = readDocument('deploy/haproxy.cfg').replace(/(?<=:)4[01]0\d$/gm, () => `${free.shift()}`);
  writeFileSync(file, settings);
  /** Starts a process. `serves` resolves when it has ended an operation. */
  async function startOne(port: number) {
    let printed = '';
    const onLine = (line: string) => {
      printed += line;
    };
    const replica = await startReplica(upstream.url, { PORT: `${port}`, DRAIN_DELAY_MS: '' }, onLine);
    return { ...replica, serves: () => until(() => printed.includes('"msg":"operation"')) };
  }
  async function restart({ url, serves, stop }: Awaited<ReturnType<typeof startOne>>) {
    await serves();
    const exit = await stop();
    await (await startOne(Number(new URL(url).port))).serves();
    return exit;
  }
  const [first, second] = [await startOne(ports[1]), await startOne(ports[2])];
  const haproxy = watch(start('haproxy', ['-W', '-db', '-f', file], { PATH: process.env.PATH }));
  const ask = async () => {
    const { data, errors } = await askAt(`http://127.0.0.1:${ports[0]}/graphql`, LIST, { headers: HEADERS });
    return JSON.stringify({ data, errors });
  };
  await until(() => ask().then(Boolean, () => false));
  const restartAll = async () => [await restart(first), await restart(second)];
  const { result, outcomes } = await loadWhile(restartAll, ask, { workers: 8, everyMs: 50 });
  expect(result).toEqual([0, 0]);
  // The old worker ends with its last connection.
  const reloadAll = async () => {
    for (const count of [1, 2, 3, 4, 5]) {
      haproxy.child.kill('SIGUSR2');
      await haproxy.until(new RegExp(`(Former worker[^]*){${count}}`));
    }
  };
  const { outcomes: reloaded } = await loadWhile(reloadAll, ask, { workers: 16 });
  const data = { maintenances: [{ id: `${R}:${M}` }] };
  expect([...new Set([...outcomes, ...reloaded])]).toEqual([JSON.stringify({ data, errors: [] })]);
});
