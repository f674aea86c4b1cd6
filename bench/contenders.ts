/**
 * The contenders.
 */
import { type Running, startByLists, startConnectors, startOurs, startRouted } from '../test/support/alternatives.ts';

export interface Kind {
  readonly name: string;
  readonly label: string;
  start(commandApiUrl: string): Promise<Running>;
}

export const OURS: Kind = { name: 'ours', label: 'this subgraph', start: (url) => startOurs(url) };
export const BY_LISTS: Kind = { name: 'by-lists', label: 'template by lists', start: startByLists };
export const ROUTED: Kind = {
  name: 'routed',
  label: 'router + this subgraph',
  start: async (url) => startRouted(await startOurs(url)),
};
/** Connectors in the router, in place of a subgraph. */
export const COMPLETE: Kind = { name: 'complete', label: 'complete', start: startConnectors };
