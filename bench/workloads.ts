/**
 * The operations that the benchmark sends. Residence and token differ in each request, so that no request joins another
 * one's read. The repair requests of each residence are `m0`, `m1` and so on.
 */
import type { ReplyName } from './fast-vendor.ts';

const FIELDS = 'id maintenanceId startTime finishTime createdTime description contact feedback pictureUrls state';
const DOCUMENTS = {
  List: `query List($residenceId: ID!) { maintenances(residenceId: $residenceId) { ${FIELDS} } }`,
  One: `query One($id: ID!) { maintenance(id: $id) { ${FIELDS} } }`,
  Create: 'mutation Create($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { createdId } }',
  Entities: `query Entities($representations: [_Any!]!) {
    _entities(representations: $representations) { ... on Maintenance { ${FIELDS} } }
  }`,
};
const NEW = {
  startTime: '2024-01-16T13:32:45Z',
  finishTime: '2024-01-17T13:32:45Z',
  description: 'The tap in the kitchen drips.',
  contact: '10086',
};

export interface Workload {
  readonly title: string;
  readonly operationName: keyof typeof DOCUMENTS;
  /** The number of requests at once. */
  readonly callers: number;
  /** The reply of the command API, and the milliseconds that it takes to answer. */
  readonly reply: ReplyName;
  readonly replyMs: number;
  readonly warmUpMs: number;
  /** The duration of a burst. Processes of the same code differ less in many short bursts than in a few long ones. */
  readonly burstMs: number;
  /** Returns the variables of the `n`th request. */
  variables(n: number): object;
}

const FULL_LOAD = { replyMs: 0, warmUpMs: 4000, burstMs: 500 };
const SMALL = { ...FULL_LOAD, callers: 32, reply: 'twenty' } as const;
const AT_ONCE: readonly Workload[] = [
  { ...SMALL, title: 'List of 20', operationName: 'List', variables: (n) => ({ residenceId: `r${n}` }) },
  { ...SMALL, title: 'One detail', operationName: 'One', variables: (n) => ({ id: `r${n}:m0` }) },
  {
    ...SMALL,
    title: 'Create',
    operationName: 'Create',
    variables: (n) => ({ input: { ...NEW, residenceId: `r${n}` } }),
  },
  {
    ...{ ...FULL_LOAD, title: '100 references, 10 residences', operationName: 'Entities', callers: 8, reply: 'alike' },
    variables: (n) => ({ representations: Array.from({ length: 100 }, (_, index) => reference(n, index)) }),
  },
];
/** Each operation at full load, and then, when its code is warm, at low load. Low load takes longer until its CPU is known. */
export const WORKLOADS = AT_ONCE.flatMap((workload): Workload[] => {
  const lowLoad = { callers: workload.callers / 4, replyMs: 20, warmUpMs: 1000, burstMs: 1000 };
  return [workload, { ...workload, ...lowLoad, title: `${workload.title}, low load` }];
});

function reference(n: number, index: number) {
  return { __typename: 'Maintenance', id: `r${n}-${index % 10}:m${Math.floor(index / 10)}` };
}

/** Returns the body of the `n`th request, as a router sends it. */
export function bodyOf({ operationName, variables }: Workload, n: number): string {
  return JSON.stringify({ operationName, query: DOCUMENTS[operationName], variables: variables(n) });
}
