/**
 * What was measured, as docs/performance.md and its picture show it. What people wrote there, around the two marks, stays.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { FLOOR, KINDS, OURS, STOCK } from './contenders.ts';
import { type Burst, type Summary, summarize } from './measure.ts';
import type { Memory, Soak } from './others.ts';
import { plot } from './plot.ts';
import { WORKLOADS } from './workloads.ts';

export interface Results {
  /** Whether server and load had a core each. */
  readonly pinned: boolean;
  /** Workload → contender → a burst for each round, the same rounds for all. */
  readonly bursts: Readonly<Record<string, Readonly<Record<string, readonly Burst[]>>>>;
  readonly readiness: Readonly<Record<string, Summary>>;
  readonly memory: Readonly<Record<string, Memory>>;
  readonly overload: { readonly peak: readonly Burst[]; readonly overload: readonly Burst[] };
  readonly scaling: {
    readonly lists: readonly (readonly [number, number])[];
    readonly entities: readonly (readonly [number, number])[];
  };
  readonly soak: Soak;
}

type Compared = Pick<Results, 'bursts' | 'pinned'>;

const DOCUMENT = new URL('../docs/performance.md', import.meta.url);
const PICTURE = new URL('../docs/images/performance.svg', import.meta.url);
const MARKS = ['<!-- measured: begin -->', '<!-- measured: end -->'] as const;
const PEERS = KINDS.filter(({ name }) => name !== OURS && !name.startsWith('floor')).map(({ name }) => name);

export function writeReport(results: Results): void {
  const document = readFileSync(DOCUMENT, 'utf8');
  const [before] = document.split(MARKS[0]);
  const [, after] = document.split(MARKS[1]);
  const text = [describeRun(results), render(results), describeOthers(results)].join('\n\n');
  writeFileSync(DOCUMENT, `${before}${MARKS[0]}\n\n${text}\n\n${MARKS[1]}${after}`);
  writeFileSync(PICTURE, plot(results.bursts));
}

/** The tables of the workloads, and what was to be reached. */
export function render(results: Compared): string {
  const tables = WORKLOADS.filter(({ name }) => results.bursts[name]).map(({ name, title, connections }) => {
    const rows = KINDS.flatMap((kind) => {
      const bursts = results.bursts[name]?.[kind.name];
      if (!bursts) return [];
      const column = (read: (burst: Burst) => number, digits: number) => spread(summarize(bursts.map(read)), digits);
      const columns = [
        column(({ cpuUs }) => cpuUs, 0),
        column(({ perSecond }) => perSecond, 0),
        column(({ p50 }) => p50, 1),
        column(({ p99 }) => p99, 1),
        column(({ commands }) => commands, 2),
      ];
      const failed = bursts.some(({ bad }) => Object.keys(bad).length > 0) ? ' (some failed)' : '';
      return `| ${kind.label}${failed} | ${columns.join(' | ')} |`;
    });
    const head = '| | CPU µs a request | requests a second | p50 ms | p99 ms | commands |\n|---|---|---|---|---|---|';
    return `### ${title}\n\n${connections} at once.\n\n${head}\n${rows.join('\n')}`;
  });
  return [describeGoals(results), ...tables].join('\n\n');
}

function describeRun({ pinned }: Compared): string {
  const { version } = process;
  const cores = pinned
    ? 'the server on one core, load and command API on the other'
    : 'server and load on the same cores';
  const day = new Date().toISOString().slice(0, 10);
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  return `Measured on ${day} at ${commit}: Node ${version}, ${os.cpus()[0]?.model} (${os.cpus().length} cores), ${cores}.`;
}

