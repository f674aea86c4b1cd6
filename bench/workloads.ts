/**
 * What is asked, by how many at once. Residence and token are another for each request unless the workload says otherwise.
 */
import { ALONE, BATCHED, BEHIND_ROUTER, type Kind, MERCURIUS, OURS } from './contenders.ts';
import { create, entities, list, type Operation, one, residence, visits } from './operations.ts';

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

const tenResidences = (latencyMs: number, n: number) =>
  Array.from({ length: 10 }, (_, index) => residence(10, latencyMs, `${n}-${index}`));

// Many short bursts: two processes of the same code then differ by 4 %, with 5 bursts of 1.5 s by 25 %.
const MANY = { connections: 32, burstMs: 500, rounds: 10, kinds: ALONE };

/** Each contender alone, as its router asks it. */
export const WORKLOADS = {
  list: { name: 'list', title: 'List of 20', ...MANY, ask: (n) => list(residence(20, 0, n)) },
  one: { name: 'one', title: 'One detail', ...MANY, ask: (n) => one(residence(20, 0, n)) },
  create: { name: 'create', title: 'Create', ...MANY, ask: (n) => create(residence(1, 0, n)) },
  entities: {
    name: 'entities',
    title: '100 entities',
    ...MANY,
    connections: 16,
    ask: (n) => entities(100, tenResidences(0, n)),
  },
  hot: { name: 'hot', title: 'One hot list', ...MANY, oneToken: true, ask: () => list(residence(20, 0, 'hot')) },
  // Waits more than it works, so that a burst takes seconds.
  slow: {
    name: 'slow',
    title: '100 entities, vendor of 20 ms',
    ...MANY,
    // The others need seconds for a request.
    kinds: [OURS, MERCURIUS],
    burstMs: 2000,
    connections: 64,
    ask: (n) => entities(100, tenResidences(20, n)),
  },
} as const satisfies Readonly<Record<string, Workload>>;

// Behind Apollo Router, with a vendor of 0 and of 20 ms.
const latencies = BEHIND_ROUTER.length > 0 ? [0, 20] : [];
export const ROUTER_WORKLOADS: readonly Workload[] = latencies.flatMap((latencyMs) => {
  const plain = BEHIND_ROUTER.filter((kind) => kind !== BATCHED);
  const make = (name: string, title: string, ask: Workload['ask'], kinds: readonly Kind[] = plain): Workload => {
    const [suffix, vendor] = latencyMs > 0 ? ['-slow', `, vendor of ${latencyMs} ms`] : ['', ''];
    return { name: `router-${name}${suffix}`, title: title + vendor, ...MANY, burstMs: 1000, kinds, ask };
  };
  return [
    make('list', 'List of 20', (n) => list(residence(20, latencyMs, n))),
    make('one', 'One detail', (n) => one(residence(20, latencyMs, n))),
    make('create', 'Create', (n) => create(residence(1, latencyMs, n))),
    make('entities', '100 entities', (n) => visits(100, tenResidences(latencyMs, n)), BEHIND_ROUTER),
  ];
});
