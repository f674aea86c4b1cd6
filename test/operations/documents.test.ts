/**
 * What a document may be. Beyond a limit, it is refused as a whole, before any command. A fragment counts as often as it is spread.
 * Selections are those of all operations of the document, other limits are those of one operation: routers merge a hundred
 * `_entities` under aliases, and stay within them.
 */
import { expect, it } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { aliased, deleteMany, LIST, M, R, times } from '../support/maintenance/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();
const post = (body: object) => subgraph.post(JSON.stringify(body));

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
const levels = (count: number, name = 'residence'): string =>
  count === 1 ? 'id' : `${name} { ${levels(count - 1, name === 'residence' ? 'maintenances' : 'residence')} }`;
const levelsInFragment = (count: number) =>
  inList('residence { maintenances { ...F } }') + fragment('F', levels(count - 4));
const levelsOfFragments = (count: number) =>
  `{ ...F1 } ${join(count - 1, (i) => fragment(`F${i + 1}`, i < count - 2 ? `...F${i + 2}` : '__typename', 'Query'))}`;

it.each<[most: number, of: string, document: (size: number) => string, message: string]>([
  [15_000, 'tokens', (size) => inAny(`[${'1 '.repeat(size - 24)}]`), 'over 15,000 tokens'],
  [10_000, 'selections in all operations together', selections, 'selections: at most 10000'],
  [707, 'times the same field', (size) => `{ ${'__typename '.repeat(size)} }`, 'selects one field too often'],
  [100, 'aliases', (size) => inList(aliased(size, 'id')), 'aliases: at most 100'],
  [128, 'characters in an alias', (size) => inList(`${'a'.repeat(size)}: id`), 'an alias: at most 128'],
  [30, 'levels of fields', levelsInFragment, 'levels of nesting: at most 30'],
  [30, 'levels of fragments', levelsOfFragments, 'levels of nesting: at most 30'],
  [1, 'lists in each other in a variable', (size) => `query ($v: ${nested(size, 'Int')}) ${inAny('$v')}`, 'at most 1'],
])('a document may have %d %s, and is refused as a whole with one more', async (most, _, document, message) => {
  const askFor = (size: number) => {
    const query = document(size);
    return post({ query, operationName: /^query (A)/.exec(query)?.[1] });
  };
  expect((await askFor(most)).errors).toEqual([]);
  subgraph.upstream.reset();
  const { status, data, errors } = await askFor(most + 1);
  expect([status, data, errors[0]?.path]).toEqual([200, undefined, undefined]);
  expect(errors[0]?.extensions.code).toBe(most === 15_000 ? 'GRAPHQL_PARSE_FAILED' : 'GRAPHQL_VALIDATION_FAILED');
  expect(errors[0]?.message).toContain(message);
  expect(subgraph.upstream.commands()).toEqual([]);
});

const toResidence = (inner: string) => `residence { maintenances { ${inner} } }`;
const doubling = join(30, (i) => fragment(`F${i}`, toResidence(i < 29 ? `...F${i + 1} ...F${i + 1}` : 'id')));
const knots = join(600, (i) =>
  fragment(
    `F${i}`,
    join(5, (j) => `...F${(i * 7 + j * 13 + 1) % 600}`),
    'Query',
  ),
);
const deepIds = nested(100_000, '"x"');

it.each<[string, string, string?]>([
  ['2^30 lists in fragments', inList('...F0') + doubling],
  ['600 fragments that exhaust the stack of graphql', `{ ${join(600, (i) => `...F${i}`)} }${knots}`],
  ['a fragment that spreads itself deeper', inList('...F') + fragment('F', toResidence('a: id ...F'))],
  ['an undefined fragment', inList('...F')],
  ['2,000 unknown fields', inList(join(2000, (i) => `f${i}`))],
  ['a name of 1 MB', `{ ${'x'.repeat(1_000_000)} }`],
  ['a query of the schema in production', getIntrospectionQuery()],
  ['10,000 levels', `${'{ a '.repeat(10_000)}${'}'.repeat(10_000)}`, 'GRAPHQL_PARSE_FAILED'],
  ['a lone surrogate', '{ maintenance(id: "\ud800") { id } }', 'GRAPHQL_PARSE_FAILED'],
  ['a subscription', 'subscription { maintenances { id } }', 'BAD_USER_INPUT'],
  ['lists 100,000 deep in a variable', JSON.stringify(deleteMany('x')).replace('"x"', deepIds), 'BAD_USER_INPUT'],
])('is refused as a whole with a few short errors: %s', async (_, query, code = 'GRAPHQL_VALIDATION_FAILED') => {
  const body = query.startsWith('{"') ? query : JSON.stringify({ query });
  const { status, data, errors } = await subgraph.post(body);
  expect([status, data ?? null, errors[0]?.path]).toEqual([200, null, undefined]);
  expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set([code]));
  // With graphql's own error that there are more.
  expect(errors.length).toBeLessThanOrEqual(6);
  expect(JSON.stringify(errors).length).toBeLessThan(20_000);
  expect(JSON.stringify(errors)).not.toMatch(/did you mean|call stack/i);
  expect(subgraph.upstream.commands()).toEqual([]);
  expect((await subgraph.ask(LIST)).data).toEqual({ maintenances: [{ id: `${R}:${M}` }] });
});

const ofResidence = '_entities(representations: $r) { ... on Residence { maintenances { state } } }';

it.each<[string, string, object?]>([
  [
    'a hundred merged _entities of a router',
    `query ($r: [_Any!]!) { ${aliased(100, ofResidence)} }`,
    { variables: { r: [{ __typename: 'Residence', id: R }] } },
  ],
  [
    '100 aliases in each of two operations',
    `query A ${inList(aliased(100, 'id'))} query B ${inList(aliased(100, 'id'))}`,
    { operationName: 'B' },
  ],
  ['1 MB of comments and commas', `${LIST} ${'#,,\n'.repeat(190_000)}`],
])('is served with one command: %s', async (_, query, extra = {}) => {
  expect((await post({ query, ...extra })).errors).toEqual([]);
  expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
});
