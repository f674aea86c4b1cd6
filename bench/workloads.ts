/**
 * What is asked, by how many at once. Residence and token are another for each request unless the workload says otherwise.
 */
import type * as operations from './operations.ts';
import { type Operation, residence } from './operations.ts';

export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly connections: number;
  /** One token for all. */
  readonly oneToken?: boolean;
  /** The `n`th request, or undefined where the contender cannot be asked so. */
  ask(ops: Partial<typeof operations>, n: number): Operation | undefined;
}

function entitiesOver(residences: number) {
  return (ops: Partial<typeof operations>, n: number) => {
    const ids = Array.from({ length: residences }, (_, index) => residence(10, 0, `${n}-${index}`));
    return ops.entities?.(100, ids);
  };
}

const listOf20: Workload['ask'] = (ops, n) => ops.list?.(residence(20, 0, n));

export const WORKLOADS: readonly Workload[] = [
  { name: 'list-20', title: 'List of 20', connections: 32, ask: listOf20 },
  { name: 'one', title: 'One detail', connections: 32, ask: (ops, n) => ops.one?.(residence(20, 0, n)) },
  { name: 'entities-10', title: '100 entities of 10 residences', connections: 16, ask: entitiesOver(10) },
  { name: 'entities-100', title: '100 entities of 100 residences', connections: 16, ask: entitiesOver(100) },
  { name: 'create', title: 'Create', connections: 32, ask: (ops, n) => ops.create?.(residence(1, 0, n)) },
  {
    name: 'hot',
    title: 'List of 20, one hot residence and caller',
    connections: 32,
    oneToken: true,
    ask: (ops) => ops.list?.(residence(20, 0, 'hot')),
  },
];

/** At the peak, and with ten times as many at once. */
export const PEAK: Workload = { name: 'peak', title: 'List of 20', connections: 64, ask: listOf20 };
export const OVERLOAD: Workload = { ...PEAK, name: 'overload', connections: 640 };

export function listOf(tickets: number): Workload {
  const name = `list-${tickets}`;
  return { name, title: name, connections: 4, ask: (ops, n) => ops.list?.(residence(tickets, 0, n)) };
}

export function entitiesOf(count: number): Workload {
  const ask: Workload['ask'] = (ops, n) => ops.entities?.(count, [residence(count, 0, n)]);
  return { name: `entities-${count}`, title: `entities-${count}`, connections: 4, ask };
}
