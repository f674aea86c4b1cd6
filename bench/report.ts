/**
 * Renders the results with our goals, and writes the results without the goals into docs/performance.md.
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
  const parts = [describeRun(results), table([['', 'goal', 'measured', 'reached'], ...goals])];
  return [...parts, ...renderAlone(results), ...renderRouted(results), ...describeFailures(results)].join('\n\n');
}

/** Writes each part of the page between its marks. Behind the router, only with a vendor that answers at once. */
export function writePage(results: Results): void {
  const atOnce = ROUTER_WORKLOADS.filter(({ name }) => !name.endsWith('-slow'));
  const memory = [OURS, ...BEHIND_ROUTER.filter((kind) => kind !== BATCHED)].map(({ name, label }) => {
    const { idle = 0, loaded = 0 } = results.memory[name] ?? {};
    return `${label} ${idle.toFixed(0)} · ${loaded.toFixed(0)}`;
  });
  const capacity = measuredIn(results, Object.values(WORKLOADS)).map(([{ title }, { [OURS.name]: bursts = [] }]) => {
    const [cpuUs, commands] = [medianOf(bursts, 'cpuUs'), medianOf(bursts, 'commands')];
    const atHalf = 500_000 / cpuUs;
    const places = Math.min(MAX_REQUESTS_IN_FLIGHT / Math.ceil(commands / AT_ONCE), MAX_COMMANDS_IN_FLIGHT / commands);
    return [title, cpuUs.toFixed(0), commands.toFixed(2), atHalf.toFixed(0), `${(places / atHalf).toFixed(2)} s`];
  });
  const parts = {
    capacity: [
      table([['a request', 'CPU µs', 'commands', 'requests/s at half a core', 'highest latency'], ...capacity]),
    ],
    connectors: [
      ...renderRouted(results, atOnce),
      `Resident megabytes, idle · loaded with lists: ${memory.join(', ')}.`,
    ],
    alternatives: [describeRun(results), ...renderAlone(results)],
  };
  let page = readFileSync(PAGE, 'utf8');
  for (const [name, texts] of Object.entries(parts)) {
    const between = new RegExp(`(?<=<!-- measured: ${name} -->\n).*?(?=<!-- /measured -->)`, 's');
    page = page.replace(between, () => `\n${texts.join('\n\n')}\n\n`);
  }
  writeFileSync(PAGE, page);
}

function renderAlone(results: Results): string[] {
  const alone = measuredIn(results, Object.values(WORKLOADS));
  if (alone.length === 0) return [];
  const costs = ALONE.map(({ name, label }) => [
    label,
    ...alone.map(([, { [name]: bursts = [] }]) => (bursts.length > 0 ? medianOf(bursts, 'cpuUs').toFixed(0) : '–')),
  ]);
  return ['Microseconds of CPU a request, median:', table([['', ...alone.map(([{ title }]) => title)], ...costs])];
}

function renderRouted(results: Results, workloads = ROUTER_WORKLOADS): string[] {
  const rows = measuredIn(results, workloads).flatMap(([{ title, kinds }, bursts]) => {
    const of = ({ name }: Kind) => {
      const [cpuUs, p50] = [medianOf(bursts[name] ?? [], 'cpuUs'), medianOf(bursts[name] ?? [], 'p50')];
      return `${cpuUs.toFixed(0)} · ${p50.toFixed(0)}`;
    };
    return kinds
      .filter((kind) => kind !== ROUTED)
      .map((kind) => [
        kind === BATCHED ? `${title}, batched` : title,
        of(ROUTED),
        of(kind),
        compareBursts(bursts, kind, ROUTED, 'cpuUs').toFixed(2),
      ]);
  });
  if (rows.length === 0) return [];
  const head = ['', ROUTED.label, CONNECTORS.label, 'CPU ratio'];
  return ['Microseconds of CPU of all processes · p50 in ms:', table([head, ...rows])];
}

function medianOf(bursts: readonly Burst[], figure: keyof Burst): number {
  return median(bursts.map((burst) => burst[figure]));
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

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
