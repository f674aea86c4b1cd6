/** deploy/haproxy.cfg before two processes with the defaults for production. */
import { spawnSync } from 'node:child_process';
import { expect } from '@jest/globals';
import { freePort } from '../../dev/command-api.ts';
import { askAt } from '../support/ask.ts';
import { readDocument } from '../support/documents.ts';
import { loadWhile } from '../support/load.ts';
import { LIST, M, R } from '../support/maintenance/requests.ts';
import { start as startProcess, watch } from '../support/process.ts';
import { HEADERS } from '../support/replica.ts';
import { itUnless } from '../support/skip.ts';
import { useFolder } from '../support/use-folder.ts';
import { useReplicas } from '../support/use-replicas.ts';
import { until } from '../support/wait.ts';

const missing = spawnSync('haproxy', ['-v']).error && 'haproxy is not installed.';
const { write } = useFolder('haproxy');
const startReplica = useReplicas();
/** Starts a process with the defaults for production. */
const start = (PORT: string) =>
  startReplica({ PORT, DRAIN_DELAY_MS: '', ATTEMPT_TIMEOUT_MS: '', OPERATION_TIMEOUT_MS: '' });
type Process = Awaited<ReturnType<typeof start>>;

itUnless(missing, 'behind HAProxy, restarts of the processes and reloads fail no operation', async () => {
  const ports = [await freePort(), await freePort(), await freePort()] as const;
  const free = [...ports];
  const settings = readDocument('deploy/haproxy.cfg').replace(/(?<=:)4[01]0\d$/gm, () => `${free.shift()}`);
  const file = write('haproxy.cfg', settings);
  /** Waits until a process has ended an operation. */
  const untilUsed = ({ untilPrinted }: Process) => untilPrinted('"msg":"operation"');
  async function restart(old: Process) {
    await untilUsed(old);
    const exit = await old.stop();
    await untilUsed(await start(new URL(old.url).port));
    return exit;
  }
  const [first, second] = [await start(`${ports[1]}`), await start(`${ports[2]}`)];
  const haproxy = watch(startProcess('haproxy', ['-W', '-db', '-f', file], { PATH: process.env.PATH }));
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
