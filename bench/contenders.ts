/**
 * The contenders.
 */
import { type Contender, HEADERS, start } from './contender.ts';
import { startConnectors, startRouted } from './router.ts';

export interface Kind {
  readonly name: string;
  readonly label: string;
  start(commandApiUrl: string): Promise<Contender>;
}

/** A program on Node: its own options, and files. */
function program(name: string, label: string, ...files: readonly string[]): Kind {
  const args = files.map((file) => (file.startsWith('-') ? file : new URL(file, import.meta.url).pathname));
  const ROUTER_SECRET = HEADERS['router-authorization'];
  return { name, label, start: (COMMAND_API_URL) => start(name, args, { COMMAND_API_URL, ROUTER_SECRET }) };
}

/** As `npm start` does. */
export const OURS = program('ours', 'this subgraph', '--import', '../check-node.mjs', '../src/main.ts');
export const FLOOR = program('floor', 'floor on got', 'contenders/floor.ts');
export const STOCK = program('stock', 'Apollo template', 'contenders/stock.ts');
export const MERCURIUS = program('mercurius', 'Mercurius JIT', 'contenders/mercurius.ts');
export const ALONE: readonly Kind[] = [OURS, FLOOR, STOCK, MERCURIUS];

export const ROUTED: Kind = {
  name: 'routed',
  label: 'router and this subgraph',
  start: async (commandApiUrl) => startRouted(await OURS.start(commandApiUrl)),
};
export const CONNECTORS: Kind = {
  name: 'connectors',
  label: 'Connectors',
  start: (commandApiUrl) => startConnectors('connectors.graphql', commandApiUrl),
};
export const BATCHED: Kind = {
  name: 'batched',
  label: 'Connectors, batched',
  start: (commandApiUrl) => startConnectors('connectors-batched.graphql', commandApiUrl),
};
/** Only where `APOLLO_ROUTER` names the executable. */
export const BEHIND_ROUTER: readonly Kind[] = process.env.APOLLO_ROUTER ? [ROUTED, CONNECTORS, BATCHED] : [];
