import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { type Subgraph, startSubgraph } from './subgraph.ts';

/** Starts one subgraph for a test file. Resets its command API before each test. */
export function useSubgraph(
  ...starting: Parameters<typeof startSubgraph>
): Pick<Subgraph, 'post' | 'ask' | 'askAndLeave' | 'upstream' | 'logs' | 'logText'> & { url: string } {
  let subgraph: Subgraph;
  beforeAll(async () => {
    subgraph = await startSubgraph(...starting);
  });
  afterAll(() => subgraph.stop());
  beforeEach(() => {
    subgraph.upstream.reset();
    subgraph.clearLogs();
  });
  return {
    post: (...sending) => subgraph.post(...sending),
    ask: (...asking) => subgraph.ask(...asking),
    askAndLeave: (query) => subgraph.askAndLeave(query),
    logs: () => subgraph.logs(),
    logText: () => subgraph.logText(),
    get upstream() {
      return subgraph.upstream;
    },
    get url() {
      return subgraph.url;
    },
  };
}
