/**
 * `npm run bench`: compares the subgraph with its alternatives, in one run on one machine.
 * Writes docs/performance.json, docs/performance.md and docs/images/performance.svg. `npm run bench -- list-20 hot` runs only
 * these workloads, and only prints.
 */
import { execFileSync } from 'node:child_process';
import { isDeepStrictEqual } from 'node:util';
import { readNames } from '../dev/options.ts';
import { type Contender, keepOffServerCore, killAll, start } from './contender.ts';
import { KINDS, type Kind, OURS } from './contenders.ts';
import type { Load } from './load.ts';
import { type Burst, loadOf, measure } from './measure.ts';
import { measureMemory, measureOverload, measureReadiness, measureScaling, soak } from './others.ts';
import { type Bursts, render, writeReport } from './report.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

// Many short bursts: two processes of the same code then differ by 4 %, with 5 bursts of 1.5 s by 25 %.
const ROUNDS = 20;
const BURST_MS = 500;
// Node optimizes hot code only after some thousand requests.
const FIRST_WARM_UP_MS = 20_000;
const WARM_UP_MS = 5000;

const names = WORKLOADS.map(({ name }) => name);
const chosen = readNames(names);
execFileSync('npm', ['ci', '--prefix', 'bench', '--no-audit', '--no-fund'], { stdio: 'inherit' });
process.on('exit', killAll);
const pinned = keepOffServerCore();
const upstream = await startUpstream();
await warmUpLoad();
const isAll = chosen.length === 0;
const bursts = await compare(KINDS, isAll ? names : chosen);
if (isAll) writeReport({ pinned, bursts, ...(await measureTheRest()) });
else console.log(render({ bursts }));
await upstream.stop();

async function startUpstream(): Promise<Contender> {
  const file = new URL('upstream.ts', import.meta.url).pathname;
  return start('upstream', [file], {}, { pinned: false, path: '/commands', probe: '' });
}

function startKind({ name, args, env }: Kind): Promise<Contender> {
  const COMMAND_API_URL = new URL(upstream.url).origin;
  return start(name, args, { COMMAND_API_URL, ALLOW_NO_ROUTER_SECRET: 'true', DRAIN_DELAY_MS: '0', ...env });
}

/** Load and command API are slow at first, and the server that they warm up stays up to 10 % slower. It is thrown away. */
async function warmUpLoad(): Promise<void> {
  const [kind] = KINDS as readonly [Kind];
  const [workload] = WORKLOADS as readonly [Workload];
  const contender = await startKind(kind);
  await measure(contender, upstream, loadOf(workload, kind, FIRST_WARM_UP_MS) as Load);
  await contender.stop();
}

/** Every workload with every contender: each warmed up, then in turns, so that a slow moment of the machine meets all. */
async function compare(kinds: readonly Kind[], chosenWorkloads: readonly string[]): Promise<Bursts> {
  const workloads = WORKLOADS.filter(({ name }) => chosenWorkloads.includes(name));
  if (workloads.length === 0) return {};
  const contenders = new Map<Kind, Contender>();
  for (const kind of kinds) contenders.set(kind, await startKind(kind));
  const bursts: Record<string, Record<string, Burst[]>> = {};
  for (const [index, workload] of workloads.entries()) {
    await compareData(workload, contenders);
    const ofWorkload: Record<string, Burst[]> = {};
    for (let round = -1; round < ROUNDS; round++) {
      for (const [kind, contender] of contenders) {
        const warmUpMs = index === 0 ? FIRST_WARM_UP_MS : WARM_UP_MS;
        const durationMs = round < 0 ? warmUpMs : BURST_MS;
        const given = loadOf(workload, kind, durationMs);
        if (!given) continue;
        const burst = await measure(contender, upstream, given);
        if (round >= 0) ofWorkload[kind.name] = [...(ofWorkload[kind.name] ?? []), burst];
      }
    }
    bursts[workload.name] = ofWorkload;
    console.error(`${workload.title}: measured`);
  }
  for (const contender of contenders.values()) await contender.stop();
  return bursts;
}

/** Ends the run where a contender answers other data than ours does: then their times say nothing. */
async function compareData(workload: Workload, contenders: ReadonlyMap<Kind, Contender>): Promise<void> {
  let expected: unknown;
  for (const [kind, { url }] of contenders) {
    const asked = workload.ask(kind.operations, 1);
    if (!asked) continue;
    const headers = { 'content-type': 'application/json', authorization: 'Bearer compare' };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(asked) });
    const { data } = (await answer.json()) as { data?: unknown };
    const same = data && kind.toData(asked.operationName, data, asked.variables);
    if (kind.name === OURS) expected = same;
    if (!same || !isDeepStrictEqual(same, expected))
      throw new Error(`${kind.name} answers other data: ${workload.title}`);
  }
}

async function measureTheRest() {
  return {
    readiness: await measureReadiness(KINDS, startKind),
    memory: await measureMemory(KINDS, startKind, upstream),
    overload: await measureOverload(startKind, upstream),
    scaling: await measureScaling(startKind, upstream),
    soak: await soak(startKind),
  };
}
