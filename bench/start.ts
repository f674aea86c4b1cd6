/**
 * How long a start of the subgraph takes.
 */
import { start as startProcess, watch } from '../test/support/process.ts';

const STARTS = 6;
/** The least that a production process needs. */
const ENVIRONMENT = {
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
  const server = watch(startProcess(process.execPath, ['--disable-sigusr1', 'src/main.ts'], ENVIRONMENT));
  await server.until(/"ready"/);
  const ms = performance.now() - start;
  server.child.kill('SIGKILL');
  await server.exit;
  return ms;
}
