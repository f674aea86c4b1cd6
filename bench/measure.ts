/**
 * One burst of load on a contender, over kept-alive connections as a router has them, and what it cost.
 */
import { Agent } from 'node:http';
import type { Running } from '../test/support/alternatives.ts';
import { load, request } from '../test/support/load.ts';
import { readCpuUs } from '../test/support/proc.ts';
import { HEADERS } from '../test/support/replica.ts';
import type { Workload } from './workloads.ts';

export interface Burst {
  /** Microseconds of CPU time of the contender's processes for each answer. */
  readonly cpuUs: number;
  /** The same of each process. */
  readonly shares: readonly number[];
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Requests without an answer of status 200 without errors. The other figures divide by the others. */
  readonly failed: number;
}

const WARM_UP_MS = 25_000;
const WARM_BURST_MS = 1500;
const WARM_BURSTS = 3;
const WARM_SPREAD = 1.05;

let requests = 0;

/** Loads a contender until three bursts cost the same within 5 %, or for 25 seconds. */
export async function warmUp(contender: Running, workload: Workload): Promise<void> {
  const end = performance.now() + WARM_UP_MS;
  const costs: number[] = [];
  while (performance.now() < end) {
    costs.push((await measure(contender, workload, WARM_BURST_MS)).cpuUs);
    const last = costs.slice(-WARM_BURSTS);
    if (last.length === WARM_BURSTS && Math.max(...last) < WARM_SPREAD * Math.min(...last)) return;
  }
}

export async function measure(contender: Running, workload: Workload, durationMs: number): Promise<Burst> {
  const readCpu = () => contender.pids.map((pid) => readCpuUs(pid));
  const before = readCpu();
  const { latencies, failed } = await send(contender, workload, durationMs);
  const after = readCpu();
  const answers = latencies.length;
  const shares = after.map((cpuUs, index) => (cpuUs - Number(before[index])) / answers);
  return {
    cpuUs: shares.reduce((sum, share) => sum + share),
    shares,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    failed,
  };
}

async function send({ url }: Running, { ask, connections, reply, oneToken }: Workload, durationMs: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  let failed = 0;
  const end = performance.now() + durationMs;
  const sendOne = async () => {
    const n = ++requests;
    const headers = { ...HEADERS, authorization: `Bearer ${reply}.${oneToken ? 'hot' : n}` };
    const body = JSON.stringify(ask(n));
    const sent = performance.now();
    const { status, text } = await request(agent, url, { headers, body });
    if (status === 200 && !text.includes('"errors"')) latencies.push(performance.now() - sent);
    else failed++;
  };
  await load(sendOne, { workers: connections, isOver: () => performance.now() >= end });
  agent.destroy();
  return { latencies: latencies.sort((a, b) => a - b), failed };
}

export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

/** Of values in order. */
function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.round((sorted.length - 1) * part)] ?? Number.NaN;
}
