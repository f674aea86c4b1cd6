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
