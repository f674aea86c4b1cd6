/** The operations of examples/, of both READMEs and of docs/apps.md, against the emulator. */
import { expect, it } from '@jest/globals';
import { parse, print } from 'graphql';
import { readExamples } from '../../dev/browser.ts';
import { EXAMPLE } from '../../dev/maintenance/seed.ts';
import { readExamples as readBlocks, readDocument } from '../support/documents.ts';
import { create } from '../support/maintenance/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

// Long enough for the commands that are answered, on a busy machine too.
const subgraph = useSubgraph({ ATTEMPT_TIMEOUT_MS: '3000' });

// Sandbox has one pane for the variables of all.
const VARIABLES = Object.assign({}, ...readExamples('.').map(({ variables }) => variables));
it.each(readExamples('.'))('$name can run twice, with the variables of all', async (example) => {
  for (const variables of [example.variables, VARIABLES]) {
    const { data, errors } = await subgraph.ask(example.query, { variables });
    expect(errors).toEqual([]);
    for (const value of Object.values(data)) expect(value).toEqual(expect.anything());
    expect(data.deleteMaintenances?.failures ?? []).toEqual([]);
  }
});

const FAILURES: Readonly<Record<string, object>> = {
  'when-it-fails.graphql': {
    timeout: 'UPSTREAM_TIMEOUT',
    unavailable: 'UPSTREAM_UNAVAILABLE',
    refused: 'COMMAND_REJECTED',
    forbidden: 'FORBIDDEN',
    invalid: 'UPSTREAM_INVALID_RESPONSE',
  },
  'when-a-write-fails.graphql': { notSent: 'NOT_SENT', rejected: 'REJECTED', unknown: 'UNKNOWN' },
};

it.each(readExamples('emulator'))('$name shows each failure, twice alike, and a slow list', async (example) => {
  for (const _ of ['first', 'second']) {
    const { data, errors } = await subgraph.ask(example.query, example);
    const shown = errors.map(({ path, extensions: { outcome, code } }) => [path?.[0], outcome ?? code]);
    expect(Object.fromEntries(shown)).toEqual(FAILURES[example.name]);
    if ('slow' in data) expect(data.slow).toEqual([{ id: `rfault-slow:${EXAMPLE.maintenanceId}` }]);
  }
});

it.each([
  ['rfault-lost', 'createMaintenance', 'UNKNOWN', 2],
  ['rfault-unwritten', 'createMaintenance', 'UNKNOWN', 1],
  ['rfault-unread', 'createMaintenance.maintenance', undefined, 2],
])('a create of %s fails at %s with the outcome %s, and leaves %d requests', async (residenceId, at, outcome, left) => {
  const { query, variables } = create({ residenceId });
  const { errors } = await subgraph.ask(query.replace('createdId', 'createdId maintenance { id }'), { variables });
  expect(errors.map(({ path, extensions }) => [path?.join('.'), extensions.outcome])).toEqual([[at, outcome]]);
  expect(subgraph.upstream.store.residences.get(residenceId)).toHaveLength(left);
});

// A block without a result is for the supergraph.
const BLOCKS = ['README.md', 'README.zh-CN.md', 'docs/apps.md']
  .flatMap((file) => readBlocks(readDocument(file)))
  .filter(({ json }) => json);
it.each(BLOCKS)('the pages show the true result of example %#', async ({ graphql, json }) => {
  const answers = [];
  for (const operation of parse(graphql).definitions) answers.push(await subgraph.ask(print(operation)));
  expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
  // An id of a new request ends with "…".
  const expected = JSON.parse(String(json), (_, value) =>
    value?.endsWith?.('…') ? expect.stringMatching(`^${value.slice(0, -1)}`) : value,
  );
  expect({ data: Object.assign({}, ...answers.map(({ data }) => data)) }).toEqual(expected);
});
