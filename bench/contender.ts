/**
 * Starts the compared servers, each as a process in production mode.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { freePort } from '../dev/command-api.ts';
import { start as startProcess } from '../test/support/process.ts';
import { until } from '../test/support/wait.ts';

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
let isPinned = false;

/** Moves this process, the load, to a core of its own. Its later children stay there too. Returns whether it can. */
export function pinLoad(): boolean {
  try {
    pin(process.pid, 1);
    isPinned = true;
  } catch {
    // No `taskset`, or a single core.
  }
  return isPinned;
}

/** Moves a server to the other core, if the load has its own. */
export function pinServer(pid: number): void {
  if (isPinned) pin(pid, 0);
}

function pin(pid: number, core: number): void {
  execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' });
}

/** Starts a program on a free port, as a server to be pinned or not, and waits for its first answer. */
export async function start(
  name: string,
  program: readonly string[],
  env: Readonly<Record<string, string>>,
  { pinned = true, path = '/graphql', probe = '{"query":"{__typename}"}' } = {},
): Promise<Contender> {
  const port = await freePort();
  const required = { PATH: process.env.PATH, NODE_ENV: 'production', HOST: '127.0.0.1', PORT: String(port) };
  const child = startProcess(process.execPath, program, { ...required, ...env }, ['ignore', 'ignore', 'inherit']);
  const exited = once(child, 'exit');
  const pid = Number(child.pid);
  if (pinned) pinServer(pid);
  const url = `http://127.0.0.1:${port}${path}`;
  const request = probe === '' ? {} : { method: 'POST', headers: HEADERS, body: probe };
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode} before it answered`);
    const answer = await fetch(url, request).catch(() => undefined);
    await answer?.arrayBuffer();
    return answer?.ok === true;
  });
  return {
    url,
    pids: [pid],
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
