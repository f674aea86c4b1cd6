/** Refused operations: a mutation was not sent. A query tells no outcome, because it may be a part of another team's mutation. */
import { expect, it } from '@jest/globals';
import { DELETE, LIST, M, R, request, times } from '../support/maintenance/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();
const BOTH = `${DELETE.replace('mutation', 'mutation A')} ${LIST.replace('{', 'query B {')}`;
const ODD = BOTH.replace('id }', 'odd }');
const VARIABLE = { id: { id: `${R}:${M}` } };
const [INVALID, UNRESOLVED] = ['GRAPHQL_VALIDATION_FAILED', 'OPERATION_RESOLUTION_FAILURE'];
const developer = useSubgraph({ NODE_ENV: 'development' });

/** Exhausts the stack of graphql. */
const spread = (...indices: number[]) => `{ ${indices.map((index) => `...F${index % 600}`).join(' ')} }`;
const knot = (i: number) => `fragment F${i} on Mutation ${spread(...times(5, (j) => i * 7 + j * 13 + 1))}`;
const DEEP = `mutation ${spread(...times(600, Number))} ${times(600, knot).join(' ')}`;

it.each<[title: string, code: string, body: object, outcome?: 'NOT_SENT']>([
  // No one knows what it would have been.
  ['a syntax error', 'GRAPHQL_PARSE_FAILED', { query: '{' }, 'NOT_SENT'],
  ['a mutation beside an unknown field', INVALID, { query: ODD, operationName: 'A' }, 'NOT_SENT'],
  ['a mutation that is nested too deeply', INVALID, { query: DEEP }, 'NOT_SENT'],
  ['a query with an unknown field', INVALID, { query: ODD, operationName: 'B' }],
  ['an unknown operation beside a mutation', UNRESOLVED, { query: BOTH, operationName: 'C' }, 'NOT_SENT'],
  ['an unknown operation beside queries', UNRESOLVED, { query: LIST, operationName: 'C' }],
  ['a faulty variable of a mutation', 'BAD_USER_INPUT', request('deleteMaintenance', VARIABLE), 'NOT_SENT'],
  ['a faulty variable of a query', 'BAD_USER_INPUT', request('maintenance', VARIABLE)],
])('%s is refused as NOT_SENT, unless it can be a query alone', async (...[, code, body, outcome]) => {
  const { errors } = await subgraph.post(JSON.stringify(body));
  const told = errors.map(({ path, extensions }) => [path, extensions.code, extensions.outcome]);
  expect(told).toEqual([[undefined, code, outcome]]);
  expect(subgraph.upstream.commands()).toEqual([]);
  expect(subgraph.logs()).toMatchObject([{ level: 30, msg: 'operation', codes: [code] }]);
});

it.each<[code: string, body: object, fixed: string, own: string]>([
  ['GRAPHQL_PARSE_FAILED', { query: '{ a\n "x" }' }, 'over 15,000 tokens', 'Expected Name, found String "x"'],
  [INVALID, { query: '{ maintenanc }' }, 'does not fit the schema', 'Did you mean "maintenance"'],
  [UNRESOLVED, { query: LIST, operationName: 'C' }, 'none of this name', 'Unknown operation named "C"'],
  ['BAD_REQUEST', { query: '' }, 'one JSON object with a query', 'a non-empty `query`'],
])('%s has a fixed message, and in development the message of graphql or Apollo Server', async (...row) => {
  const [code, body, ...texts] = row;
  for (const [index, server] of [subgraph, developer].entries()) {
    const { errors } = await server.post(JSON.stringify(body));
    expect(errors).toMatchObject([{ message: expect.stringContaining(texts[index] ?? ''), extensions: { code } }]);
    if (code === 'GRAPHQL_PARSE_FAILED') expect(errors[0]).toHaveProperty('locations', [{ line: 2, column: 2 }]);
  }
});
