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

/**
 * Returns a function that starts what `start` starts. All stop together at the end of the test file: no test waits until
 * another subgraph has drained.
 */
export function useMany<A extends unknown[], S extends { stop(): Promise<void> }>(
  start: (...starting: A) => Promise<S>,
) {
  const started: S[] = [];
  afterAll(() => Promise.all(started.map(({ stop }) => stop())));
  return async (...starting: A): Promise<S> => {
    const one = await start(...starting);
    started.push(one);
    return one;
  };
}
