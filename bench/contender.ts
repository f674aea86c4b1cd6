/**
 * Starts the compared servers, each as a process in production mode.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../dev/command-api.ts';

/** The CPU time of a process since its start, and its memory. */
type Usage = Readonly<Record<'cpuUs' | 'rssBytes', number>>;

export interface Contender {
  readonly url: string;
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

/** What each request has, as a router sends it. */
export const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json',
  'router-authorization': 'the-secret-of-the-benchmark',
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

/** Keeps this process and its unpinned children off the servers' core. Returns whether this succeeded. */
export function keepOffServerCore(): boolean {
  if (canPin) execFileSync('taskset', ['-a', '-c', '-p', '1', String(process.pid)]);
  return canPin;
}

/** Starts a program on a free port, on the servers' core if `pinned`, and waits for its first answer. */
export async function start(
  name: string,
  program: readonly string[],
  env: Readonly<Record<string, string>>,
  { pinned = true, path = '/graphql', probe = '{"query":"{__typename}"}' } = {},
): Promise<Contender> {
  const port = await freePort();
  const args = ['--import', new URL('account.mjs', import.meta.url).href, ...program];
  const core = pinned ? '0' : '1';
  const [command, all] = canPin ? ['taskset', ['-c', core, process.execPath, ...args]] : [process.execPath, args];
  const child = spawn(command, all, {
    env: { PATH: process.env.PATH, NODE_ENV: 'production', HOST: '127.0.0.1', PORT: String(port), ...env },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const url = `http://127.0.0.1:${port}${path}`;
  await answers(url, probe, name, child);
  return {
    url,
    async usage() {
      const message = once(child, 'message');
      child.send('usage');
      return (await message)[0] as Usage;
    },
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
