/**
 * `npm run bench`: compares the subgraph with its alternatives, in one run on one machine. Prints the goals, and exits with 1 if
 * one is missed. Writes docs/performance.md. `npm run bench -- list hot` runs only these workloads, and only prints.
 */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { readNames } from '../dev/options.ts';
import { type Contender, HEADERS, keepOffServerCore, killAll, start } from './contender.ts';
import { KINDS, type Kind, OURS } from './contenders.ts';
import { measure } from './measure.ts';
import { type Bursts, judgeGoals, type Memory, render, writePage } from './report.ts';
import { measureStart } from './start.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

// Processes of the same code differ by up to 15 %.
const PROCESSES = 2;
// Node optimizes hot code only after some thousand requests.
const FIRST_WARM_UP_MS = 20_000;
const WARM_UP_MS = 3000;
const SETTLED_MS = 2000;

type Running = readonly [Kind, Contender];

const workloads: readonly Workload[] = Object.values(WORKLOADS);
const chosen = readNames(workloads.map(({ name }) => name));
const isWhole = chosen.length === 0;
execFileSync('npm', ['ci', '--prefix', 'bench', '--no-audit', '--no-fund'], { stdio: 'inherit' });
process.on('exit', killAll);
const load = os.loadavg()[0] ?? 0;
const started = isWhole ? await measureStart() : undefined;
const pinned = keepOffServerCore();
const file = new URL('upstream.ts', import.meta.url).pathname;
const upstream = await start('upstream', [file], {}, { pinned: false, path: '/commands', probe: '' });
await warmUpLoad();
const running: Running[] = [];
for (let n = 0; n < PROCESSES; n++) for (const kind of KINDS) running.push([kind, await startKind(kind)]);
const memory = await compareMemory();
const bursts: Record<string, Bursts> = {};
for (const workload of workloads) {
  if (isWhole || chosen.includes(workload.name)) bursts[workload.name] = await compare(workload);
}
const results = { load, pinned, started, memory, bursts };
console.log(render(results));
if (isWhole) writePage(results);
process.exit(judgeGoals(results).every(({ isReached }) => isReached) ? 0 : 1);

function startKind({ name, args }: Kind): Promise<Contender> {
  const COMMAND_API_URL = new URL(upstream.url).origin;
  return start(name, args, { COMMAND_API_URL, ROUTER_SECRET: HEADERS['router-authorization'] });
}

/** Load and command API are slow at first, and the server that they warm up stays up to 10 % slower. It is thrown away. */
async function warmUpLoad(): Promise<void> {
  const contender = await startKind(OURS);
  await measure(contender, upstream, WORKLOADS.list, FIRST_WARM_UP_MS);
  await contender.stop();
}

/** Resident megabytes two seconds after the first answer, and right after ten seconds of lists. */
async function compareMemory(): Promise<Readonly<Record<string, Memory>>> {
  await delay(SETTLED_MS);
  const memory: Record<string, Memory> = {};
  for (const [{ name }, contender] of running) {
    const idle = await readMegabytes(contender);
    await measure(contender, upstream, WORKLOADS.list, FIRST_WARM_UP_MS / 2);
    memory[name] = { idle, loaded: await readMegabytes(contender) };
  }
  return memory;
}

async function readMegabytes(contender: Contender): Promise<number> {
  return (await contender.usage()).rssBytes / 1_000_000;
}

/** Every contender: each warmed up, then in turns, so that a slow moment of the machine meets all. */
async function compare(workload: Workload): Promise<Bursts> {
  await compareData(workload);
  const chosen = running.filter(([kind]) => workload.kinds.includes(kind));
  for (const [, contender] of chosen) await measure(contender, upstream, workload, WARM_UP_MS);
  const bursts: Bursts = Object.fromEntries(KINDS.map(({ name }) => [name, []]));
  for (let round = 0; round < workload.rounds; round++) {
    for (const [{ name }, contender] of chosen)
      bursts[name]?.push(await measure(contender, upstream, workload, workload.burstMs));
  }
  const soFar = judgeGoals({ bursts: { [workload.name]: bursts }, memory: {}, started: undefined });
  for (const { what, measured } of soFar) console.error(`${what}: ${measured}`);
  return bursts;
}

/** Throws where a contender answers other data than ours does: then their times say nothing. */
async function compareData({ ask, title }: Workload): Promise<void> {
  let expected: unknown;
  for (const [{ name }, { url }] of running) {
    const headers = { ...HEADERS, authorization: 'Bearer compare' };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(ask(1)) });
    const { data } = (await answer.json()) as { data?: unknown };
    expected ??= data;
    if (!data || !isDeepStrictEqual(data, expected)) throw new Error(`${name} answers other data: ${title}`);
  }
}
