/**
 * What is asked, by how many at once. Residence and token are another for each request unless the workload says otherwise.
 */
import { KINDS, type Kind, MERCURIUS, OURS } from './contenders.ts';
import { create, entities, list, type Operation, one, residence } from './operations.ts';

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly connections: number;
  readonly burstMs: number;
  /** Each has a burst of every process of a contender. */
  readonly rounds: number;
  readonly kinds: readonly Kind[];
  /** One token for all. */
  readonly oneToken?: boolean;
  /** The `n`th request. */
  ask(n: number): Operation;
}

const entitiesOf10 = (latencyMs: number) => (n: number) =>
  entities(
    100,
    Array.from({ length: 10 }, (_, index) => residence(10, latencyMs, `${n}-${index}`)),
  );

// Many short bursts: two processes of the same code then differ by 4 %, with 5 bursts of 1.5 s by 25 %.
const MANY = { burstMs: 500, rounds: 10, kinds: KINDS };

export const WORKLOADS = {
  list: { name: 'list', title: 'List of 20', ...MANY, connections: 32, ask: (n) => list(residence(20, 0, n)) },
  one: { name: 'one', title: 'One detail', ...MANY, connections: 32, ask: (n) => one(residence(20, 0, n)) },
  create: { name: 'create', title: 'Create', ...MANY, connections: 32, ask: (n) => create(residence(1, 0, n)) },
  entities: { name: 'entities', title: '100 entities', ...MANY, connections: 16, ask: entitiesOf10(0) },
  hot: {
    name: 'hot',
    title: 'One hot list',
    ...MANY,
    connections: 32,
    oneToken: true,
    ask: () => list(residence(20, 0, 'hot')),
  },
  // Waits more than it works, so that a burst takes seconds.
  slow: {
    name: 'slow',
    title: '100 entities, vendor of 20 ms',
    // The others need seconds for a request.
    kinds: [OURS, MERCURIUS],
    burstMs: 2000,
    rounds: 10,
    connections: 64,
    ask: entitiesOf10(20),
  },
} as const satisfies Readonly<Record<string, Workload>>;
