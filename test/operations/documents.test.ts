/**
 * Documents of the size in docs/reliability.md, and what routers and clients send, are served. Larger and hostile ones are refused
 * as a whole before any command.
 */
import { expect, it } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { LIMITS } from '../support/limits.ts';
import { aliased, deleteMany, LIST, M, R, times } from '../support/maintenance/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const PARSE = 'GRAPHQL_PARSE_FAILED';
const RESOLUTION = 'OPERATION_RESOLUTION_FAILURE';
const INPUT = 'BAD_USER_INPUT';

const subgraph = useSubgraph();

/** Sends a text unchanged, and other values as JSON. */
const post = (body: unknown) => subgraph.post(typeof body === 'string' ? body : JSON.stringify(body));
const join = (count: number, text: (index: number) => string) => times(count, text).join(' ');
const inList = (selections: string) => LIST.replace('{ id }', `{ ${selections} }`);
const fragment = (name: string, selections: string, type = 'Maintenance') =>
  ` fragment ${name} on ${type} { ${selections} }`;
const nested = (depth: number, inside = '') => '['.repeat(depth) + inside + ']'.repeat(depth);
const twoLevels = (inner: string) => `residence { maintenances { ${inner} } }`;

const doubling = join(30, (i) => fragment(`F${i}`, twoLevels(i < 29 ? `...F${i + 1} ...F${i + 1}` : 'id')));
const spreads = (i: number) => join(5, (j) => `...F${(i * 7 + j * 13 + 1) % 600}`);
const knots = join(600, (i) => fragment(`F${i}`, spreads(i), 'Query'));
it.each<[string, unknown, string?]>([
  ['2^30 lists in fragments', inList('...F0') + doubling],
  ['600 fragments that exhaust the stack of graphql', `{ ${join(600, (i) => `...F${i}`)} }${knots}`],
  ['a fragment that spreads itself deeper', inList('...F') + fragment('F', twoLevels('a: id ...F'))],
  ['an undefined fragment', inList('...F')],
  ['2,000 unknown fields', inList(join(2000, (i) => `f${i}`))],
  ['a name of 1 MB', `{ ${'x'.repeat(1_000_000)} }`],
  ['the schema in production', getIntrospectionQuery()],
  ['a field with a similar name', inList('stat')],
  ['10,000 levels', `${'{ a '.repeat(10_000)}${'}'.repeat(10_000)}`, PARSE],
  ['a lone surrogate', '{ maintenance(id: "\ud800") { id } }', PARSE],
  ['a subscription', 'subscription { maintenances { id } }', INPUT],
  ['2,500 operations for a request that names none', join(2500, (i) => `query Q${i} { __typename }`), RESOLUTION],
  ['a name of no own property', { query: 'query A { __typename }', operationName: 'constructor' }, RESOLUTION],
  ['a variable of lists 100,000 deep', JSON.stringify(deleteMany('x')).replace('"x"', nested(100_000)), INPUT],
])('refused, with few errors that do not show the schema: %s', async (_, sent, code = 'GRAPHQL_VALIDATION_FAILED') => {
  const isDocument = typeof sent === 'string' && !sent.startsWith('{"');
  const { status, data, errors } = await post(isDocument ? { query: sent } : sent);
  expect([status, data ?? null, errors[0]?.path]).toEqual([200, null, undefined]);
  expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set([code]));
  // With graphql's own error that there are more.
  expect(errors.length).toBeLessThanOrEqual(6);
  const text = JSON.stringify(errors);
  expect(text.length).toBeLessThan(20_000);
  expect(text).not.toMatch(/did you mean|call stack/i);
  expect(subgraph.upstream.commands()).toEqual([]);
  expect((await subgraph.ask(LIST)).data).toEqual({ maintenances: [{ id: `${R}:${M}` }] });
});

