import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { type Subgraph, startSubgraph } from './subgraph.ts';

/** Starts a subgraph for a test file. Resets its command API and its log before each test. */
export function useSubgraph(...starting: Parameters<typeof startSubgraph>): Subgraph {
  const subgraph = {} as Subgraph;
  beforeAll(async () => {
    Object.assign(subgraph, await startSubgraph(...starting));
  });
  afterAll(() => subgraph.stop());
  beforeEach(() => {
    subgraph.upstream.reset();
    subgraph.clearLogs();
  });
  return subgraph;
}
