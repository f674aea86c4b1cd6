/**
 * The contenders.
 */
import { argumentsOf } from '../test/support/process.ts';
import { type Contender, HEADERS, start } from './contender.ts';
import { startConnectors, startRouted } from './router.ts';

export interface Kind {
  readonly name: string;
  readonly label: string;
  start(commandApiUrl: string): Promise<Contender>;
}

/** A program on Node, with its arguments. */
function program(name: string, label: string, args: readonly string[]): Kind {
  const ROUTER_SECRET = HEADERS['router-authorization'];
  return { name, label, start: (COMMAND_API_URL) => start(name, args, { COMMAND_API_URL, ROUTER_SECRET }) };
}

/** As `npm start` does. */
export const OURS = program('ours', 'this subgraph', argumentsOf('src/main.ts'));
export const FLOOR = program('floor', 'floor on got', ['bench/contenders/floor.ts']);
export const STOCK = program('stock', 'Apollo template', ['bench/contenders/stock.ts']);
export const MERCURIUS = program('mercurius', 'Mercurius JIT', ['bench/contenders/mercurius.ts']);
export const ALONE: readonly Kind[] = [OURS, FLOOR, STOCK, MERCURIUS];

/** Connectors in the router, in place of a subgraph. */
function connectors(name: string, label: string, file: string): Kind {
  return { name, label, start: (commandApiUrl) => startConnectors(file, commandApiUrl) };
}

export const ROUTED: Kind = {
  name: 'routed',
  label: 'router and this subgraph',
  start: async (commandApiUrl) => startRouted(await OURS.start(commandApiUrl)),
};
export const CONNECTORS = connectors('connectors', 'Connectors', 'connectors.graphql');
export const BATCHED = connectors('batched', 'Connectors, batched', 'connectors-batched.graphql');
/** Only where `APOLLO_ROUTER` names the executable. */
export const BEHIND_ROUTER: readonly Kind[] = process.env.APOLLO_ROUTER ? [ROUTED, CONNECTORS, BATCHED] : [];
