/**
 * Writes the results into docs/performance.json, docs/performance.md and its picture. Keeps the text of the page outside the
 * two marks.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { FLOOR, KINDS, type Kind, OURS, STOCK } from './contenders.ts';
import { type Burst, type Summary, summarize } from './measure.ts';
import type { Memory, Soak } from './others.ts';
import { plot } from './plot.ts';
import { WORKLOADS } from './workloads.ts';

/** Workload → contender → a burst for each round, the same rounds for all. */
export type Bursts = Readonly<Record<string, Readonly<Record<string, readonly Burst[]>>>>;

export interface Results {
  /** Whether server and load had a core each. */
  readonly pinned: boolean;
  readonly bursts: Bursts;
  readonly readiness: Readonly<Record<string, Summary>>;
  readonly memory: Readonly<Record<string, Memory>>;
  readonly overload: { readonly peak: readonly Burst[]; readonly overload: readonly Burst[] };
  readonly scaling: {
    readonly lists: readonly (readonly [number, number])[];
    readonly entities: readonly (readonly [number, number])[];
  };
  readonly soak: Soak;
}

const docs = (file: string) => new URL(`../docs/${file}`, import.meta.url);
const MARKS = ['<!-- measured: begin -->', '<!-- measured: end -->'] as const;

export function writeReport(results: Results): void {
  const data = summarizeAll(results);
  writeFileSync(docs('performance.json'), `${JSON.stringify(data, null, 1)}\n`);
  const document = readFileSync(docs('performance.md'), 'utf8');
  const [before] = document.split(MARKS[0]);
  const [, after] = document.split(MARKS[1]);
  const text = [describeRun(data.measured), render(results), describeOthers(results)].join('\n\n');
  writeFileSync(docs('performance.md'), `${before}${MARKS[0]}\n\n${text}\n\n${MARKS[1]}${after}`);
  writeFileSync(docs('images/performance.svg'), plot(data.workloads));
}

/** Every figure of every burst, summed up. */
function summarizeAll({ pinned, bursts, readiness, memory, overload, scaling, soak }: Results) {
  const members = ['cpuUs', 'perSecond', 'p50', 'p99', 'commands'] as const;
  const ofBursts = (ones: readonly Burst[]) =>
    Object.fromEntries(members.map((name) => [name, rounded(summarize(ones.map((burst) => burst[name])))])) as Record<
      (typeof members)[number],
      Summary
    >;
  const map = <T, U>(object: Readonly<Record<string, T>>, change: (value: T) => U) =>
    Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
  return {
    measured: { ...describeMachine(), pinned },
    workloads: map(bursts, (contenders) => map(contenders, ofBursts)),
    readiness: map(readiness, rounded),
    memory: map(memory, ({ idle, loaded }) => ({ idle: Math.round(idle), loaded: Math.round(loaded) })),
    overload: { peak: ofBursts(overload.peak), overload: ofBursts(overload.overload) },
    scaling,
    soak: { requests: soak.requests, bad: soak.bad, megabytes: soak.samples.map(Math.round) },
  };
}

function describeMachine() {
  return {
    day: new Date().toISOString().slice(0, 10),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    node: process.version,
    processor: `${os.cpus()[0]?.model} (${os.cpus().length} cores)`,
  };
}

function describeRun({ day, commit, node, processor, pinned }: ReturnType<typeof summarizeAll>['measured']): string {
  const cores = pinned
    ? 'the server on one core, load and command API on the other'
    : 'server and load on the same cores';
  return `Measured on ${day} at ${commit}: Node ${node}, ${processor}, ${cores}.`;
}