/** Each goal as a ratio, round by round in one run, so that a slow moment of the machine is in both of its sides. */
function describeGoals({ bursts }: Compared): string {
  const ratio = (workload: string, over: string, under: string, read: (burst: Burst) => number) => {
    const [above, below] = [bursts[workload]?.[over], bursts[workload]?.[under]];
    if (!above || !below) return undefined;
    return summarize(above.map((burst, round) => read(burst) / read(below[round] ?? burst)));
  };
  const cpu = ({ cpuUs }: Burst) => cpuUs;
  const best = (workload: string, read: (burst: Burst) => number) =>
    PEERS.filter((name) => bursts[workload]?.[name]).toSorted(
      (a, b) =>
        summarize(bursts[workload]?.[a]?.map(read) ?? []).median -
        summarize(bursts[workload]?.[b]?.map(read) ?? []).median,
    )[0] ?? STOCK;
  const added = (read: (burst: Burst) => number) => {
    const [ours, floor] = [bursts['low-load']?.[OURS], bursts['low-load']?.[FLOOR]];
    if (!ours || !floor) return undefined;
    return summarize(ours.map((burst, round) => read(burst) - read(floor[round] ?? burst)));
  };
  const commands = bursts['entities-10']?.[OURS];
  const rows: [string, string, Summary | undefined, (median: number) => boolean, number][] = [
    ['List of 20: got floor / ours, CPU', '≥ 0.80', ratio('list-20', FLOOR, OURS, cpu), (x) => x >= 0.8, 2],
    ['List of 20: Apollo template / ours, CPU', '≥ 1.5', ratio('list-20', STOCK, OURS, cpu), (x) => x >= 1.5, 2],
    ['Entities 100/10: Apollo template / ours, CPU', '≥ 9', ratio('entities-10', STOCK, OURS, cpu), (x) => x >= 9, 1],
    [
      `Entities 100/10: best peer (${best('entities-10', cpu)}) / ours, CPU`,
      '≥ 1',
      ratio('entities-10', best('entities-10', cpu), OURS, cpu),
      (x) => x >= 1,
      2,
    ],
    [
      'Entities 100/10: commands',
      '10',
      commands && summarize(commands.map((burst) => burst.commands)),
      (x) => x === 10,
      2,
    ],
    [
      `Entities 100/10, 20 ms upstream: best peer (${best('entities-10-slow', ({ p50 }) => p50)}) / ours, p50`,
      '≥ 4',
      ratio(
        'entities-10-slow',
        best('entities-10-slow', ({ p50 }) => p50),
        OURS,
        ({ p50 }) => p50,
      ),
      (x) => x >= 4,
      1,
    ],
    ['Hot residence: got floor / ours, CPU', '≥ 1.5', ratio('hot', FLOOR, OURS, cpu), (x) => x >= 1.5, 2],
    ['Low load: ours − got floor, p50 ms', '< 1.5', added(({ p50 }) => p50), (x) => x < 1.5, 2],
    ['Low load: ours − got floor, p99 ms', '< 5', added(({ p99 }) => p99), (x) => x < 5, 2],
  ];
  const lines = rows.flatMap(([what, goal, measured, holds, digits]) =>
    measured
      ? `| ${what} | ${goal} | ${spread(measured, digits)} | ${holds(measured.median) ? 'yes' : '**no**'} |`
      : [],
  );
  return `### The goals\n\n| | goal | measured | reached |\n|---|---|---|---|\n${lines.join('\n')}`;
}

function describeOthers({ readiness, memory, overload, scaling, soak }: Results): string {
  const servers = KINDS.map(({ name, label }) => {
    const { idle = 0, loaded = 0 } = memory[name] ?? {};
    return `| ${label} | ${spread(readiness[name], 0)} | ${idle.toFixed(0)} | ${loaded.toFixed(0)} |`;
  });
  const rate = (bursts: readonly Burst[]) => summarize(bursts.map(({ perSecond }) => perSecond));
  const [peak, over] = [rate(overload.peak), rate(overload.overload)];
  const shed = summarize(overload.overload.map(({ bad }) => bad['503'] ?? 0));
  const others = overload.overload.flatMap(({ bad }) => Object.keys(bad)).filter((status) => status !== '503');
  const grow = (points: readonly (readonly [number, number])[]) =>
    points.map(([size, us]) => `| ${size} | ${us.toFixed(0)} | ${(us / size).toFixed(1)} |`).join('\n');
  const { samples } = soak;
  const half = samples.slice(Math.floor(samples.length / 2));
  return `### Start and memory

From the start of the process to its first answer in milliseconds, of several starts; resident megabytes two seconds later, and
after 20 s of lists.

| | ready, ms | idle, MB | after load, MB |
|---|---|---|---|
${servers.join('\n')}

### Overload

With ten times the connections of its peak: ${spread(over, 0)} good answers a second of ${spread(peak, 0)} at the peak
(${((100 * over.median) / peak.median).toFixed(0)} %), p99 of the good ones ${spread(summarize(overload.overload.map(({ p99 }) => p99)), 0)} ms; ${spread(shed, 0)} refused with 503 in
10 s, ${others.length === 0 ? 'nothing else' : others.join(', ')}.

### As it grows

| tickets of a list | CPU µs | each |
|---|---|---|
${grow(scaling.lists)}

| representations of one residence | CPU µs | each |
|---|---|---|
${grow(scaling.entities)}

### Soak

Ten minutes of all workloads together, two callers each with 50 ms of pause, which keeps the core busy: ${soak.requests} requests, ${soak.bad} of them failed. Resident: ${samples[0]?.toFixed(0)} MB after
ten seconds, ${samples.at(-1)?.toFixed(0)} MB at the end, ${slope(half).toFixed(2)} MB a minute over the second half.`;
}

function spread(summary: Summary | undefined, digits: number): string {
  if (!summary) return '–';
  const { median, least, most } = summary;
  return `${median.toFixed(digits)} (${least.toFixed(digits)}–${most.toFixed(digits)})`;
}

/** Of samples ten seconds apart, by least squares, for each minute. */
function slope(samples: readonly number[]): number {
  const middle = (samples.length - 1) / 2;
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
  const above = samples.reduce((sum, sample, index) => sum + (index - middle) * (sample - mean), 0);
  return (6 * above) / samples.reduce((sum, _, index) => sum + (index - middle) ** 2, 0);
}
