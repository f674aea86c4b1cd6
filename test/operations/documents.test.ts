import type { ApolloServerPlugin } from '@apollo/server';
import { describe, expect, it } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { EXAMPLE } from '../../dev/seed.ts';
import { create, deleteMany, times } from '../support/requests.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const ID = `${R}:${EXAMPLE.maintenanceId}`;
const LIST = `maintenances(residenceId: "${R}")`;
const GET_LIST = `get_maintenance_list ${R}`;

const PARSE = 'GRAPHQL_PARSE_FAILED';
const VALIDATION = 'GRAPHQL_VALIDATION_FAILED';
const RESOLUTION = 'OPERATION_RESOLUTION_FAILURE';

const subgraph = useSubgraph();

/** Sends a text unchanged, and other values as JSON. */
const post = (body: unknown) => subgraph.post(typeof body === 'string' ? body : JSON.stringify(body));

/** Expects that the whole operation is refused with 1 to 5 errors, and that the next operation succeeds. */
async function expectRefused(body: unknown, code: string, wording: RegExp): Promise<void> {
  const answer = await post(body);
  expect(answer.status).toBe(200);
  expect(new Set(answer.errors.map(({ extensions }) => extensions.code))).toEqual(new Set([code]));
  // graphql adds this message to the errors that it may report.
  const messages = answer.errors.map(({ message }) => message).filter((text) => !/error limit reached/.test(text));
  expect([1, 2, 3, 4, 5]).toContain(messages.length);
  expect(answer.errors.length - messages.length).toBeLessThanOrEqual(1);
  // Suggestions would reveal the schema.
  expect(messages.join('\n')).not.toMatch(/did you mean/i);
  expect(messages.join('\n')).toMatch(wording);
  expect(answer.data ?? null).toBeNull();
  expect(subgraph.upstream.commands()).toEqual([]);
  expect((await post({ query: `{ ${LIST} { id } }` })).data).toEqual({ maintenances: [{ id: ID }] });
}

const join = (count: number, text: (index: number) => string) => times(count, text).join(' ');
const aliases = (count: number, field = 'id') => join(count, (i) => `a${i}: ${field}`);
const inList = (selections: string) => `{ ${LIST} { ${selections} } }`;
const fragment = (name: string, selections: string, type = 'Maintenance') =>
  ` fragment ${name} on ${type} { ${selections} }`;

/** Returns a query of `depth` fields, each inside the previous one. */
function deep(depth: number, leaf = 'id'): string {
  const names = times(depth - 1, (i) => (i === 0 ? LIST : i % 2 === 1 ? 'residence' : 'maintenances'));
  return `{ ${names.join(' { ')} { ${leaf} ${'} '.repeat(names.length)}}`;
}

/** Returns fragments F0, F1, …: each selects `wrap` of the next one, and the last selects `wrap` of `leaf`. */
const chain = (length: number, wrap: (inner: string) => string, leaf: string) =>
  join(length, (i) => fragment(`F${i}`, wrap(i < length - 1 ? `...F${i + 1}` : leaf)));
const twoLevels = (inner: string) => `residence { maintenances { ${inner} } }`;

/** Returns a document of `count` selections, most of them in a fragment. */
const selections = (count: number) =>
  `${inList(`${'...F '.repeat(49)} ${'id '.repeat(count - 9801)}`)} ${fragment('F', 'id '.repeat(199))}`;

const tokens = (count: number) =>
  `{ maintenances(residenceId: "r", states: [${'CLOSED '.repeat(count - 15)}]) { id } }`;
/** For null, graphql would report an error for each ticket. */
const CONDITIONS = `query ($x: Boolean = true) ${inList('id @include(if: $x)')}`;
const ORDER = `query ($x: MaintenanceOrder = START_TIME_ASC) ${inList('id').replace(')', ', orderBy: $x)')}`;
const lists = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);

