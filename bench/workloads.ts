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

/** Each contender alone, as its router asks it. */
export const ALONE: Comparison = {
  name: 'alone',
  kinds: [OURS, TEMPLATE, BY_LISTS, MERCURIUS, MERCURIUS_BY_LISTS],
  workloads: [
    ...usual('', SATURATED, [OURS, TEMPLATE, MERCURIUS]),
    {
      ...entitiesOf100,
      name: 'entities',
      connections: 16,
      kinds: [OURS, TEMPLATE, BY_LISTS, MERCURIUS, MERCURIUS_BY_LISTS],
      ask: (n) => entities(100, tenResidences(n)),
    },
    {
      ...SATURATED,
      name: 'hot',
      title: 'One list for all',
      kinds: [OURS, TEMPLATE, MERCURIUS],
      oneToken: true,
      ask: () => list(residence(20, 0, 'hot')),
    },
  ],
};

export const CALM_ALONE: Comparison = {
  name: 'calm',
  kinds: [OURS, BY_LISTS],
  workloads: usual('calm-', CALM, [OURS, BY_LISTS]),
};

const connectors = [ROUTED, COMPLETE, KEPT, LEAN];
export const ROUTER: Comparison = {
  name: 'router',
  kinds: [...connectors, BY_BATCH],
  workloads: [
    ...usual('router-', SATURATED, connectors),
    {
      ...entitiesOf100,
      name: 'router-entities',
      kinds: [...connectors, BY_BATCH],
      ask: (n) => visits(100, tenResidences(n)),
    },
  ],
};

export const CALM_ROUTER: Comparison = {
  name: 'router-calm',
  kinds: [ROUTED, COMPLETE],
  workloads: usual('router-calm-', CALM, [ROUTED, COMPLETE]),
};
