import { describe, expect, it } from '@jest/globals';
import { getIntrospectionQuery } from 'graphql';
import { EXAMPLE } from '../../dev/seed.ts';
import { type Answer, codes, NEW_MAINTENANCE } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const ID = `${R}:${EXAMPLE.maintenanceId}`;
const LIST = `maintenances(residenceId: "${R}")`;
const GET_LIST = `get_maintenance_list ${R}`;

const PARSE = 'GRAPHQL_PARSE_FAILED';
const VALIDATION = 'GRAPHQL_VALIDATION_FAILED';
const RESOLUTION = 'OPERATION_RESOLUTION_FAILURE';

const subgraph = useSubgraph();

/** Sends a text as it is, anything else as JSON. */
const post = (body: unknown): Promise<Answer> => subgraph.post(typeof body === 'string' ? body : JSON.stringify(body));

/** graphql's own last word where it stops counting errors: it comes after as many as it may tell. */
const STOPPED = /error limit reached/;

/** Refused as a whole before anything ran, with this code and few errors; and all is well after. */
async function expectRefused(body: unknown, code: string, wording: RegExp): Promise<void> {
  const answer = await post(body);
  expect(answer.status).toBe(200);
  expect(new Set(answer.errors.map(({ extensions }) => extensions.code))).toEqual(new Set([code]));
  const told = answer.errors.filter(({ message }) => !STOPPED.test(message));
  expect(told.length).toBeGreaterThanOrEqual(1);
  expect(told.length).toBeLessThanOrEqual(5);
  expect(answer.errors.length - told.length).toBeLessThanOrEqual(1);
  expect(told.map(({ message }) => message).join('\n')).toMatch(wording);
  expect(answer.data).toBeUndefined();
  expect(subgraph.upstream.commands()).toEqual([]);
  const { data, errors } = await post({ query: `{ ${LIST} { id } }` });
  expect({ data, errors }).toEqual({ data: { maintenances: [{ id: ID }] }, errors: [] });
  expect(subgraph.upstream.commands()).toEqual([GET_LIST]);
}

const times = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => text(i)).join(' ');
const aliases = (count: number, field = 'id') => times(count, (i) => `a${i}: ${field}`);

/** A query `depth` fields deep, its leaf included. */
function deep(depth: number, leaf = 'id'): string {
  const names = Array.from({ length: depth - 1 }, (_, i) =>
    i === 0 ? LIST : i % 2 === 1 ? 'residence' : 'maintenances',
  );
  return `{ ${names.join(' { ')} { ${leaf} ${'} '.repeat(names.length)}}`;
}

/** Fragments of which each spreads the next twice, so that the first one stands for 2^(levels - 1) of the last. */
function doubling(levels: number, type: string, leaf: string): string {
  return times(levels, (i) => `fragment F${i} on ${type} { ${i < levels - 1 ? `...F${i + 1} ...F${i + 1}` : leaf} }`);
}

/** Fragments of which each goes two levels down and spreads the next so many times there. */
function deepening(levels: number, spreads: number): string {
  const inner = (i: number) => (i < levels - 1 ? `...F${i + 1} `.repeat(spreads) : 'id');
  return times(levels, (i) => `fragment F${i} on Maintenance { residence { maintenances { ${inner(i)} } } }`);
}

/** A fragment that selects one field ten times, with other arguments than any other fragment does. */
const pages = (i: number) =>
  `fragment F${i} on Maintenance { ${times(10, (k) => `residence { maintenances(first: ${i * 10 + k}) { id } }`)} }`;

