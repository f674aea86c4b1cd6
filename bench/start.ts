/**
 * How long a start of the subgraph takes.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';

const STARTS = 6;
const MAIN = new URL('../src/main.ts', import.meta.url).pathname;
const SERVER = new URL('../src/server.ts', import.meta.url).pathname;
/** The least that a production process needs. */
export const ENVIRONMENT = {
  HOST: '127.0.0.1',
  PORT: '0',
  COMMAND_API_URL: 'http://127.0.0.1:9',
  ALLOW_NO_ROUTER_SECRET: 'true',
};

/** Milliseconds from the start of `node` to the line "ready", the best of six: cold, and with a compile cache, as in the image. */
export async function measureStart(): Promise<{ readonly cold: number; readonly cached: number }> {
  const cache = mkdtempSync(`${tmpdir()}/compile-cache-`);
  // As the Dockerfile does.
  execFileSync(process.execPath, ['--input-type=module', '--eval', `await import('${SERVER}')`], {
    env: { NODE_COMPILE_CACHE: cache },
  });
  const times = { cold: [] as number[], cached: [] as number[] };
  for (let round = 0; round < STARTS; round++) {
    times.cold.push(await timeStart({}));
    times.cached.push(await timeStart({ NODE_COMPILE_CACHE: cache }));
  }
  rmSync(cache, { recursive: true });
  return { cold: Math.min(...times.cold), cached: Math.min(...times.cached) };
}

async function timeStart(env: Readonly<Record<string, string>>): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, ['--disable-sigusr1', MAIN], {
    env: { ...ENVIRONMENT, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  for await (const line of createInterface(child.stdout)) if (line.includes('"ready"')) break;
  const ms = performance.now() - start;
  child.kill('SIGKILL');
  await exited;
  return ms;
}
