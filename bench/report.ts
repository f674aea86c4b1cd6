/**
 * Renders the results with our goals, and writes the results without the goals into bench/RESULTS.md.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { atLeast, atMost, type Figure } from '../test/support/figures.ts';
import { BY_LISTS, CONNECTORS, type Kind, OURS } from './contenders.ts';
import { type Burst, median } from './measure.ts';
import { ALONE, CALM_ALONE, CALM_ROUTER, type Comparison, ROUTER } from './workloads.ts';

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

const COMPARISONS = [ALONE, CALM_ALONE, ROUTER, CALM_ROUTER];

/** Returns each goal that the results can judge. Theirs / ours, by CPU. */
export function judgeGoals({ bursts, memory, started }: Pick<Results, 'bursts' | 'memory' | 'started'>): Figure[] {
  const goals: readonly (readonly [workload: string, kind: Kind, least: number])[] = [
    ['list', BY_LISTS, 1.6],
    ['one', BY_LISTS, 1.4],
    ['create', BY_LISTS, 1],
    ['entities', BY_LISTS, 1.2],
    ['hot', BY_LISTS, 1],
    ...['calm-list', 'calm-one', 'calm-create'].map((workload) => [workload, BY_LISTS, 1.15] as const),
    ...['list', 'one', 'create', 'entities'].map((workload) => [`router-${workload}`, CONNECTORS, 1] as const),
  ];
  const figures = [
    ...goals.map(([workload, kind, least]) => {
      const comparison = COMPARISONS.find(({ workloads }) => workloads.some(({ name }) => name === workload));
      const ratio = compareCpu(bursts[workload] ?? {}, kind, comparison?.kinds[0] ?? OURS);
      return atLeast(`${workload}: ${kind.label} / ours`, ratio, least);
    }),
    atMost('Ready after a cold start', started ?? Number.NaN, 400, ' ms'),
    atMost('Resident when idle', memory[OURS.name]?.idle ?? Number.NaN, 100, ' MB'),
  ];
  return figures.filter(({ value }) => !value.startsWith('NaN'));
}

/** Theirs / ours, burst by burst, so that a slow moment of the machine is in both. */
function compareCpu(bursts: Bursts, theirs: Kind, ours: Kind): number {
  const [ofTheirs = [], ofOurs = []] = [bursts[theirs.name], bursts[ours.name]];
  return median(ofTheirs.map((burst, index) => burst.cpuUs / (ofOurs[index] as Burst).cpuUs));
}

/** Returns goals and costs as Markdown. */
export function render(results: Results): string {
  const goals = judgeGoals(results).map((goal) => [goal.name, goal.bound, goal.value, goal.kept ? 'yes' : '**no**']);
  const parts = [describeRun(results), table([['', 'goal', 'measured', 'reached'], ...goals])];
  const costs = COMPARISONS.flatMap((comparison) =>
    renderCosts(comparison, results).map((costs) => `${comparison.name}\n\n${costs}`),
  );
  return [...parts, ...costs, ...describeFailures(results)].join('\n\n');
}

/** Writes each part of RESULTS.md between its marks. */
export function writeResults(results: Results): void {
  const kinds = new Set([...ALONE.kinds, ...ROUTER.kinds]);
  const memory = Array.from(kinds).flatMap(({ name, label }) => {
    const { idle, loaded } = results.memory[name] ?? {};
    return idle && loaded ? [[label, idle.toFixed(0), loaded.toFixed(0)]] : [];
  });
  const costs = (comparison: Comparison) => renderCosts(comparison, results).join('\n\n');
  const parts = {
    run: describeRun(results),
    alone: costs(ALONE),
    calm: [costs(CALM_ALONE), costs(CALM_ROUTER)].join('\n\n'),
    router: costs(ROUTER),
    resident: table([['resident MB', 'idle', 'after lists'], ...memory]),
  };
  const file = new URL('RESULTS.md', import.meta.url);
  let page = readFileSync(file, 'utf8');
  for (const [part, text] of Object.entries(parts)) {
    const between = new RegExp(`(?<=<!-- measured: ${part} -->\n).*?(?=<!-- /measured -->)`, 's');
    page = page.replace(between, () => `\n${text}\n\n`);
  }
  writeFileSync(file, page);
}

/** Returns the costs of what was measured, as a table. */
function renderCosts({ kinds: [ours = OURS, ...others], workloads }: Comparison, { bursts }: Results): string[] {
  const rows = workloads.flatMap(({ name, title, reply }) => {
    const measured = bursts[name];
    if (!measured) return [];
    const cells = [ours, ...others].map((kind) => {
      const own = measured[kind.name] ?? [];
      const shares = own[0]?.shares.map((_, index) => median(own.map(({ shares }) => shares[index] ?? 0)).toFixed(0));
      const ratio = kind === ours ? '' : ` (${compareCpu(measured, kind, ours).toFixed(2)})`;
      const times = reply.startsWith('late')
        ? ` · ${medianOf(own, 'p50').toFixed(0)} · ${medianOf(own, 'p99').toFixed(0)}`
        : '';
      return `${shares?.join(' + ')}${ratio}${times}`;
    });
    return [[title, ...cells]];
  });
  return rows.length > 0 ? [table([['', ...[ours, ...others].map(({ label }) => label)], ...rows])] : [];
}

function medianOf(bursts: readonly Burst[], figure: Exclude<keyof Burst, 'shares'>): number {
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
export function describeFailures({ bursts }: Pick<Results, 'bursts'>): string[] {
  return Object.entries(bursts).flatMap(([workload, ofKinds]) =>
    Object.entries(ofKinds).flatMap(([kind, ofKind]) => {
      const failed = ofKind.reduce((sum, burst) => sum + burst.failed, 0);
      return failed > 0 ? [`${failed} requests failed: ${kind}, ${workload}.`] : [];
    }),
  );
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