const twice = `query A ${inList(aliased(100, 'id'))} query B ${inList(aliased(100, 'id'))}`;
const OF_RESIDENCE = { r: [{ __typename: 'Residence', id: R }] };
const aliasedEntities = `query ($r: [_Any!]!) {
  ${aliased(100, '_entities(representations: $r) { ... on Residence { maintenances { state } } }')}
}`;
it.each<[string, string, object?]>([
  ['100 aliased _entities, as routers send them', aliasedEntities, { variables: OF_RESIDENCE }],
  ['100 aliases in each of two operations', twice, { operationName: 'B' }],
  ['1 MB of comments and commas', `${LIST} ${'#,,\n'.repeat(190_000)}`],
  // For null, graphql would report an error for each ticket.
  ['a Boolean variable with a default', `query ($x: Boolean = true) ${inList('id @include(if: $x)')}`],
  ['a skipped field', inList('id residence @skip(if: true) { maintenances { id } }')],
])('served, with one command: %s', async (_, query, extra = {}) => {
  const { data, errors } = await post({ query, ...extra });
  expect(errors).toEqual([]);
  expect(Object.keys(data).length).toBeGreaterThanOrEqual(1);
  expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
});

const inAny = (value: string) =>
  `{ _entities(representations: [{ __typename: "Residence", id: "r", x: ${value} }]) { __typename } }`;
const levels = (count: number, name = 'residence'): string =>
  count === 1 ? 'id' : `${name} { ${levels(count - 1, name === 'residence' ? 'maintenances' : 'residence')} }`;
/** Most of the selections are in a fragment. */
const selections = (count: number) =>
  inList('...F '.repeat(49) + 'id '.repeat(count - 9801)) + fragment('F', 'id '.repeat(199));
const inTwoOperations = (count: number) => `query A ${selections(count - 1)} query B { __typename }`;
const levelsInFragment = (count: number) =>
  inList('residence { maintenances { ...F } }') + fragment('F', levels(count - 4));
const listVariable = (depth: number) => `query ($v: ${nested(depth, 'Int')}) ${inAny('$v')}`;
const nestedFragments = (count: number) =>
  join(count, (index) => fragment(`F${index}`, index < count - 1 ? `...F${index + 1}` : '__typename', 'Query'));

it.each<[of: string, most: number, document: (size: number) => string, text?: string]>([
  ['tokens', LIMITS.tokens, (size) => inAny(`[${'1 '.repeat(size - 24)}]`), 'over 15,000 tokens'],
  ['selections', LIMITS.selections, selections],
  ['selections in two operations', LIMITS.selections, inTwoOperations],
  ['aliases', LIMITS.aliases, (size) => inList(aliased(size, 'id'))],
  ['characters of an alias', LIMITS.aliasCharacters, (size) => inList(`${'a'.repeat(size)}: id`)],
  ['levels of fields, in a fragment', LIMITS.levelsOfNesting, levelsInFragment],
  ['levels of fragments', LIMITS.levelsOfNesting, (size) => `{ ...F0 } ${nestedFragments(size - 1)}`],
  ['levels of lists in a variable', LIMITS.levelsOfLists, listVariable],
  ['times the same field', LIMITS.sameField, (size) => `{ ${'__typename '.repeat(size)} }`, 'one field too often'],
])('a document has so many %s: %d, or is refused as a whole', async (_, most, document, text = `most ${most}.`) => {
  const askFor = (size: number) => {
    const query = document(size);
    return subgraph.post(JSON.stringify({ query, operationName: /^query (A)/.exec(query)?.[1] }));
  };
  expect((await askFor(most)).errors).toEqual([]);
  subgraph.upstream.reset();
  const { status, data, errors } = await askFor(most + 1);
  expect([status, data, errors[0]?.path]).toEqual([200, undefined, undefined]);
  expect(errors[0]?.extensions.code).toMatch(/^GRAPHQL_(VALIDATION|PARSE)_FAILED$/);
  expect(errors[0]?.message).toContain(text);
  expect(subgraph.upstream.commands()).toEqual([]);
});
