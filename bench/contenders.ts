/**
 * Who is compared, and on what terms.
 */
import * as meshOperations from './contenders/mesh-operations.ts';
import type { Operation } from './operations.ts';
import * as operations from './operations.ts';

export interface Kind {
  readonly name: string;
  readonly label: string;
  /** What Node is given: its own options, and the program. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What it is asked, where its schema cannot be ours. */
  readonly operations: Partial<typeof operations>;
  /** Converts its data to our form, to compare the results before the measurement. */
  readonly toData: (name: Operation['operationName'], data: unknown, variables: Operation['variables']) => unknown;
}

/** The layers to leave out, one at a time: a file of bench/ablation/ replaces the file of src/. */
const LAYERS: readonly (readonly [file: string, label: string])[] = [
  ['telemetry/operation-report', 'no log line, no metrics of operations and commands'],
  ['telemetry/metrics', 'no metrics'],
  ['graphql/answer', 'no charges of the answer'],
  ['memory', 'no count of the memory'],
  ['command-api/coalescing', 'no coalescing'],
  ['command-api/admission', 'no queues, no breaker'],
  ['command-api/transport', 'undici in place of got, retries and time limits'],
];

function kind(name: string, label: string, files: readonly string[], others: Partial<Kind> = {}): Kind {
  const args = files.map((file) => (file.startsWith('-') ? file : new URL(file, import.meta.url).pathname));
  return { name, label, args, operations, toData: (_, data) => data, ...others };
}

export const OURS = 'ours';
export const FLOOR = 'floor-got';
export const STOCK = 'stock';

export const KINDS: readonly Kind[] = [
  // As `npm start` does.
  kind(OURS, 'this subgraph', ['--import', '../check-node.mjs', '../src/main.ts']),
  kind(FLOOR, 'floor on got', ['contenders/floor-got.ts']),
  kind('floor-undici', 'floor on undici', ['contenders/floor-undici.ts']),
  kind(STOCK, 'Apollo template', ['contenders/stock.ts']),
  kind('yoga', 'GraphQL Yoga', ['contenders/yoga.ts']),
  kind('mercurius', 'Mercurius JIT', ['contenders/mercurius.ts']),
  kind('mesh', 'Hive Gateway (Mesh)', ['contenders/mesh.ts'], {
    operations: meshOperations,
    toData: meshOperations.toData,
  }),
];

const [ours] = KINDS as readonly [Kind];

export const ABLATED: readonly Kind[] = [
  ours,
  // Nothing is left out: how far two processes of the same code differ.
  { ...ours, name: 'again', label: 'the same once more' },
  ...LAYERS.map(([file, label]) => ({
    ...ours,
    name: file,
    label,
    args: ['--import', new URL('ablation/without.mjs', import.meta.url).href, ...ours.args],
    env: { ABLATE: file },
  })),
];
