/**
 * Judges the results, prints them, and writes them into docs/performance.md.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { loadConfig } from '../src/config.ts';
import { atLeast, atMost, type Figure } from '../test/support/figures.ts';
import {
  ALONE,
  BATCHED,
  BEHIND_ROUTER,
  CONNECTORS,
  FLOOR,
  type Kind,
  MERCURIUS,
  OURS,
  ROUTED,
  STOCK,
} from './contenders.ts';
import { type Burst, median } from './measure.ts';
import { ENVIRONMENT } from './start.ts';
import { ROUTER_WORKLOADS, WORKLOADS, type Workload } from './workloads.ts';

/** The bursts of each contender in turns, those of its processes one after the other. */
export type Bursts = Readonly<Record<string, Burst[]>>;

/** Resident megabytes. */
export type Memory = Readonly<Record<'idle' | 'loaded', number>>;

export interface Results {
  /** Of the machine, before the run. */
  readonly load: number;
  /** Whether server and load had a core each. */
  readonly pinned: boolean;
  /** Milliseconds. */
  readonly started: number | undefined;
  readonly memory: Readonly<Record<string, Memory>>;
  readonly bursts: Readonly<Record<string, Bursts>>;
}

const PAGE = new URL('../docs/performance.md', import.meta.url);
const { MAX_REQUESTS_IN_FLIGHT, MAX_COMMANDS_IN_FLIGHT } = loadConfig(ENVIRONMENT);
// The commands that an operation sends at once; see src/command-api/client.ts.
const AT_ONCE = 32;
const MARKS = ['<!-- measured: begin -->', '<!-- measured: end -->'] as const;

/** Returns each goal that the results can judge. */
export function judgeGoals({ bursts, memory, started }: Pick<Results, 'bursts' | 'memory' | 'started'>): Figure[] {
  const ratio = (workload: string, theirs: Kind, ours = OURS, figure: 'cpuUs' | 'p50' = 'cpuUs') =>
    compareBursts(bursts[workload] ?? {}, theirs, ours, figure);
  const figures = [
    atLeast('List of 20: template / ours', ratio('list', STOCK), 1.6),
    atLeast('List of 20: got floor / ours', ratio('list', FLOOR), 0.8),
    atLeast('One detail: template / ours', ratio('one', STOCK), 1.4),
    atLeast('Create: template / ours', ratio('create', STOCK), 1),
    atLeast('100 entities of 10 residences: template / ours', ratio('entities', STOCK), 8.5),
    atLeast('100 entities of 10 residences: Mercurius / ours', ratio('entities', MERCURIUS), 1.4),
    atLeast("100 entities, vendor of 20 ms: Mercurius' p50 / ours", ratio('slow', MERCURIUS, OURS, 'p50'), 5),
    atLeast('One hot list: got floor / ours', ratio('hot', FLOOR), 2.1),
    atLeast('List of 20: Connectors / router and ours', ratio('router-list', CONNECTORS, ROUTED), 1.1),
    atLeast('One detail: Connectors / router and ours', ratio('router-one', CONNECTORS, ROUTED), 0.95),
    atLeast('Create: Connectors / router and ours', ratio('router-create', CONNECTORS, ROUTED), 0.6),
    atLeast('100 entities: Connectors / router and ours', ratio('router-entities', CONNECTORS, ROUTED), 3.4),
    atLeast('100 entities: Connectors, batched / router and ours', ratio('router-entities', BATCHED, ROUTED), 1.6),
    atMost('Ready after a cold start', started ?? Number.NaN, 400, ' ms'),
    atMost('Resident when idle', memory[OURS.name]?.idle ?? Number.NaN, 100, ' MB'),
  ];
  return figures.filter(({ value }) => !value.startsWith('NaN'));
}

/** Theirs / ours, burst by burst, so that a slow moment of the machine is in both. */
function compareBursts(bursts: Bursts, theirs: Kind, ours: Kind, figure: 'cpuUs' | 'p50'): number {
  const [ofTheirs = [], ofOurs = []] = [bursts[theirs.name], bursts[ours.name]];
  return median(ofTheirs.map((burst, index) => burst[figure] / (ofOurs[index] as Burst)[figure]));
}

