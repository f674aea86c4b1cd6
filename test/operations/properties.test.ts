/** A property of any query. A failure prints its seed and its values. */
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Answer, codes } from '../support/ask.ts';
import { createNaiveServer } from '../support/maintenance/naive-server.ts';
import { query, stores } from '../support/maintenance/random-queries.ts';
import { TOKENS } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

// Below jest's limit: fast-check prints the smallest counterexample that it has found by then.
const SEARCH = { numRuns: 100, interruptAfterTimeLimit: 150_000, markInterruptAsFailure: true };

// One attempt, so that no pause is waited for. A breaker that never opens: operations do not depend on others.
const subgraph = useSubgraph({ MAX_ATTEMPTS: '1', BREAKER_FAILURES: '10000' });

type Result = Pick<Answer, 'data' | 'errors'>;
/** Returns as text the data and its order, and the paths and codes of errors in any order. */
function comparable({ data, errors }: Result): string {
  const lines = codes({ errors }).map(String);
  return `${lines.sort().join('\n')}\n${JSON.stringify(data, null, 2)}`;
}

const seeds = [1, Math.floor(Math.random() * 2 ** 31)];
it.each(seeds)('any query has the same result as in a naive server, with the seed %d', async (seed) => {
  const property = fc.asyncProperty(stores, query, async (tickets, { query, variables, token }) => {
    const { residences } = subgraph.upstream.store;
    residences.clear();
    for (const [residenceId, list] of tickets) residences.set(residenceId, list as never);
    const naive = createNaiveServer(new Map(tickets), Object.values(TOKENS));
    const expected = (await naive.ask(query, variables, token)) as unknown as Result;
    expect(comparable(await subgraph.ask(query, { variables, token }))).toBe(comparable(expected));
  });
  await fc.assert(property, { ...SEARCH, seed });
});
