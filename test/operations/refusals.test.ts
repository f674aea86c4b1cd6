/**
 * Requests that are refused as a whole: a mutation was not sent. A query tells no outcome, because it may be a part of another
 * team's mutation. http.test.ts, http-input.test.ts and resilience.test.ts refuse requests before they are parsed.
 */
import { expect, it } from '@jest/globals';
import { LIMITS } from '../support/limits.ts';
import { aliased, create, DELETE, LIST, M, R } from '../support/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();
const DELETIONS = aliased(LIMITS.aliases + 1, `deleteMaintenance(id: "${R}:${M}") { deletedId }`);
const BOTH = `${DELETE.replace('mutation', 'mutation A')} ${LIST.replace('{', 'query B {')}`;
const VARIABLE = { id: { id: `${R}:${M}` } };

type Row = [title: string, code: string, mutation: object, query: object, outcomeOfQuery?: 'NOT_SENT'];
it.each<Row>([
  // No one knows what they would have been.
  ['an empty document', 'BAD_REQUEST', { query: '' }, { query: '' }, 'NOT_SENT'],
  [
    'no object of variables',
    'BAD_REQUEST',
    { query: DELETE, variables: 'x' },
    { query: LIST, variables: 'x' },
    'NOT_SENT',
  ],
  ['a syntax error', 'GRAPHQL_PARSE_FAILED', { query: 'mutation {' }, { query: '{' }, 'NOT_SENT'],
  [
    'an unknown field',
    'GRAPHQL_VALIDATION_FAILED',
    { query: DELETE.replace('deletedId', 'odd') },
    { query: LIST.replace('id }', 'odd }') },
  ],
  [
    'an unknown field beside an operation of the other type',
    'GRAPHQL_VALIDATION_FAILED',
    { query: BOTH.replace('id }', 'odd }'), operationName: 'A' },
    { query: BOTH.replace('id }', 'odd }'), operationName: 'B' },
  ],
  [
    'too many aliases',
    'GRAPHQL_VALIDATION_FAILED',
    { query: `mutation { ${DELETIONS} }` },
    { query: `{ ${aliased(LIMITS.aliases + 1, '__typename')} }` },
  ],
  [
    'an unknown name of an operation',
    'OPERATION_RESOLUTION_FAILURE',
    { query: BOTH, operationName: 'C' },
    { query: LIST, operationName: 'C' },
  ],
  [
    'two operations and no name',
    'OPERATION_RESOLUTION_FAILURE',
    { query: BOTH },
    { query: 'query A { __typename } query B { __typename }' },
  ],
  [
    'a faulty variable',
    'BAD_USER_INPUT',
    { query: 'mutation ($id: ID!) { deleteMaintenance(id: $id) { deletedId } }', variables: VARIABLE },
    { query: 'query ($id: ID!) { maintenance(id: $id) { id } }', variables: VARIABLE },
  ],
])('%s in a mutation has the outcome NOT_SENT', async (...row) => {
  const [, code, mutation, query, outcomeOfQuery] = row;
  for (const [body, outcome] of [
    [mutation, 'NOT_SENT'],
    [query, outcomeOfQuery],
  ]) {
    const { errors } = await subgraph.post(JSON.stringify(body));
    const found = errors.map(({ path, extensions }) => [path, extensions.code, extensions.outcome]);
    expect([...new Set(found.map((one) => JSON.stringify(one)))]).toEqual([JSON.stringify([undefined, code, outcome])]);
  }
  expect(subgraph.upstream.commands()).toEqual([]);
});

it('only the error of a field of Mutation has an outcome, no error below one', async () => {
  subgraph.upstream.fail(({ command }) => {
    return {
      body: { success: true, result: { maintenance_id: 'm', ...(command.startsWith('get_') && { contact: 5 }) } },
    };
  });
  const { variables } = create();
  const { errors } = await subgraph.ask(
    `mutation ($input: CreateMaintenanceInput!) {
      a: createMaintenance(input: $input) { maintenance { contact } }
      b: deleteMaintenance(id: "${R}:${M}") { residence { maintenances(first: -1) { id } } }
      c: deleteMaintenance(id: "odd") { deletedId }
    }`,
    { variables },
  );
  expect(errors.map(({ path, extensions: { code, outcome } }) => [path?.join('.'), code, outcome])).toEqual([
    ['a.maintenance.contact', 'UPSTREAM_INVALID_RESPONSE', undefined],
    ['b.residence.maintenances', 'BAD_USER_INPUT', undefined],
    ['c', 'BAD_USER_INPUT', 'NOT_SENT'],
  ]);
});