/** Returns goals and costs as Markdown. */
export function render(results: Results): string {
  const goals = judgeGoals(results).map((goal) => [goal.name, goal.bound, goal.value, goal.kept ? 'yes' : '**no**']);
  const alone = measuredIn(results, Object.values(WORKLOADS));
  const costs = ALONE.map(({ name, label }) => [label, ...alone.map(([, bursts]) => spread(bursts[name] ?? []))]);
  const behind = measuredIn(results, ROUTER_WORKLOADS).map(([{ title, kinds }, bursts]) => {
    const of = (kind: Kind, figure: 'cpuUs' | 'p50' | 'commands', digits = 0) =>
      kinds.includes(kind) ? median((bursts[kind.name] ?? []).map((burst) => burst[figure])).toFixed(digits) : '–';
    return [
      title,
      ...BEHIND_ROUTER.map((kind) => `${of(kind, 'cpuUs')} · ${of(kind, 'p50')} · ${of(kind, 'commands', 1)}`),
      compareBursts(bursts, CONNECTORS, ROUTED, 'cpuUs').toFixed(2),
    ];
  });
  const parts: (string | string[][])[] = [describeRun(results), [['', 'goal', 'measured', 'reached'], ...goals]];
  if (alone.length > 0)
    parts.push('Microseconds of CPU a request, median (least–most):', [
      ['', ...alone.map(([{ title }]) => title)],
      ...costs,
    ]);
  if (behind.length > 0)
    parts.push(
      'Behind Apollo Router: microseconds of CPU of all processes · p50 in ms · commands; and CPU, Connectors / router and this subgraph:',
      [['', ...BEHIND_ROUTER.map(({ label }) => label), 'ratio'], ...behind],
    );
  parts.push(...describeFailures(results));
  return parts.map((part) => (typeof part === 'string' ? part : table(part))).join('\n\n');
}

/** Writes the page between its marks. */
export function writePage(results: Results): void {
  const memory = [...ALONE, ...BEHIND_ROUTER.filter((kind) => kind !== BATCHED)].map(({ name, label }) => {
    const { idle = 0, loaded = 0 } = results.memory[name] ?? {};
    return [label, idle.toFixed(0), loaded.toFixed(0)];
  });
  const capacity = measuredIn(results, Object.values(WORKLOADS)).map(([{ title }, { [OURS.name]: bursts = [] }]) => {
    const of = (figure: keyof Burst) => median(bursts.map((burst) => burst[figure]));
    const [cpuUs, commands] = [of('cpuUs'), of('commands')];
    const atHalf = 500_000 / cpuUs;
    const places = Math.min(MAX_REQUESTS_IN_FLIGHT / Math.ceil(commands / AT_ONCE), MAX_COMMANDS_IN_FLIGHT / commands);
    const figures = [cpuUs, of('perSecond'), of('p50'), of('p99')].map((value) => value.toFixed(0));
    return [title, ...figures, commands.toFixed(2), atHalf.toFixed(0), `${(places / atHalf).toFixed(2)} s`];
  });
  const text = [
    render(results),
    'Resident megabytes when idle, and after ten seconds of lists:',
    table([['', 'idle', 'loaded'], ...memory]),
    'This subgraph with all of one core, and calculated: the load of half a core, and the latency of the vendor that hides it.',
    table([
      ['', 'CPU µs', 'requests/s', 'p50 ms', 'p99 ms', 'commands', 'requests/s at half a core', 'latency'],
      ...capacity,
    ]),
  ].join('\n\n');
  const page = readFileSync(PAGE, 'utf8');
  const [before, after] = [page.split(MARKS[0])[0], page.split(MARKS[1])[1]];
  writeFileSync(PAGE, `${before}${MARKS[0]}\n\n${text}\n\n${MARKS[1]}${after}`);
}

function describeRun({ load, pinned }: Results): string {
  const day = new Date().toISOString().slice(0, 10);
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const [processor] = os.cpus();
  const cores = pinned
    ? 'the server on one core, load and command API on the other'
    : 'server and load on the same cores';
  const router = process.env.APOLLO_ROUTER;
  const version = router ? `, Apollo Router ${execFileSync(router, ['--version'], { encoding: 'utf8' }).trim()}` : '';
  return `Measured on ${day} at ${commit}: Node ${process.version}${version}, ${processor?.model}, ${os.cpus().length} cores, ${cores}; load of the machine before ${load.toFixed(2)}.`;
}

/** Returns a line for each contender and workload with failed requests. */
export function describeFailures(results: Results): string[] {
  return measuredIn(results, [...Object.values(WORKLOADS), ...ROUTER_WORKLOADS]).flatMap(([{ title, kinds }, bursts]) =>
    kinds.flatMap(({ name, label }) => {
      const failed = (bursts[name] ?? []).reduce((sum, burst) => sum + burst.failed, 0);
      return failed > 0 ? [`${failed} requests failed: ${label}, ${title}.`] : [];
    }),
  );
}

/** Returns the workloads that were measured, with their bursts. */
function measuredIn({ bursts }: Results, workloads: readonly Workload[]) {
  return workloads.flatMap((workload) => {
    const known = bursts[workload.name];
    return known ? [[workload, known] as const] : [];
  });
}

function spread(bursts: readonly Burst[]): string {
  if (bursts.length === 0) return '–';
  const costs = bursts.map(({ cpuUs }) => cpuUs);
  return `${median(costs).toFixed(0)} (${Math.min(...costs).toFixed(0)}–${Math.max(...costs).toFixed(0)})`;
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