describe('is refused before any command', () => {
  /** The document, the code, and what the message has to name. */
  const DOCUMENTS: [string, string, string, RegExp][] = [
    ['101 aliases', `{ ${LIST} { ${aliases(101)} } }`, VALIDATION, /alias/i],
    ['101 aliases of __typename', `{ ${LIST} { ${aliases(101, '__typename')} } }`, VALIDATION, /alias/i],
    ['101 aliases at the root', `{ ${aliases(101, '__typename')} }`, VALIDATION, /alias/i],
    [
      '101 aliases behind 600 fragments',
      `{ ${LIST} { ...F0 } } ${times(600, (i) => `fragment F${i} on Maintenance { ${i < 599 ? `...F${i + 1}` : aliases(101)} }`)}`,
      VALIDATION,
      /selections/i,
    ],
    ['4,000 aliases', `{ ${LIST} { ${aliases(4000)} } }`, VALIDATION, /alias/i],
    ['20,000 aliases', `{ ${LIST} { ${aliases(20_000)} } }`, PARSE, /token/i],
    [
      'a fragment with 60 aliases that is spread twice',
      `{ ${LIST} { ...F ...F } } fragment F on Maintenance { ${aliases(60)} }`,
      VALIDATION,
      /alias/i,
    ],
    [
      'a fragment with 51 aliases, spread in two places',
      `{ ${LIST} { ...F residence { maintenances { ...F } } } } fragment F on Maintenance { ${aliases(51)} }`,
      VALIDATION,
      /alias/i,
    ],
    [
      '101 aliases in inline fragments',
      `{ ${LIST} { ${times(101, (i) => `... { a${i}: id }`)} } }`,
      VALIDATION,
      /alias/i,
    ],
    [
      'aliases in 30 levels of fragments, each spread twice',
      `{ ${LIST} { ...F0 } } ${doubling(30, 'Maintenance', 'a: id')}`,
      VALIDATION,
      /alias|selections/i,
    ],
    [
      '600 fragments that spread each other, which exhaust the stack of graphql',
      `{ ${times(600, (i) => `...F${i}`)} } ${times(
        600,
        (i) => `fragment F${i} on Query { ${times(5, (j) => `...F${(i * 7 + j * 13 + 1) % 600}`)} }`,
      )}`,
      VALIDATION,
      /nested too deeply/,
    ],
    [
      'too many aliases in one of two operations',
      `query A { ${LIST} { ${aliases(101)} } } query B { __typename }`,
      VALIDATION,
      /alias/i,
    ],
    ['a field 500 times at the root', `{ ${'__typename '.repeat(500)} }`, VALIDATION, /root field/i],
    ['a field 5,000 times at the root', `{ ${'__typename '.repeat(5000)} }`, VALIDATION, /root field|aborted/i],
    ['a field 5,000 times', `{ ${LIST} { ${'id '.repeat(5000)} } }`, VALIDATION, /selections|aborted/i],
    ['a field 20,000 times', `{ ${LIST} { ${'id '.repeat(20_000)} } }`, PARSE, /token/i],
    ['51 root fields', `{ ${times(51, (i) => `a${i}: ${LIST} { id }`)} }`, VALIDATION, /root field/i],
    [
      '51 root fields of a mutation',
      `mutation { ${times(51, (i) => `a${i}: deleteMaintenance(id: "${ID}") { id }`)} }`,
      VALIDATION,
      /root field/i,
    ],
    [
      'a fragment with 26 root fields, spread twice',
      `{ ...F ...F } fragment F on Query { ${times(26, (i) => `a${i}: ${LIST} { id }`)} }`,
      VALIDATION,
      /root field/i,
    ],
    [
      '2^29 root fields in fragments',
      `{ ...F0 } ${doubling(30, 'Query', '__typename')}`,
      VALIDATION,
      /root field|selections/i,
    ],
    ['a directive 10 times', `{ ${LIST} { id ${'@skip(if: false) '.repeat(10)} } }`, VALIDATION, /skip/],
    ['a directive 2,000 times', `{ ${LIST} { id ${'@skip(if: false) '.repeat(2000)} } }`, VALIDATION, /skip/],
    ['5,000 unknown directives', `{ ${LIST} { id ${times(5000, (i) => `@d${i}`)} } }`, VALIDATION, /directive/],
    ['13 levels', deep(13), VALIDATION, /depth|deep/i],
    ['13 levels in fragments', `{ ${LIST} { ...F0 } } ${deepening(6, 1)}`, VALIDATION, /depth|deep/i],
    [
      '13 levels in inline fragments',
      deep(13).replaceAll('{', '{ ... {').replaceAll('}', '} }'),
      VALIDATION,
      /depth|deep/i,
    ],
    [
      'levels in 20 fragments, each spread twice',
      `{ ${LIST} { ...F0 } } ${deepening(20, 2)}`,
      VALIDATION,
      /depth|deep|selections/i,
    ],
    ['500 levels', deep(500), VALIDATION, /depth|deep/i],
    ['5,000 levels', deep(5000), PARSE, /./],
    [
      'lists 1,000 deep',
      `{ maintenances(residenceId: ${'['.repeat(1000)}${']'.repeat(1000)}) { id } }`,
      VALIDATION,
      /ID/,
    ],
    ['lists 7,000 deep', `{ maintenances(residenceId: ${'['.repeat(7000)}${']'.repeat(7000)}) { id } }`, PARSE, /./],
    [
      'lists 20,000 deep',
      `{ maintenances(residenceId: ${'['.repeat(20_000)}${']'.repeat(20_000)}) { id } }`,
      PARSE,
      /./,
    ],
    [
      'objects 1,000 deep',
      `{ maintenances(residenceId: ${'{a:'.repeat(1000)}1${'}'.repeat(1000)}) { id } }`,
      VALIDATION,
      /ID/,
    ],
    [
      'objects 20,000 deep',
      `{ maintenances(residenceId: ${'{a:'.repeat(20_000)}1${'}'.repeat(20_000)}) { id } }`,
      PARSE,
      /./,
    ],
    [
      'a list type 7,000 deep',
      `query ($v: ${'['.repeat(7000)}ID${']'.repeat(7000)}) { __typename }`,
      VALIDATION,
      /never used/,
    ],
    ['a fragment in itself', `{ ${LIST} { ...F } } fragment F on Maintenance { id ...F }`, VALIDATION, /itself/],
    [
      'a cycle of 100 fragments',
      `{ ${LIST} { ...F0 } } ${times(100, (i) => `fragment F${i} on Maintenance { id ...F${(i + 1) % 100} }`)}`,
      VALIDATION,
      /itself/,
    ],
    [
      'a cycle that goes deeper each time',
      `{ ${LIST} { ...F } } fragment F on Maintenance { residence { maintenances { a: id ...F } } }`,
      VALIDATION,
      /itself/,
    ],
    [
      'a cycle of fragments that nothing spreads',
      '{ __typename } fragment A on Query { ...B } fragment B on Query { ...A }',
      VALIDATION,
      /itself|never used/,
    ],
    [
      'fragments of 30 levels, each spread twice',
      `{ ${LIST} { ...F0 } } ${doubling(30, 'Maintenance', 'id')}`,
      VALIDATION,
      /selections/i,
    ],
    [
      'a fragment of 200 fields, spread 51 times',
      `{ ${LIST} { ${'...F '.repeat(51)} } } fragment F on Maintenance { ${'id '.repeat(200)} }`,
      VALIDATION,
      /selections/i,
    ],
    ['a field more than 10,000 times', `{ ${LIST} { ${'id '.repeat(10_001)} } }`, VALIDATION, /selections|aborted/i],
    ['two fields under one name', `{ a: ${LIST} { id } a: maintenance(id: "${ID}") { id } }`, VALIDATION, /conflict/],
    ['50 fields under one name', `{ ${times(50, (i) => `maintenance(id: "r:${i}") { id }`)} }`, VALIDATION, /conflict/],
    [
      '400 fields under one name, in fragments',
      `{ ${LIST} { ${times(40, (i) => `...F${i}`)} } } ${times(40, pages)}`,
      VALIDATION,
      /conflict|aborted/,
    ],
    ['2,000 unknown fields', `{ ${LIST} { ${times(2000, (i) => `f${i}`)} } }`, VALIDATION, /Cannot query field/],
    ['2,000 unused variables', `query (${times(2000, (i) => `$v${i}: ID`)}) { __typename }`, VALIDATION, /never used/],
    [
      '2,000 unused fragments',
      `{ __typename } ${times(2000, (i) => `fragment F${i} on Query { __typename }`)}`,
      VALIDATION,
      /never used/,
    ],
    ['an unknown fragment', '{ ...Missing }', VALIDATION, /fragment/],
    ['NUL', '{ __typename \u0000 }', PARSE, /character/],
    ['a lone surrogate', '{ maintenance(id: "\ud800") { id } }', PARSE, /character/],
    ['an escape that stands for a lone surrogate', '{ maintenance(id: "\\uD800") { id } }', PARSE, /escape/],
    ['an escape beyond Unicode', '{ maintenance(id: "\\u{110000}") { id } }', PARSE, /escape/],
    ['a string of 1 MB without an end', `{ maintenance(id: "${'x'.repeat(1_000_000)}`, PARSE, /string/],
    ['a block string of 1 MB without an end', `{ maintenance(id: """${'x\n'.repeat(300_000)}`, PARSE, /string/],
    ['a name of 1 MB', `{ ${'x'.repeat(1_000_000)} }`, VALIDATION, /Cannot query field/],
    [
      'a number of 1 MB',
      `{ maintenances(residenceId: "r", first: ${'9'.repeat(1_000_000)}) { id } }`,
      VALIDATION,
      /Int/,
    ],
    ['1 MB of braces', '{'.repeat(1_000_000), PARSE, /./],
    [
      '15,001 tokens',
      `{ maintenances(residenceId: "r", states: [${'CLOSED '.repeat(14_986)}]) { id } }`,
      PARSE,
      /token/i,
    ],
    ['@defer', `{ ${LIST} { ... @defer { id } } }`, VALIDATION, /defer/],
    ['@stream', `{ ${LIST} @stream(initialCount: 0) { id } }`, VALIDATION, /stream/],
    ['an anonymous operation beside a named one', '{ __typename } query A { __typename }', VALIDATION, /anonymous/],
    ['two operations of one name', 'query A { __typename } query A { __typename }', VALIDATION, /only one operation/],
    ['2,500 operations', times(2500, (i) => `query Q${i} { __typename }`), RESOLUTION, /operation/],
    ['a definition of a type', 'type Maintenance { id: ID! }', VALIDATION, /executable/],
    ['an extension of a type', '{ __typename } extend type Query { evil: String }', VALIDATION, /executable/],
    ['a fragment alone', 'fragment F on Query { __typename }', VALIDATION, /never used/],
    ['nothing but a comment', '# { __typename }', PARSE, /Syntax/],
    ['the schema in production', getIntrospectionQuery(), VALIDATION, /introspection/],
    ['a type in production', '{ __type(name: "Query") { name } }', VALIDATION, /introspection/],
  ];

  it.each(DOCUMENTS)('%s', async (_, query, code, wording) => {
    await expectRefused({ query }, code, wording);
  });

  it.each([
    ['a name that no operation has', 'query A { __typename } query B { __typename }', 'C'],
    ['a name beside an anonymous operation', '{ __typename }', 'A'],
    ['the name of a fragment', 'query A { ...F } fragment F on Query { __typename }', 'F'],
    ['a name of Object’s', 'query A { __typename }', 'constructor'],
  ])('%s as operationName', async (_, query, operationName) => {
    await expectRefused({ query, operationName }, RESOLUTION, /operation/);
  });

  const DELETE = 'mutation ($ids: [ID!]!) { deleteMaintenances(ids: $ids) { deletedIds } }';
  const CREATE = 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }';
  it.each([
    ['10,000 faulty members of a list', DELETE, { ids: Array.from({ length: 10_000 }, () => ({})) }],
    ['10,000 nulls in a list', DELETE, { ids: Array.from({ length: 10_000 }, () => null) }],
    [
      '10,000 unknown members of an input',
      CREATE,
      { input: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`m${i}`, i])) },
    ],
  ])('%s among the variables', async (_, query, variables) => {
    await expectRefused({ query, variables }, 'BAD_USER_INPUT', /Variable|Too many/);
  });

  it('90 faulty variables', async () => {
    const indices = Array.from({ length: 90 }, (_, i) => i);
    const declared = indices.map((i) => `$v${i}: Int`).join(' ');
    const used = indices.map((i) => `a${i}: maintenances(first: $v${i}) { id }`).join(' ');
    const variables = Object.fromEntries(indices.map((i) => [`v${i}`, 'x']));
    const query = `query (${declared}) { ${LIST} { residence { ${used} } } }`;
    await expectRefused({ query, variables }, 'BAD_USER_INPUT', /Variable/);
  });

  it('a variable 100,000 lists deep', async () => {
    const body = `{"query":${JSON.stringify(DELETE)},"variables":{"ids":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`;
    await expectRefused(body, 'BAD_USER_INPUT', /Variable/);
  });

  it('a subscription, which this schema has none of', async () => {
    const answer = await post({ query: 'subscription { maintenances { id } }' });
    expect(answer.status).toBe(200);
    expect(codes(answer)).toEqual([['BAD_USER_INPUT', undefined]]);
    expect(answer.data ?? null).toBeNull();
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('says nothing of names that would have fitted', () => {
  const CREATE = 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }';
  // Otherwise right, so that the one fault is among those that are told.
  it.each([
    ['of a root field', '{ maintenance_s { id } }', {}],
    ['of a field of an entity', `{ ${LIST} { stat } }`, {}],
    ['of a mutation', 'mutation { deleteMaintenanc(id: "x") { id } }', {}],
    ['of an argument', '{ maintenances(residenceID: "r") { id } }', {}],
    ['of an enum value', '{ maintenances(residenceId: "r", states: [CLOSE]) { id } }', {}],
    ['of an enum value in a string', '{ maintenances(residenceId: "r", states: ["CLOSED"]) { id } }', {}],
    ['of an input’s member', 'mutation { createMaintenance(input: { contac: "x" }) { id } }', {}],
    ['of an input’s member in variables', CREATE, { input: { ...NEW_MAINTENANCE, contac: 'x' } }],
    [
      'of an enum value in variables',
      `query ($s: [MaintenanceState!]) { maintenances(residenceId: "r", states: $s) { id } }`,
      { s: ['CLOSE'] },
    ],
    ['of a type in a fragment', '{ ... on Quer { __typename } }', {}],
    [
      'of a type of a variable',
      'query ($v: MaintenanceStat) { maintenances(residenceId: "r", states: [$v]) { id } }',
      {},
    ],
    ['of a directive', '{ __typename @skipp(if: true) }', {}],
    ['of a directive’s argument', '{ __typename @skip(iff: true) }', {}],
    ['of an inner field of _service', '{ _service { sdll } }', {}],
  ])('%s', async (_, query, variables) => {
    const answer = await post({ query, variables });
    expect(answer.errors.length).toBeGreaterThanOrEqual(1);
    expect(answer.data).toBeUndefined();
    for (const { message } of answer.errors) expect(message).not.toMatch(/did you mean/i);
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('passes', () => {
  const FIFTY = Array.from({ length: 50 }, (_, i) => i);
  const PASSING: [string, string, Record<string, unknown>][] = [
    ['100 aliases', `{ ${LIST} { ${aliases(100)} } }`, {}],
    [
      'a fragment with 50 aliases that is spread twice',
      `{ ${LIST} { ...F ...F } } fragment F on Maintenance { ${aliases(50)} }`,
      {},
    ],
    [
      '100 aliases in each of two operations',
      `query A { ${LIST} { ${aliases(100)} } } query B { ${LIST} { ${aliases(100)} } }`,
      { operationName: 'B' },
    ],
    ['12 levels', deep(12), {}],
    ['introspection fields below 12 levels', deep(13, '__typename'), {}],
    ['50 root fields', `{ ${times(50, (i) => `a${i}: ${LIST} { id }`)} }`, {}],
    [
      '30 aliased root fields',
      `{ ${times(30, (i) => `_${i}: ${LIST} { __typename id maintenanceId residence { id } state }`)} }`,
      {},
    ],
    ['a field 500 times', `{ ${LIST} { ${'id '.repeat(500)} } }`, {}],
    [
      'a fragment spread 40 times',
      `{ ${LIST} { ${'...F '.repeat(40)} } } fragment F on Maintenance { ${'id '.repeat(200)} }`,
      {},
    ],
    [
      '15,000 tokens',
      `{ _entities(representations: [{__typename: "Residence", id: "${R}", x: [${'1 '.repeat(14_968)}]}]) { ... on Residence { maintenances { id } } } }`,
      {},
    ],
    ['1 MB of comments and commas', `{ ${LIST} { id } } ${'#,,\n'.repeat(190_000)}`, {}],
    ['a skipped field', `{ ${LIST} { id residence @skip(if: true) { maintenances { id } } } }`, {}],
  ];

  it.each(PASSING)('%s', async (_, query, extra) => {
    const answer = await post({ query, ...extra });
    expect(answer.errors).toEqual([]);
    expect(Object.keys(answer.data).length).toBeGreaterThanOrEqual(1);
    expect(subgraph.upstream.commands()).toEqual([GET_LIST]);
  });

  it('36 aliased _entities, as a router sends them', async () => {
    const indices = FIFTY.slice(0, 36);
    const query = `query (${indices.map((i) => `$r${i}: [_Any!]!`).join(' ')}) {
      ${indices.map((i) => `_${i}: _entities(representations: $r${i}) { ...F }`).join(' ')}
    }
    fragment F on Maintenance { __typename description state }`;
    const representation = { __typename: 'Maintenance', id: ID };
    const variables = Object.fromEntries(indices.map((i) => [`r${i}`, [representation]]));
    const { data, errors } = await post({ query, variables });
    expect(errors).toEqual([]);
    const entity = { __typename: 'Maintenance', description: 'test', state: 'IN_PROGRESS' };
    expect(data).toEqual(Object.fromEntries(indices.map((i) => [`_${i}`, [entity]])));
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_info ${R} ${EXAMPLE.maintenanceId}`]);
  });

  it('NUL in a string, which arrives as it was given', async () => {
    const answer = await post({ query: '{ maintenances(residenceId: "r\u0000") { id } }' });
    expect(codes(answer)).toEqual([['COMMAND_REJECTED', 'maintenances']]);
    expect(subgraph.upstream.received.map(({ param }) => param)).toEqual([{ residence_id: 'r\u0000' }]);
  });
});

describe('null for a variable that decides @include', () => {
  const query = `query ($x: Boolean = true, $y: Boolean = false) { ${LIST} { id @include(if: $x) state @skip(if: $y) } }`;

  it('is refused as a whole, though its default makes it valid: each object would be an error', async () => {
    const answer = await post({ query, variables: { x: null } });
    expect(answer.status).toBe(200);
    expect(codes(answer)).toEqual([['BAD_USER_INPUT', undefined]]);
    expect(answer.errors[0]?.message).toBe('Variable "$x" must not be null.');
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it.each([{}, { x: true }, { x: true, y: false }])('and %j is taken', async (variables) => {
    const answer = await post({ query, variables });
    expect(answer.errors).toEqual([]);
    expect(answer.data.maintenances).toEqual([{ id: ID, state: 'IN_PROGRESS' }]);
  });
});

describe('in development', () => {
  const development = useSubgraph({ NODE_ENV: 'development' });

  it('the standard introspection query passes, 15 levels deep', async () => {
    const { data, errors } = await development.ask(
      getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true }),
    );
    expect(errors).toEqual([]);
    expect(data.__schema.types.map(({ name }: { name: string }) => name)).toContain('Maintenance');
  });

  it('an introspection query that goes round in circles is refused', async () => {
    const circle = `{ __schema { types { ${'fields { type { '.repeat(5)} name ${'} } '.repeat(5)} } } }`;
    const answer = await development.ask(circle);
    expect(codes(answer)).toEqual([[VALIDATION, undefined]]);
    expect(answer.data).toBeUndefined();
  });

  it('the limits are the same', async () => {
    const answers = [`{ ${LIST} { ${aliases(101)} } }`, deep(13), `{ ${'__typename '.repeat(51)} }`].map((query) =>
      development.ask(query),
    );
    for (const answer of await Promise.all(answers)) expect(codes(answer)).toEqual([[VALIDATION, undefined]]);
    expect(development.upstream.commands()).toEqual([]);
  });
});
