/**
 * The contenders.
 */
import { type Running, startConnectors, startRouted, startServer } from '../test/support/alternatives.ts';

export interface Kind {
  readonly name: string;
  readonly label: string;
  start(commandApiUrl: string): Promise<Running>;
}

const startOurs = (url: string) => startServer('src/main.ts', { COMMAND_API_URL: url });

export const OURS: Kind = { name: 'ours', label: 'this subgraph', start: startOurs };
export const BY_LISTS: Kind = {
  name: 'by-lists',
  label: 'Apollo Server by lists',
  start: (url) => startServer('bench/contenders/by-lists/main.ts', { COMMAND_API_URL: url }),
};
export const ROUTED: Kind = {
  name: 'routed',
  label: 'router + this subgraph',
  start: async (url) => startRouted(await startOurs(url)),
};
/** Connectors in the router, in place of a subgraph. */
export const CONNECTORS: Kind = { name: 'connectors', label: 'router with Connectors', start: startConnectors };
