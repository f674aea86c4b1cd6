/** The operations of examples/ and of both READMEs, against the emulator. */
import { expect, it } from '@jest/globals';
import { readExamples } from '../../dev/browser.ts';
import { EXAMPLE } from '../../dev/seed.ts';
import { readExamples as readBlocks, readDocument } from '../support/documents.ts';
import { create } from '../support/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

// Long enough for the commands that are answered, on a busy machine too.
const subgraph = useSubgraph({ ATTEMPT_TIMEOUT_MS: '3000' });

it.each(readExamples('.'))('$name can run twice', async ({ query, variables }) => {
  for (const _ of ['first', 'second']) {
    const { data, errors } = await subgraph.ask(query, { variables });
    expect(errors).toEqual([]);
    for (const value of Object.values(data)) expect(value).toEqual(expect.anything());
    expect(data.deleteMaintenances?.failures ?? []).toEqual([]);
  }
});

it.each(readExamples('emulator'))('$name shows each failure of the emulator, and a slow list', async (example) => {
  const { data, errors } = await subgraph.ask(example.query, example);
  expect(data.slow).toEqual([{ id: `rfault-slow:${EXAMPLE.maintenanceId}` }]);
  expect(Object.fromEntries(errors.map(({ path, extensions }) => [path?.[0], extensions.code]))).toEqual({
    timeout: 'UPSTREAM_TIMEOUT',
    unavailable: 'UPSTREAM_UNAVAILABLE',
    refused: 'COMMAND_REJECTED',
    forbidden: 'FORBIDDEN',
    invalid: 'UPSTREAM_INVALID_RESPONSE',
  });
});

it('the emulator executes a write of rfault-unread, but not the read after it', async () => {
  const residenceId = 'rfault-unread';
  const { query, variables } = create({ residenceId });
  const { errors } = await subgraph.ask(query.replace('createdId', 'createdId maintenance { id }'), { variables });
  expect(errors).toMatchObject([{ path: ['createMaintenance', 'maintenance'] }]);
  expect(subgraph.upstream.store.residences.get(residenceId)).toHaveLength(2);
});

// A block without a result is for the supergraph.
const BLOCKS = ['README.md', 'README.zh-CN.md']
  .flatMap((file) => readBlocks(readDocument(file)))
  .filter(({ json }) => json);
it.each(BLOCKS)('both READMEs show the true result of example %#', async ({ graphql, json }) => {
  const { data, errors } = await subgraph.ask(graphql);
  expect({ data, errors }).toEqual({ ...JSON.parse(String(json)), errors: [] });
});
