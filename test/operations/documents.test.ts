/**
 * The limits of a document. Beyond a limit, it is refused as a whole, before any command. A fragment counts as often as it is spread.
 * Selections count in all operations of the document together, and aliases in each operation: routers merge up to a hundred
 * `_entities` under aliases.
 */
import { expect, it } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { aliased, deleteMany, LIST, M, R, times } from '../support/maintenance/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();

const join = (count: number, text: (index: number) => string) => times(count, text).join(' ');
const inList = (selections: string) => LIST.replace('{ id }', `{ ${selections} }`);
const fragment = (name: string, selections: string, type = 'Maintenance') =>
  ` fragment ${name} on ${type} { ${selections} }`;
const nested = (depth: number, inside = '') => '['.repeat(depth) + inside + ']'.repeat(depth);
const inAny = (value: string) =>
  `{ _entities(representations: [{ __typename: "Residence", id: "r", x: ${value} }]) { __typename } }`;

/** Most of the selections are in a fragment, and one is in another operation. */
const selections = (count: number) =>
  `query A ${inList('...F '.repeat(49) + 'id '.repeat(count - 9802))} query B { __typename }` +
  fragment('F', 'id '.repeat(199));
const aliasesInTwo = (count: number) => `query A ${inList(aliased(count, 'id'))} query B ${inList(aliased(100, 'id'))}`;
const toResidence = (inner: string) => `residence { maintenances { ${inner} } }`;
const levels = (count: number, name = 'residence'): string =>
  count === 1 ? 'id' : `${name} { ${levels(count - 1, name === 'residence' ? 'maintenances' : 'residence')} }`;
const levelsInFragment = (count: number) => inList(toResidence('...F')) + fragment('F', levels(count - 4));

const doubling = join(30, (i) => fragment(`F${i}`, toResidence(i < 29 ? `...F${i + 1} ...F${i + 1}` : 'id')));
const spreads = (i: number) => join(5, (j) => `...F${(i * 7 + j * 13 + 1) % 600}`);
const knots = join(600, (i) => fragment(`F${i}`, spreads(i), 'Query'));
const deepIds = JSON.stringify(deleteMany('x')).replace('"x"', nested(100_000));

/** Expects few short errors, which do not show the schema, and no command. */
async function expectRefused(body: string, code: string, message: string): Promise<void> {
  subgraph.upstream.reset();
  const { status, data, errors } = await subgraph.post(body);
  expect([status, data ?? null, errors[0]?.path]).toEqual([200, null, undefined]);
  expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set([code]));
  expect(errors[0]?.message).toContain(message);
  // With graphql's own error that there are more.
  expect(errors.length).toBeLessThanOrEqual(6);
  expect(JSON.stringify(errors).length).toBeLessThan(20_000);
  expect(JSON.stringify(errors)).not.toMatch(/did you mean|call stack/i);
  expect(subgraph.upstream.commands()).toEqual([]);
}

const [INVALID, PARSE] = ['GRAPHQL_VALIDATION_FAILED', 'GRAPHQL_PARSE_FAILED'];

it.each<[most: number, of: string, document: (size: number) => string, message: string, code?: string]>([
  [15_000, 'tokens', (size) => inAny(`[${'1 '.repeat(size - 24)}]`), 'over 15,000 tokens', PARSE],
  [10_000, 'selections in all operations together', selections, 'selections: at most 10000'],
  [707, 'times the same field', (size) => `{ ${'__typename '.repeat(size)} }`, 'selects one field too often'],
  [100, 'aliases in each operation', aliasesInTwo, 'aliases: at most 100'],
  [128, 'characters in an alias', (size) => inList(`${'a'.repeat(size)}: id`), 'an alias: at most 128'],
  [30, 'levels of fields and fragments', levelsInFragment, 'levels of nesting: at most 30'],
  [1, 'level of lists in a variable', (size) => `query ($v: ${nested(size, 'Int')}) ${inAny('$v')}`, 'at most 1'],
])('a document may have %d %s, and is refused as a whole with one more', async (...row) => {
  const [most, , document, message, code = INVALID] = row;
  const bodyOf = (size: number) => {
    const query = document(size);
    return JSON.stringify({ query, operationName: /^query (A)/.exec(query)?.[1] });
  };
  expect((await subgraph.post(bodyOf(most))).errors).toEqual([]);
  await expectRefused(bodyOf(most + 1), code, message);
});

it.each<[what: string, query: string, code?: string]>([
  ['2^30 lists in fragments', inList('...F0') + doubling],
  ['600 fragments that exhaust the stack of graphql', `{ ${join(600, (i) => `...F${i}`)} }${knots}`],
  ['a fragment that spreads itself deeper', inList('...F') + fragment('F', toResidence('a: id ...F'))],
  ['an undefined fragment', inList('...F')],
  ['2,000 unknown fields', inList(join(2000, (i) => `f${i}`))],
  ['a name of 250 KB', `{ ${'x'.repeat(250_000)} }`],
  ['a query of the schema in production', getIntrospectionQuery()],
  ['10,000 levels', `${'{ a '.repeat(10_000)}${'}'.repeat(10_000)}`, PARSE],
  ['a lone surrogate', '{ maintenance(id: "\ud800") { id } }', PARSE],
  ['a subscription', 'subscription { maintenances { id } }', 'BAD_USER_INPUT'],
  ['lists 100,000 deep in a variable', deepIds, 'BAD_USER_INPUT'],
])('is refused as a whole with a few short errors: %s', async (_, query, code = INVALID) => {
  await expectRefused(query.startsWith('{"') ? query : JSON.stringify({ query }), code, '');
  expect((await subgraph.ask(LIST)).data).toEqual({ maintenances: [{ id: `${R}:${M}` }] });
});

it('a hundred merged _entities of a router cost one command', async () => {
  const ofResidence = '_entities(representations: $r) { ... on Residence { maintenances { state } } }';
  const variables = { r: [{ __typename: 'Residence', id: R }] };
  expect((await subgraph.ask(`query ($r: [_Any!]!) { ${aliased(100, ofResidence)} }`, { variables })).errors).toEqual(
    [],
  );
  expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
});
