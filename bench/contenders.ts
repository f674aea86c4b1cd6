/**
 * The contenders.
 */
import { argumentsOf } from '../test/support/process.ts';
import type { Form } from './connectors.ts';
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
export const TEMPLATE = program('template', 'Apollo template', ['bench/contenders/stock.ts']);
export const BY_LISTS = program('by-lists', 'template by lists', ['bench/contenders/stock.ts', 'by-lists']);
export const MERCURIUS = program('mercurius', 'Mercurius', ['bench/contenders/mercurius.ts']);
export const MERCURIUS_BY_LISTS = program('mercurius-by-lists', 'Mercurius by lists', [
  ...['bench/contenders/mercurius.ts', 'by-lists'],
]);

/** Connectors in the router, in place of a subgraph. */
function connectors(form: Form, label: string): Kind {
  return { name: form, label, start: (commandApiUrl) => startConnectors(form, commandApiUrl) };
}

export const ROUTED: Kind = {
  name: 'routed',
  label: 'router + this subgraph',
  start: async (commandApiUrl) => startRouted(await OURS.start(commandApiUrl)),
};
export const COMPLETE = connectors('complete', 'complete');
export const KEPT = connectors('kept', 'complete, connections kept');
export const LEAN = connectors('lean', 'lean');
export const BY_BATCH = connectors('byBatch', 'by `$batch`, connections kept');
