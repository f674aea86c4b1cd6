/**
 * `npm run bench`: compares the subgraph with its alternatives, in one run on one machine. Prints costs and goals, and exits with 1
 * if a request failed. A run with Apollo Router and without failed requests writes RESULTS.md. `npm run bench -- list hot`
 * runs only these workloads, and only prints.
 */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { readNames } from '../dev/options.ts';
import { type Running, startServer } from '../test/support/alternatives.ts';
import { readMemory } from '../test/support/proc.ts';
import { killAll } from '../test/support/process.ts';
import { HEADERS } from '../test/support/replica.ts';
import { type Kind, OURS } from './contenders.ts';
import { measure, warmUp } from './measure.ts';
import { pinLoad, pinServer } from './pin.ts';
import { type Bursts, describeFailures, judgeGoals, type Memory, render, writeResults } from './report.ts';
import { measureStart } from './start.ts';
import { ALONE, CALM_ALONE, CALM_ROUTER, type Comparison, ROUTER, type Workload } from './workloads.ts';

// Processes of the same code differ by up to 15 %.
const PROCESSES = 2;
// Of the load, whose own speed is constant then.
const FIRST_WARM_UP_MS = 20_000;
const MEMORY_MS = 10_000;
const SETTLED_MS = 2000;

/** A started contender. */
type Started = readonly [Kind, Running];

const hasRouter = Boolean(process.env.APOLLO_ROUTER);
/** Those of one entry share their processes. */
const comparisons: readonly (readonly Comparison[])[] = [
  [ALONE, CALM_ALONE],
  ...(hasRouter ? [[ROUTER, CALM_ROUTER]] : []),
];
const all = comparisons.flat().flatMap(({ workloads }) => workloads);
const chosen = readNames(all.map(({ name }) => name));
const isWhole = chosen.length === 0;
execFileSync('npm', ['ci', '--prefix', 'bench', '--no-audit', '--no-fund'], { stdio: 'inherit' });
process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
const load = os.loadavg()[0] ?? 0;
const started = isWhole ? await measureStart() : undefined;
const pinned = pinLoad();
const upstream = await startServer('bench/upstream.ts');
const commandApiUrl = new URL(upstream.url).origin;
await warmUpLoad();
const memory: Record<string, Memory> = {};
const bursts: Record<string, Bursts> = {};
for (const together of comparisons) {
  const asked = together.flatMap(({ workloads }) => workloads).filter(({ name }) => isWhole || chosen.includes(name));
  if (asked.length === 0) continue;
  const { kinds = [] } = together[0] ?? {};
  const running: Started[] = [];
  for (let n = 0; n < PROCESSES; n++) for (const kind of kinds) running.push([kind, await start(kind)]);
  if (isWhole) await compareMemory(running.slice(0, kinds.length));
  for (const workload of asked) bursts[workload.name] = await compare(workload, running);
  for (const [, contender] of running) await contender.stop();
}
const results = { load, pinned, started, memory, bursts };
console.log(render(results));
const isClean = describeFailures(results).length === 0;
// Without Apollo Router, the file would lose its tables.
if (isClean && isWhole && hasRouter) writeResults(results);
process.exit(isClean ? 0 : 1);

async function start(kind: Kind): Promise<Running> {
  const contender = await kind.start(commandApiUrl);
  for (const pid of contender.pids) pinServer(pid);
  return contender;
}

/** Load and command API are slow at first, and the server that they warm up stays up to 10 % slower. It is thrown away. */
async function warmUpLoad(): Promise<void> {
  const contender = await start(OURS);
  await measure(contender, all[0] as Workload, FIRST_WARM_UP_MS);
  await contender.stop();
}

/** Resident megabytes before the first load, and right after ten seconds of lists. */
async function compareMemory(running: readonly Started[]): Promise<void> {
  await delay(SETTLED_MS);
  for (const [{ name }, contender] of running) {
    const readMegabytes = () => contender.pids.reduce((sum, pid) => sum + readMemory(pid) / 1_000_000, 0);
    const idle = readMegabytes();
    await measure(contender, all[0] as Workload, MEMORY_MS);
    memory[name] = { idle, loaded: readMegabytes() };
  }
}

/** Every contender: each warmed up, then in turns, so that a slow moment of the machine meets all. */
async function compare(workload: Workload, running: readonly Started[]): Promise<Bursts> {
  await compareData(workload, running);
  for (const [, contender] of running) await warmUp(contender, workload);
  const bursts: Bursts = Object.fromEntries(running.map(([{ name }]) => [name, []]));
  for (let round = 0; round < workload.rounds; round++) {
    for (const [{ name }, contender] of running)
      bursts[name]?.push(await measure(contender, workload, workload.burstMs));
  }
  const soFar = judgeGoals({ bursts: { [workload.name]: bursts }, memory: {}, started: undefined });
  for (const { name, value } of soFar) console.error(`${name}: ${value}`);
  return bursts;
}

/** Throws where a contender answers other data than the first one: then their times say nothing. */
async function compareData({ ask, reply, title }: Workload, running: readonly Started[]): Promise<void> {
  let expected: unknown;
  for (const [{ name }, { url }] of running) {
    const headers = { ...HEADERS, authorization: `Bearer ${reply}.compare` };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(ask(1)) });
    const { data } = (await answer.json()) as { data?: unknown };
    expected ??= data;
    if (!data || !isDeepStrictEqual(data, expected)) throw new Error(`${name} answers other data: ${title}`);
  }
}
