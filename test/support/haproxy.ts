/** deploy/haproxy.cfg before two processes with the defaults for production. */
import { spawnSync } from 'node:child_process';
import { freePort } from '../../dev/command-api.ts';
import { askAt } from './ask.ts';
import { readDocument } from './documents.ts';
import { loadWhile } from './load.ts';
import { LIST, M, R } from './maintenance/requests.ts';
import { start as startProcess, startProgram, watch } from './process.ts';
import { HEADERS } from './replica.ts';
import { useFolder } from './use-folder.ts';
import { useReplicas } from './use-replicas.ts';
import { until } from './wait.ts';

export const missingHaproxy = spawnSync('haproxy', ['-v']).error && 'haproxy is not installed.';

/**
 * Returns a function that restarts both processes of a program under load, and then reloads HAProxy. It returns the exit codes,
 * and the answers that are not the list.
 */
export function useHaproxy() {
  const { write } = useFolder('haproxy');
  const startReplica = useReplicas();
  return async function restartUnderLoad(program = 'src/main.ts') {
    const defaults = { DRAIN_DELAY_MS: undefined, ATTEMPT_TIMEOUT_MS: undefined, OPERATION_TIMEOUT_MS: undefined };
    const start = (PORT: string) => startReplica({ PORT, ...defaults }, (env) => startProgram(program, env));
    const ports = [await freePort(), await freePort(), await freePort()] as const;
    const free = [...ports];
    const settings = readDocument('deploy/haproxy.cfg').replace(/(?<=:)4[01]0\d$/gm, () => `${free.shift()}`);
    const file = write('haproxy.cfg', settings);
    type Process = Awaited<ReturnType<typeof start>>;
    /** Waits until a process has ended an operation, as this subgraph or the alternative says. */
    const untilUsed = ({ output }: Process) => until(() => /"msg":"(operation|done)"/.test(output()));
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
    const { result: exits, outcomes } = await loadWhile(restartAll, ask, { workers: 8, everyMs: 50 });
    // The old worker ends with its last connection.
    const reloadAll = async () => {
      for (const count of [1, 2, 3, 4, 5]) {
        haproxy.child.kill('SIGUSR2');
        await haproxy.until(new RegExp(`(Former worker[^]*){${count}}`));
      }
    };
    const { outcomes: reloaded } = await loadWhile(reloadAll, ask, { workers: 16 });
    haproxy.child.kill();
    const list = JSON.stringify({ data: { maintenances: [{ id: `${R}:${M}` }] }, errors: [] });
    return { exits, lost: [...outcomes, ...reloaded].filter((answer) => answer !== list) };
  };
}
