/**
 * Starts the compared servers, each as a process in production mode.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../dev/command-api.ts';

export interface Contender {
  readonly url: string;
  /** Its processes. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** What each request has, as a router sends it. */
export const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json',
  'router-authorization': 'the-secret-of-the-benchmark',
  // Only Connectors read it: they cannot make an id.
  'x-command-id': 'c0123456789abcdef0123456789abcdef',
};
const READY_WITHIN_MS = 60_000;
const canPin = (() => {
  try {
    execFileSync('taskset', ['-p', String(process.pid)]);
    return true;
  } catch {
    return false;
  }
})();
const running = new Set<ChildProcess>();

/** Moves a process to the core of the load or of the servers. Its later children stay there too. Returns whether it can. */
export function pin(pid: number, core: 'load' | 'servers'): boolean {
  if (canPin) execFileSync('taskset', ['-a', '-c', '-p', core === 'load' ? '1' : '0', String(pid)]);
  return canPin;
}

/** Microseconds of CPU time since the start of the processes, as Linux counts it: in steps of 10 ms. */
export function readCpuUs({ pids }: Contender): number {
  return pids.reduce((sum, pid) => {
    // After the name of the program, which may have blanks.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return sum + 10_000 * (Number(fields[11]) + Number(fields[12]));
  }, 0);
}

/** Resident memory in megabytes. */
export function readMegabytes({ pids }: Contender): number {
  const read = (pid: number) => /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return pids.reduce((sum, pid) => sum + (Number(read(pid)) * 1024) / 1_000_000, 0);
}

/** Starts a program on a free port, on the servers' core if `pinned`, and waits for its first answer. */
export async function start(
  name: string,
  program: readonly string[],
  env: Readonly<Record<string, string>>,
  { pinned = true, path = '/graphql', probe = '{"query":"{__typename}"}' } = {},
): Promise<Contender> {
  const port = await freePort();
  const child = spawn(process.execPath, program, {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', HOST: '127.0.0.1', PORT: String(port), ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const pid = Number(child.pid);
  if (pinned) pin(pid, 'servers');
  running.add(child);
  child.once('exit', () => running.delete(child));
  const url = `http://127.0.0.1:${port}${path}`;
  await answers(url, probe, name, child);
  return {
    url,
    pids: [pid],
    async stop() {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await exited;
      clearTimeout(late);
    },
  };
}

/** Kills the running servers, at the end or after a failure. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}

async function answers(url: string, body: string, name: string, child: ChildProcess): Promise<void> {
  const end = performance.now() + READY_WITHIN_MS;
  const request = body === '' ? {} : { method: 'POST', headers: HEADERS, body };
  while (performance.now() < end) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode} before it answered`);
    const answer = await fetch(url, request).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) return;
    await delay(5);
  }
  throw new Error(`${name} gave no answer within ${READY_WITHIN_MS} ms`);
}
