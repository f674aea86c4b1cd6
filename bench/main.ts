/**
 * `npm run bench`: the subgraph beside what a user would pick instead, in one run on one machine. Writes what it measured into
 * docs/performance.md and docs/images/performance.svg. `npm run bench -- list-20 hot` runs these workloads only, prints and
 * writes nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import { type Contender, keepOffServerCore, killAll, start } from './contender.ts';
import { KINDS, type Kind, OURS } from './contenders.ts';
import { type Burst, loadOf, measure } from './measure.ts';
import { measureMemory, measureOverload, measureReadiness, measureScaling, soak } from './others.ts';
import { type Results, render, writeReport } from './report.ts';
import { WORKLOADS, type Workload } from './workloads.ts';

const ROUNDS = 5;
const BURST_MS = 2000;
// Node compiles what is hot, and what its neighbours use of it, only after some thousand requests.
const FIRST_WARM_UP_MS = 20_000;
const WARM_UP_MS = 6000;

const chosen = process.argv.slice(2);
const workloads = WORKLOADS.filter(({ name }) => chosen.length === 0 || chosen.includes(name));

process.on('exit', killAll);
const pinned = keepOffServerCore();
const upstream = await startUpstream();
const results = await compare();
if (chosen.length > 0) console.log(render(results));
else writeReport({ ...results, ...(await measureTheRest()) });
await upstream.stop();

async function startUpstream(): Promise<Contender> {
  const file = new URL('upstream.ts', import.meta.url).pathname;
  return start('upstream', [file], {}, { pinned: false, path: '/commands', probe: '' });
}

function startKind({ name, args }: Kind): Promise<Contender> {
  const env = { COMMAND_API_URL: new URL(upstream.url).origin, ALLOW_NO_ROUTER_SECRET: 'true', DRAIN_DELAY_MS: '0' };
  return start(name, args, env);
}

/** Every workload with every contender: each warmed up, then in turns, so that a slow moment of the machine meets all. */
async function compare(): Promise<Pick<Results, 'pinned' | 'bursts'>> {
  const contenders = new Map<Kind, Contender>();
  for (const kind of KINDS) contenders.set(kind, await startKind(kind));
  const bursts: Record<string, Record<string, Burst[]>> = {};
  for (const [index, workload] of workloads.entries()) {
    await compareData(workload, contenders);
    const ofWorkload: Record<string, Burst[]> = {};
    for (let round = -1; round < ROUNDS; round++) {
      for (const [kind, contender] of contenders) {
        const warmUpMs = index === 0 ? FIRST_WARM_UP_MS : WARM_UP_MS;
        const durationMs = round < 0 ? warmUpMs : (workload.burstMs ?? BURST_MS);
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
  return { pinned, bursts };
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
