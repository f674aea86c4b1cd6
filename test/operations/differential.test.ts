/**
 * Random queries have the same result as in a naive server: data and its order, paths and codes of errors. A failure prints its
 * seed, tickets and query.
 */
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createNaiveServer } from '../support/maintenance/naive-server.ts';
import { query, stores } from '../support/maintenance/random-queries.ts';
import { TOKENS } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

// Below jest's limit: fast-check prints the smallest counterexample that it has found by then.
const SEARCH_MS = 150_000;

// One attempt, so that no pause is waited for. A breaker that never opens: queries do not depend on others.
const subgraph = useSubgraph({ MAX_ATTEMPTS: '1', BREAKER_FAILURES: '10000' });

interface Result {
  readonly data: unknown;
  readonly errors: readonly { path?: readonly unknown[] | undefined; extensions: Record<string, unknown> }[];
}

/** Returns as text everything that has to be the same: the order of members counts, that of errors does not. */
function comparable({ data, errors }: Result): string {
  const lines = errors.map(({ path, extensions }) => `${path?.join('.')} ${extensions.code}`);
  return `${lines.sort().join('\n')}\n${JSON.stringify(data, null, 2)}`;
}

const seeds = [1, Math.floor(Math.random() * 2 ** 31)];
it.each(seeds)('random queries have the same result as in a naive server, with the seed %d', async (seed) => {
  const property = fc.asyncProperty(stores, query, async (tickets, { query, variables, token }) => {
    const { residences } = subgraph.upstream.store;
    residences.clear();
    for (const [residenceId, list] of tickets) residences.set(residenceId, list as never);
    const naive = createNaiveServer(new Map(tickets), Object.values(TOKENS));
    const answer = await subgraph.ask(query, { variables, token });
    expect(comparable(answer)).toBe(comparable(await naive.ask(query, variables, token)));
  });
  await fc.assert(property, { seed, numRuns: 240, interruptAfterTimeLimit: SEARCH_MS, markInterruptAsFailure: true });
});
