/**
 * What one burst of load cost a contender, and several of them summed up.
 */
import type { Contender } from './contender.ts';
import type { Kind } from './contenders.ts';
import { type Load, load } from './load.ts';
import type { Workload } from './workloads.ts';

export interface Burst {
  /** Microseconds of processor time of the server's process for each good answer. */
  readonly cpuUs: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Commands sent for each good answer. */
  readonly commands: number;
  readonly bad: Readonly<Record<string, number>>;
}

/** The middle one and the ends of several. */
export interface Summary {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

let requests = 0;

/** The load of a workload on a contender, or undefined where it cannot be asked so. */
export function loadOf(workload: Workload, kind: Kind, durationMs: number): Load | undefined {
  if (!workload.ask(kind.operations, 0)) return undefined;
  const { connections, oneToken = false } = workload;
  const next = () => {
    requests++;
    const token = oneToken ? 'hot' : `t${requests}`;
    return { token, body: JSON.stringify(workload.ask(kind.operations, requests)) };
  };
  return { connections, durationMs, next };
}

export async function measure(contender: Contender, upstream: Contender, given: Load): Promise<Burst> {
  const [before, sentBefore] = [await contender.usage(), await countCommands(upstream)];
  const { good, seconds, latencies, bad } = await load(contender.url, given);
  const [after, sentAfter] = [await contender.usage(), await countCommands(upstream)];
  return {
    cpuUs: (after.cpuUs - before.cpuUs) / good,
    perSecond: good / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    commands: (sentAfter - sentBefore) / good,
    bad,
  };
}

export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), least: quantile(sorted, 0), most: quantile(sorted, 1) };
}

/** Of values in order. */
function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.round((sorted.length - 1) * part)] ?? Number.NaN;
}

async function countCommands(upstream: Contender): Promise<number> {
  return Number(await (await fetch(upstream.url)).text());
}
