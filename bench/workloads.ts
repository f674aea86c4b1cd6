/**
 * What is asked, by how many at once. Residence and token are another for each request unless the workload says otherwise.
 */
import type { ReplyName } from '../test/support/maintenance/fast-vendor.ts';
import { BY_LISTS, CONNECTORS, type Kind, OURS, ROUTED } from './contenders.ts';
import { create, entities, list, type Operation, one, visits } from './operations.ts';

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly connections: number;
  readonly burstMs: number;
  /** Each has a burst of every process of a contender. */
  readonly rounds: number;
  /** The reply of the command API. */
  readonly reply: ReplyName;
  /** One token for all. */
  readonly oneToken?: boolean;
  /** The `n`th request. */
  ask(n: number): Operation;
}

// Many short bursts: two processes of the same code then differ by 4 %, with 5 bursts of 1.5 s by 25 %.
const SATURATED = { connections: 32, burstMs: 500, rounds: 10, reply: 'twenty' } as const;
// A process is seldom saturated, and rarely run code costs more.
const CALM = { connections: 8, burstMs: 2000, rounds: 8, reply: 'late-twenty' } as const;

const tenResidences = (n: number) => Array.from({ length: 10 }, (_, index) => `r${n}-${index}`);

function usual(prefix: string, load: typeof SATURATED | typeof CALM): Workload[] {
  return [
    { name: 'list', title: 'List of 20', ask: (n: number) => list(`r${n}`) },
    { name: 'one', title: 'One detail', ask: (n: number) => one(`r${n}`) },
    { name: 'create', title: 'Create', ask: (n: number) => create(`r${n}`) },
  ].map(({ name, ...asking }) => ({ name: prefix + name, ...asking, ...load }));
}

/** What is compared in one table. The first contender is ours. */
export interface Comparison {
  /** The table's name in the page. */
  readonly name: 'alone' | 'calm' | 'router' | 'router-calm';
  readonly kinds: readonly Kind[];
  readonly workloads: readonly Workload[];
}

const entitiesOf100 = { ...SATURATED, title: '100 references, 10 residences', reply: 'ten' } as const;

/** Each contender alone, as its router asks it. */
export const ALONE: Comparison = {
  name: 'alone',
  kinds: [OURS, BY_LISTS],
  workloads: [
    ...usual('', SATURATED),
    { ...entitiesOf100, name: 'entities', connections: 16, ask: (n) => entities(100, tenResidences(n)) },
    { ...SATURATED, name: 'hot', title: 'One list for all', oneToken: true, ask: () => list('hot') },
  ],
};
export const CALM_ALONE: Comparison = { ...ALONE, name: 'calm', workloads: usual('calm-', CALM) };

export const ROUTER: Comparison = {
  name: 'router',
  kinds: [ROUTED, CONNECTORS],
  workloads: [
    ...usual('router-', SATURATED),
    { ...entitiesOf100, name: 'router-entities', ask: (n) => visits(100, tenResidences(n)) },
  ],
};
export const CALM_ROUTER: Comparison = { ...ROUTER, name: 'router-calm', workloads: usual('router-calm-', CALM) };
