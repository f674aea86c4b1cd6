/**
 * Random operations have the same result as in a naive server: data and its order, paths, codes and outcomes of errors, and
 * the tickets afterwards. A failure prints its seed, tickets and operations.
 */
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Store } from '../../dev/maintenance/store.ts';
import { createNaiveServer, NEW_TIME } from '../support/maintenance/naive-server.ts';
import { operation, stores } from '../support/maintenance/random-operations.ts';
import { TOKENS } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

// Below jest's limit: fast-check prints the smallest counterexample that it has found by then.
const SEARCH_MS = 150_000;

// One attempt, so that no pause is waited for. A breaker that never opens: operations do not depend on others.
const subgraph = useSubgraph({ MAX_ATTEMPTS: '1', BREAKER_FAILURES: '10000' });

interface Result {
  readonly data: unknown;
  readonly errors: readonly { path?: readonly unknown[]; extensions: Record<string, unknown> }[];
}

/** Returns as text everything that has to be the same: the order of members counts, that of errors does not. */
function comparable({ data, errors }: Result): string {
  const lines = errors.map(({ path, extensions: { code, outcome } }) => `${path?.join('.')} ${code} ${outcome}`);
  return `${lines.sort().join('\n')}\n${JSON.stringify(data, null, 2)}`;
}

/** Makes the emulator number new tickets, which have random ids otherwise. */
function numberTickets(): void {
  const { store } = subgraph.upstream;
  let created = 0;
  store.create = (param) => {
    Store.prototype.create.call(store, param);
    const ids = { maintenance_id: `new${created++}`, created_time: NEW_TIME };
    return Object.assign(store.list(param.residence_id).at(-1) ?? {}, ids).maintenance_id;
  };
}

const seeds = [1, Math.floor(Math.random() * 2 ** 31)];
it.each(seeds)('random operations have the same result as in a naive server, with the seed %d', async (seed) => {
  const operations = fc.array(operation, { minLength: 1, maxLength: 5 });
  const property = fc.asyncProperty(stores, operations, async (tickets, asked) => {
    const { store } = subgraph.upstream;
    const naive = createNaiveServer(new Map(structuredClone(tickets)), Object.values(TOKENS));
    store.residences.clear();
    for (const [residenceId, list] of structuredClone(tickets)) store.residences.set(residenceId, list as never);
    numberTickets();
    for (const { query, variables, token } of asked) {
      const answer = await subgraph.ask(query, { variables, token });
      expect(comparable(answer)).toBe(comparable(await naive.ask(query, variables, token)));
      expect([...store.residences]).toEqual([...naive.store]);
    }
  });
  await fc.assert(property, { seed, numRuns: 80, interruptAfterTimeLimit: SEARCH_MS, markInterruptAsFailure: true });
});
