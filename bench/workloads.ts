/**
 * What is asked, by how many at once. Residence and token are another for each request unless the workload says otherwise.
 */
import {
  BY_BATCH,
  BY_LISTS,
  COMPLETE,
  KEPT,
  type Kind,
  LEAN,
  MERCURIUS,
  MERCURIUS_BY_LISTS,
  OURS,
  ROUTED,
  TEMPLATE,
} from './contenders.ts';
import { create, entities, list, type Operation, one, residence, visits } from './operations.ts';

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly connections: number;
  readonly burstMs: number;
  /** Each has a burst of every process of a contender. */
  readonly rounds: number;
  /** Of the command API. */
  readonly latencyMs: number;
  /** One token for all. */
  readonly oneToken?: boolean;
  readonly kinds: readonly Kind[];
  /** The `n`th request. */
  ask(n: number): Operation;
}

// Many short bursts: two processes of the same code then differ by 4 %, with 5 bursts of 1.5 s by 25 %.
const SATURATED = { connections: 32, burstMs: 500, rounds: 10, latencyMs: 0 };
// A process is seldom saturated, and rarely run code costs more.
const CALM = { connections: 8, burstMs: 2000, rounds: 8, latencyMs: 20 };

const tenResidences = (n: number) => Array.from({ length: 10 }, (_, index) => residence(10, 0, `${n}-${index}`));

function usual(prefix: string, load: typeof SATURATED, kinds: readonly Kind[]): Workload[] {
  const { latencyMs } = load;
  return [
    { name: 'list', title: 'List of 20', ask: (n: number) => list(residence(20, latencyMs, n)) },
    { name: 'one', title: 'One detail', ask: (n: number) => one(residence(20, latencyMs, n)) },
    { name: 'create', title: 'Create', ask: (n: number) => create(residence(1, latencyMs, n)) },
  ].map(({ name, ...asking }) => ({ name: prefix + name, ...asking, ...load, kinds }));
}

/** What is compared in one table. The first contender is ours. */
export interface Comparison {
  /** The table's name in the page. */
  readonly name: 'alone' | 'calm' | 'router' | 'router-calm';
  readonly kinds: readonly Kind[];
  readonly workloads: readonly Workload[];
}

const entitiesOf100 = { ...SATURATED, title: '100 references, 10 residences' };

const programs = [OURS, TEMPLATE, BY_LISTS, MERCURIUS, MERCURIUS_BY_LISTS];
// A loader makes a difference to references alone.
const withoutLoader = [OURS, TEMPLATE, MERCURIUS];
/** Each contender alone, as its router asks it. */
export const ALONE: Comparison = {
  name: 'alone',
  kinds: programs,
  workloads: [
    ...usual('', SATURATED, withoutLoader),
    {
      ...entitiesOf100,
      name: 'entities',
      connections: 16,
      kinds: programs,
      ask: (n) => entities(100, tenResidences(n)),
    },
    {
      ...SATURATED,
      name: 'hot',
      title: 'One list for all',
      kinds: withoutLoader,
      oneToken: true,
      ask: () => list(residence(20, 0, 'hot')),
    },
  ],
};

export const CALM_ALONE = compareCalm('calm', [OURS, BY_LISTS]);

const withLists = [ROUTED, COMPLETE, KEPT, LEAN];
const behindRouter = [...withLists, BY_BATCH];
export const ROUTER: Comparison = {
  name: 'router',
  kinds: behindRouter,
  workloads: [
    ...usual('router-', SATURATED, withLists),
    {
      ...entitiesOf100,
      name: 'router-entities',
      kinds: behindRouter,
      ask: (n) => visits(100, tenResidences(n)),
    },
  ],
};

export const CALM_ROUTER = compareCalm('router-calm', [ROUTED, COMPLETE]);

function compareCalm(name: Comparison['name'], kinds: readonly Kind[]): Comparison {
  return { name, kinds, workloads: usual(`${name}-`, CALM, kinds) };
}