describe('a document is refused before any command', () => {
  const twice = chain(30, (inner) => twoLevels(`${inner} ${inner}`), 'id');
  const knot = (i: number) =>
    fragment(
      `F${i}`,
      join(5, (j) => `...F${(i * 7 + j * 13 + 1) % 600}`),
      'Query',
    );
  const knots = `{ ${join(600, (i) => `...F${i}`)} }${join(600, knot)}`;
  const twoDepths = inList(`...F ${twoLevels('...F')}`) + fragment('F', aliases(51));
  const operations = join(2500, (i) => `query Q${i} { __typename }`);

  it.each<[string, string, RegExp, string?]>([
    ['101 aliases', inList(aliases(101)), /Too many aliases: at most 100/],
    ['101 aliases in inline fragments', inList(join(101, (i) => `... { a${i}: id }`)), /aliases/],
    ['51 aliases in a fragment at two depths', twoDepths, /aliases/],
    ['101 aliases in one of two operations', `query A ${inList(aliases(101))} query B { __typename }`, /aliases/],
    ['101 aliases behind 600 fragments', inList('...F0') + chain(600, String, aliases(101)), /nesting: at most 500/],
    ['13 levels', deep(13), /Too many levels of depth: at most 12/],
    ['14 levels in fragments', inList('...F0') + chain(6, twoLevels, 'id'), /depth/],
    ['a variable with lists of lists', 'query ($i: [[Int]!]) { __typename }', /Too many levels of lists: at most 1/],
    [
      'a variable with lists 3,000 deep',
      `query ($i: ${'['.repeat(3000)}Int${']'.repeat(3000)}) { __typename }`,
      /lists/,
    ],
    ['10,001 selections', selections(10_001), /Too many selections: at most 10000/],
    ['10,001 selections in two operations', `${selections(9999)} query B { __typename _: __typename }`, /selections/],
    ['1,000 times the same field', `{ ${'__typename '.repeat(1000)} }`, /selects one field too often/],
    ['2^30 lists in fragments', inList('...F0') + twice, /selections/],
    ['600 fragments that exhaust the stack of graphql', knots, /nested too deeply/],
    ['a fragment that spreads itself deeper', inList('...F') + fragment('F', twoLevels('a: id ...F')), /itself/],
    ['2,000 unknown fields', inList(join(2000, (i) => `f${i}`)), /Cannot query field/],
    ['a name of 1 MB', `{ ${'x'.repeat(1_000_000)} }`, /Cannot query field/],
    ['lists 1,000 deep', `{ maintenances(residenceId: ${lists(1000)}) { id } }`, /ID/],
    ['@defer', inList('... @defer { id }'), /defer/],
    ['a definition of a type', 'type Maintenance { id: ID! }', /executable/],
    ['the schema in production', getIntrospectionQuery(), /introspection/],
    ['15,001 tokens', tokens(15_001), /token/, PARSE],
    ['10,000 levels', deep(10_000), /^The document is nested too deeply\.$/, PARSE],
    ['a lone surrogate', '{ maintenance(id: "\ud800") { id } }', /character/, PARSE],
    ['a string of 1 MB without an end', `{ maintenance(id: "${'x'.repeat(1_000_000)}`, /string/, PARSE],
    ['a subscription', 'subscription { maintenances { id } }', /subscription/, 'BAD_USER_INPUT'],
    ['an unknown field', inList('stat'), /Cannot query field/],
    ['an unknown type', 'query ($v: MaintenanceStat) { maintenances(residenceId: "r", states: [$v]) { id } }', /type/],
    ['2,500 operations for a request that names none', operations, /operation/, RESOLUTION],
  ])('%s', async (_, query, wording, code = VALIDATION) => {
    await expectRefused({ query }, code, wording);
  });

  const unknownMembers = Object.fromEntries(times(10_000, (i) => [`m${i}`, i]));
  const faultyVariables = {
    query: `query (${join(90, (i) => `$v${i}: Int`)}) {
      ${inList(`residence { ${join(90, (i) => `a${i}: maintenances(first: $v${i}) { id }`)} }`).slice(1)}`,
    variables: Object.fromEntries(times(90, (i) => [`v${i}`, 'x'])),
  };
  const deepInAny = `query ($x: Int) {
    _entities(representations: [${'{a:'.repeat(500)}$x${'}'.repeat(500)}]) { __typename }
  }`;
  const twoOperations = 'query A { __typename } query B { __typename }';
  it.each<[string, unknown, string?]>([
    ['the name of no operation', { query: twoOperations, operationName: 'C' }, RESOLUTION],
    ['a name of no own property', { query: 'query A { __typename }', operationName: 'constructor' }, RESOLUTION],
    ['10,000 faulty entries of a list', deleteMany(times(10_000, () => ({})))],
    ['10,000 unknown members of an input', create(unknownMembers)],
    ['a member with a similar name', create({ contac: 'x' })],
    ['a wrong variable in a literal 500 deep', { query: deepInAny, variables: { x: {} } }],
    ['90 faulty variables', faultyVariables],
    ['a list 100,000 deep', JSON.stringify(deleteMany('x')).replace('"x"', lists(100_000))],
  ])('with %s', async (_, body, code = 'BAD_USER_INPUT') => {
    await expectRefused(body, code, /Argument|operation/);
  });
});

