/**
 * Who is compared.
 */
export interface Kind {
  readonly name: string;
  readonly label: string;
  /** What Node is given: its own options, and the program. */
  readonly args: readonly string[];
}

function kind(name: string, label: string, ...files: readonly string[]): Kind {
  const args = files.map((file) => (file.startsWith('-') ? file : new URL(file, import.meta.url).pathname));
  return { name, label, args };
}

/** As `npm start` does. */
export const OURS = kind('ours', 'this subgraph', '--import', '../check-node.mjs', '../src/main.ts');
export const FLOOR = kind('floor', 'floor on got', 'contenders/floor.ts');
export const STOCK = kind('stock', 'Apollo template', 'contenders/stock.ts');
export const MERCURIUS = kind('mercurius', 'Mercurius JIT', 'contenders/mercurius.ts');
export const KINDS: readonly Kind[] = [OURS, FLOOR, STOCK, MERCURIUS];
