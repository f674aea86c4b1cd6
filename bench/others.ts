/**
 * What is not one figure for each request: readiness, memory, overload, and how cost grows.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Contender } from './contender.ts';
import { KINDS, type Kind, OURS } from './contenders.ts';
import { load } from './load.ts';
import { type Burst, loadOf, measure, type Summary, summarize } from './measure.ts';
import { entitiesOf, listOf, OVERLOAD, PEAK, WORKLOADS, type Workload } from './workloads.ts';

const STARTS = 5;
const SETTLED_MS = 2000;
const LOAD_MS = 20_000;
const SOAK_MS = 3 * 60_000;
const SAMPLE_MS = 10_000;

type Start = (kind: Kind) => Promise<Contender>;

/** Resident megabytes. */
export interface Memory {
  readonly idle: number;
  readonly loaded: number;
}

export interface Soak {
  readonly requests: number;
  readonly bad: number;
  /** Resident megabytes, every ten seconds. */
  readonly samples: readonly number[];
}

const ours = KINDS.find(({ name }) => name === OURS) as Kind;

/** Milliseconds from a start to the first answer, of several starts each. */
export async function measureReadiness(kinds: readonly Kind[], start: Start): Promise<Record<string, Summary>> {
  const times: Record<string, number[]> = {};
  for (let round = 0; round < STARTS; round++) {
    for (const kind of kinds) {
      const contender = await start(kind);
      times[kind.name] = [...(times[kind.name] ?? []), contender.readyMs];
      await contender.stop();
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, values]) => [name, summarize(values)]));
}

/** Idle two seconds after the first answer, and right after twenty seconds of lists. */
export async function measureMemory(kinds: readonly Kind[], start: Start, upstream: Contender) {
  const memory: Record<string, Memory> = {};
  for (const kind of kinds) {
    const contender = await start(kind);
    await delay(SETTLED_MS);
    const idle = await readMegabytes(contender);
    const given = loadOf(PEAK, kind, LOAD_MS);
    if (given) await measure(contender, upstream, given);
    memory[kind.name] = { idle, loaded: await readMegabytes(contender) };
    await contender.stop();
  }
  return memory;
}

/** At the peak and with ten times as many connections, in turns. */
export async function measureOverload(start: Start, upstream: Contender) {
  const contender = await start(ours);
  await run(contender, upstream, PEAK, LOAD_MS);
  const peak: Burst[] = [];
  const overload: Burst[] = [];
  for (let round = 0; round < 3; round++) {
    peak.push(await run(contender, upstream, PEAK, 5000));
    overload.push(await run(contender, upstream, OVERLOAD, 10_000));
  }
  await contender.stop();
  return { peak, overload };
}

/** The cost of a list as it grows, and of representations as there are more: microseconds of processor time an answer. */
export async function measureScaling(start: Start, upstream: Contender) {
  const contender = await start(ours);
  await run(contender, upstream, listOf(200), LOAD_MS);
  const cost = async (workload: Workload) => {
    await run(contender, upstream, workload, 3000);
    const bursts = [];
    for (let round = 0; round < 3; round++) bursts.push(await run(contender, upstream, workload, 2000));
    return summarize(bursts.map(({ cpuUs }) => cpuUs)).median;
  };
  const lists: [number, number][] = [];
  for (const tickets of [10, 100, 1000, 5000]) lists.push([tickets, await cost(listOf(tickets))]);
  const entities: [number, number][] = [];
  for (const count of [1, 10, 100, 1000]) entities.push([count, await cost(entitiesOf(count))]);
  await contender.stop();
  return { lists, entities };
}

/** Three minutes of every workload together, each by two callers. */
export async function soak(start: Start): Promise<Soak> {
  const contender = await start(ours);
  const samples: number[] = [];
  const sampler = setInterval(async () => samples.push(await readMegabytes(contender)), SAMPLE_MS);
  const loads = WORKLOADS.map(async (workload) => {
    const given = loadOf(workload, ours, SOAK_MS);
    return given && load(contender.url, { ...given, connections: 2, pauseMs: 50 });
  });
  const outcomes = (await Promise.all(loads)).filter((outcome) => outcome !== undefined);
  clearInterval(sampler);
  await contender.stop();
  const bad = outcomes.flatMap((outcome) => Object.values(outcome.bad)).reduce((sum, count) => sum + count, 0);
  return { requests: outcomes.reduce((sum, { good }) => sum + good, bad), bad, samples };
}

async function run(contender: Contender, upstream: Contender, workload: Workload, durationMs: number): Promise<Burst> {
  const given = loadOf(workload, ours, durationMs);
  if (!given) throw new Error(`${workload.title} cannot be asked`);
  return measure(contender, upstream, given);
}

async function readMegabytes(contender: Contender): Promise<number> {
  return (await contender.usage()).rssBytes / 1_000_000;
}