/** Returns the goals and the cost of each contender, as far as they were measured. */
export function render({ bursts }: Pick<Results, 'bursts'>): string {
  const parts = [
    describeGoals(bursts),
    describeCosts('CPU microseconds a request, median (least–most)', bursts, KINDS, cpuOf, 0),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

type Read = (contenders: Bursts[string]) => (name: string) => Summary | undefined;

function describeCosts(title: string, bursts: Bursts, kinds: readonly Kind[], read: Read, digits: number): string {
  const workloads = WORKLOADS.filter(({ name }) => bursts[name]);
  if (workloads.length === 0) return '';
  const rows = kinds.map(({ name, label }) => {
    const cells = workloads.map((workload) => spread(read(bursts[workload.name] ?? {})(name), digits));
    return `| ${label} | ${cells.join(' | ')} |`;
  });
  const head = `| | ${workloads.map((workload) => workload.title).join(' | ')} |`;
  return `### ${title}\n\n${head}\n|---${'|---'.repeat(workloads.length)}|\n${rows.join('\n')}`;
}

/** Each goal as a ratio, round by round in one run, so that a slow moment of the machine is in both of its sides. */
function describeGoals(bursts: Bursts): string {
  const ratio = (workload: string, over: string) => ratioTo(bursts[workload] ?? {}, OURS)(over);
  const rows: [string, number, Summary | undefined][] = [
    ['List of 20: Apollo template / ours', 1.2, ratio('list-20', STOCK)],
    ['List of 20: got floor / ours', 0.5, ratio('list-20', FLOOR)],
    ['One detail: Apollo template / ours', 1, ratio('one', STOCK)],
    ['Create: Apollo template / ours', 0.8, ratio('create', STOCK)],
    ['100 entities of 10 residences: Mercurius / ours', 1.15, ratio('entities-10', 'mercurius')],
    ['One hot residence: got floor / ours', 1.8, ratio('hot', FLOOR)],
  ];
  const lines = rows.flatMap(([what, goal, measured]) =>
    measured ? `| ${what} | ≥ ${goal} | ${spread(measured, 2)} | ${measured.median >= goal ? 'yes' : '**no**'} |` : [],
  );
  if (lines.length === 0) return '';
  return `### The goals\n\n| CPU | goal | measured | reached |\n|---|---|---|---|\n${lines.join('\n')}`;
}

function describeOthers({ readiness, memory, overload, scaling, soak }: Results): string {
  const servers = KINDS.map(({ name, label }) => {
    const { idle = 0, loaded = 0 } = memory[name] ?? {};
    return `| ${label} | ${spread(readiness[name], 0)} | ${idle.toFixed(0)} | ${loaded.toFixed(0)} |`;
  });
  const rate = (bursts: readonly Burst[]) => summarize(bursts.map(({ perSecond }) => perSecond)).median;
  const [peak, over] = [rate(overload.peak), rate(overload.overload)];
  const grow = (points: readonly (readonly [number, number])[]) =>
    points.map(([size, us]) => `${us.toFixed(0)} µs for ${size}`).join(', ');
  const { samples, requests, bad } = soak;
  return `### Start and memory

Milliseconds from the start of the process to its first answer, compile cache warm; resident megabytes two seconds later, and
after 20 s of lists.

| | ready, ms | idle, MB | after load, MB |
|---|---|---|---|
${servers.join('\n')}

### Load

- Overload: ${over.toFixed(0)} good answers a second with ten times the connections of the peak, of ${peak.toFixed(0)} at the peak (${((100 * over) / peak).toFixed(0)} %).
- A list as it grows: ${grow(scaling.lists)} tickets.
- Representations of one residence: ${grow(scaling.entities)}.
- ${Math.round(samples.length / 6)} minutes of all workloads together: ${requests} requests, ${bad} of them failed; ${samples[0]?.toFixed(0)} MB after ten seconds, ${samples.at(-1)?.toFixed(0)} MB at the end.`;
}

function cpuOf(contenders: Bursts[string]) {
  return (name: string) => contenders[name] && summarize(contenders[name].map(({ cpuUs }) => cpuUs));
}

/** Burst by burst. */
function ratioTo(contenders: Bursts[string], whole: string) {
  const of = (name: string, round: number) => contenders[name]?.[round]?.cpuUs ?? Number.NaN;
  return (name: string) =>
    contenders[name] && summarize(contenders[name].map(({ cpuUs }, round) => cpuUs / of(whole, round)));
}

function spread(summary: Summary | undefined, digits: number): string {
  if (!summary) return '–';
  const { median, least, most } = summary;
  return `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}

function rounded({ median, least, most }: Summary): Summary {
  const round = (value: number) => Number(value.toPrecision(4));
  return { median: round(median), least: round(least), most: round(most) };
}