describe('a document is accepted', () => {
  const two = `query A ${inList(aliases(100))} query B ${inList(aliases(100))}`;
  const literal = (x: string) =>
    `{ _entities(representations: [{__typename: "Residence", id: "${R}", x: ${x}}])
      { ... on Residence { maintenances { id } } } }`;

  it.each<[string, string, Record<string, unknown>]>([
    ['100 aliases', inList(aliases(100)), {}],
    ['50 aliases in a fragment that is spread twice', inList('...F ...F') + fragment('F', aliases(50)), {}],
    ['100 aliases in each of two operations', two, { operationName: 'B' }],
    ['12 levels', deep(12), {}],
    ['introspection fields below 12 levels', deep(13, '__typename'), {}],
    ['100 aliased root fields', `{ ${join(100, (i) => `_${i}: ${LIST} { id }`)} }`, {}],
    ['10,000 selections', selections(10_000), {}],
    ['15,000 tokens', literal(`[${'1 '.repeat(14_968)}]`), {}],
    ['a literal 2,000 deep', literal(lists(2000)), {}],
    ['1 MB of comments and commas', `${inList('id')} ${'#,,\n'.repeat(190_000)}`, {}],
    ['a Boolean variable with a default', CONDITIONS, {}],
    ['null for an order with a default', ORDER, { variables: { x: null } }],
    ['a skipped field', inList('id residence @skip(if: true) { maintenances { id } }'), {}],
  ])('%s', async (_, query, extra) => {
    const answer = await post({ query, ...extra });
    expect(answer.errors).toEqual([]);
    expect(Object.keys(answer.data).length).toBeGreaterThanOrEqual(1);
    expect(subgraph.upstream.commands()).toEqual([GET_LIST]);
  });

  it('100 aliased _entities, as routers send them', async () => {
    const query = `query (${join(100, (i) => `$r${i}: [_Any!]!`)}) {
      ${join(100, (i) => `_${i}: _entities(representations: $r${i}) { ...F }`)}
    } ${fragment('F', '__typename description state')}`;
    const r = [{ __typename: 'Maintenance', id: ID }];
    const { data, errors } = await post({ query, variables: Object.fromEntries(times(100, (i) => [`r${i}`, r])) });
    expect(errors).toEqual([]);
    const entity = { __typename: 'Maintenance', description: 'test', state: 'IN_PROGRESS' };
    expect(data).toEqual(Object.fromEntries(times(100, (i) => [`_${i}`, [entity]])));
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_info ${R} ${EXAMPLE.maintenanceId}`]);
  });
});

describe('parsed documents', () => {
  const parsed: unknown[] = [];
  const plugin: ApolloServerPlugin = {
    requestDidStart: async () => ({ parsingDidStart: async ({ source }) => void parsed.push(source) }),
  };
  const counting = useSubgraph({}, [plugin]);

  it('are kept up to 9 MB of JSON', async () => {
    // As JSON, each has 0.57 MB.
    const documents = times(17, (index) => tokens(15_000 - index));
    for (const query of [...documents, documents[16], documents[0]]) await counting.ask(String(query), { token: null });
    expect(parsed).toEqual([...documents, documents[0]]);
  });
});

describe('in development', () => {
  const development = useSubgraph({ NODE_ENV: 'development' });

  it('accepts the standard introspection query, 15 levels deep', async () => {
    const introspection = getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true });
    const { data, errors } = await development.ask(introspection);
    expect(errors).toEqual([]);
    expect(data.__schema.types.map(({ name }: { name: string }) => name)).toContain('Maintenance');
  });
});
