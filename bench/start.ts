/**
 * How long a start of the subgraph takes.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const STARTS = 6;
const MAIN = new URL('../src/main.ts', import.meta.url).pathname;
/** The least that a production process needs. */
export const ENVIRONMENT = {
  HOST: '127.0.0.1',
  PORT: '0',
  COMMAND_API_URL: 'http://127.0.0.1:9',
  ALLOW_NO_ROUTER_SECRET: 'true',
};

/** Milliseconds from the start of `node` to the line "ready", the best of six. */
export async function measureStart(): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < STARTS; round++) times.push(await timeStart());
  return Math.min(...times);
}

async function timeStart(): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, ['--disable-sigusr1', MAIN], {
    env: ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  for await (const line of createInterface(child.stdout)) if (line.includes('"ready"')) break;
  const ms = performance.now() - start;
  child.kill('SIGKILL');
  await exited;
  return ms;
}
