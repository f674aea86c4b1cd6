/** Starts the servers, and measures the CPU of their requests. */
import { execFileSync } from 'node:child_process';
import { Agent } from 'node:http';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { freePort } from '../dev/command-api.ts';
import { median } from '../test/soak/figures.ts';
import { readCpuUs } from '../test/soak/proc.ts';
import { ROUTER_SECRET } from '../test/support/ask.ts';
import { load, request } from '../test/support/load.ts';
import { start } from '../test/support/process.ts';
import { HEADERS } from '../test/support/replica.ts';
import { until } from '../test/support/wait.ts';
import { bodyOf, type Workload } from './workloads.ts';

export interface Contender {
  readonly name: string;
  readonly folder: string;
  /** Runs in the folder, and becomes the server by `exec`. */
  readonly command: string;
}

export interface Server {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
}

/** The cost of a contender. */
export interface Cost {
  readonly name: string;
  /** Microseconds of CPU time of a request, of each process. */
  readonly us: readonly number[];
  /** Requests that a process answers in a second. */
  readonly rate: number;
  /** To the first contender. */
  readonly ratio: number;
}

/** At the start of a burst, connections are opened that ended while other processes had their turn. It is not measured. */
const LEAD_IN_MS = 100;

let requests = 0;

/** Moves this process, which has the load and the command API, to a core without servers. */
export function pinLoad(): void {
  execFileSync('taskset', ['-a', '-c', '-p', '1', String(process.pid)], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Starts a server on the core without load, in production, and waits for its first answer. `vendor` is what it needs for its commands. */
export async function startServer(contender: Contender, vendor: NodeJS.ProcessEnv): Promise<Server> {
  const { name, folder, command } = contender;
  const port = await freePort();
  const env = {
    PATH: `${resolve(folder, 'node_modules/.bin')}:${process.env.PATH}`,
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: String(port),
    ROUTER_SECRET,
    ...vendor,
  };
  const child = start('taskset', ['-c', '0', 'sh', '-c', command], env, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}/graphql`;
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode} before it answered`);
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    return answer !== undefined;
  });
  return { name, url, pid: Number(child.pid) };
}

/** Returns the cost of each contender. The processes take turns, so that a slow moment of the machine meets all. */
export async function compare(workload: Workload, servers: readonly Server[], rounds: number): Promise<Cost[]> {
  await compareData(workload, servers);
  for (const server of servers) await burst(server, workload, workload.warmUpMs);
  const measured = servers.map((server) => ({ server, bursts: [] as Awaited<ReturnType<typeof burst>>[] }));
  for (let round = 0; round < rounds; round++)
    for (const { server, bursts } of round % 2 ? measured.toReversed() : measured)
      bursts.push(await burst(server, workload, workload.burstMs));
  const contenders = Map.groupBy(measured, ({ server }) => server.name);
  const [first = []] = contenders.values();
  const sumOf = (processes: typeof measured, round: number) =>
    processes.reduce((sum, { bursts }) => sum + Number(bursts[round]?.us), 0);
  return Array.from(contenders, ([name, processes]) => {
    const us = processes.map(({ bursts }) => median(bursts.map((one) => one.us)));
    const rate = median(processes.flatMap(({ bursts }) => bursts.map((one) => one.rate)));
    const ratios = Array.from({ length: rounds }, (_, round) => sumOf(processes, round) / sumOf(first, round));
    return { name, us, rate, ratio: median(ratios) };
  });
}

/** Sends requests. Returns the microseconds of CPU of one of them, and their number in a second. Throws at the first that fails. */
export async function burst({ name, url, pid }: Server, workload: Workload, durationMs: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: workload.callers });
  const ask = async () => {
    const { status, text } = await send(agent, url, workload, ++requests);
    if (status !== 200 || text.includes('"errors"'))
      throw new Error(`${workload.title}: ${name} answers ${status} ${text.slice(0, 300)}`);
  };
  const askFor = (ms: number, start = performance.now()) =>
    load(ask, { workers: workload.callers, isOver: () => performance.now() >= start + ms });
  await askFor(LEAD_IN_MS);
  const [first, cpuUs, start] = [requests, readCpuUs(pid), performance.now()];
  await askFor(durationMs);
  const count = requests - first;
  agent.destroy();
  return { us: (readCpuUs(pid) - cpuUs) / count, rate: (1000 * count) / (performance.now() - start) };
}

/** Throws where a server answers other data than the first one, because then the costs cannot be compared. */
async function compareData(workload: Workload, servers: readonly Server[]): Promise<void> {
  let expected: unknown;
  for (const { name, url } of servers) {
    const { text } = await send(false, url, workload, 0);
    const { data, errors } = JSON.parse(text);
    expected ??= data;
    if (!data || errors || !isDeepStrictEqual(data, expected))
      throw new Error(`${workload.title}: ${name} answers other data: ${text.slice(0, 300)}`);
  }
}

function send(agent: Agent | false, url: string, workload: Workload, n: number) {
  const headers = { ...HEADERS, authorization: `Bearer ${workload.reply}+${workload.replyMs}.${n}` };
  return request(agent, url, { headers, body: bodyOf(workload, n) });
}
