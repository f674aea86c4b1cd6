/**
 * The bounds of one request: for each, the last value that is accepted and the first that is refused.
 */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { type GraphQLOutputType, getNamedType, getNullableType, isListType, isObjectType } from 'graphql';
import { exampleTicket } from '../../dev/seed.ts';
import { LIMITS } from '../../src/graphql/limits.ts';
import { PRICES } from '../../src/prices.ts';
import { type Asking, codes, type GraphqlError, NEW_MAINTENANCE } from '../support/ask.ts';
import { create, deleteMany, deleteOne, detail, entities, type FieldQuery, list, times } from '../support/requests.ts';
import { SCHEMA } from '../support/schema.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = NEW_MAINTENANCE.residenceId;
const LIST = `maintenances(residenceId: "${R}")`;
const MAX_REPLY_BYTES = 2 * 1024 * 1024;
const LONG = 'x'.repeat(10_000);
const TOO_LARGE = 'The response would be too large. Request less.';

const subgraph = useSubgraph();

const ask = ({ query, ...asking }: { query: string } & Asking) => subgraph.ask(query, asking);
const aliased = (count: number, field: string) => times(count, (index) => `a${index}: ${field}`).join(' ');
const residences = (count: number) => times(count, (index) => ({ __typename: 'Residence', id: `r${index}` }));

/** Gives a residence `length` tickets: the example, changed by `members`. */
function fill(length: number, members: object = {}, residenceId: string = R): void {
  const tickets = times(length, (index) => ({ ...exampleTicket(), maintenance_id: `m${index}`, ...members }));
  subgraph.upstream.store.residences.set(residenceId, tickets);
}

/** Answers every command with `result`, and lists with none. */
function answerWith(result: unknown): void {
  subgraph.upstream.fail(({ command }) => ({
    body: { success: true, result: command === 'get_maintenance_list' ? [] : result },
  }));
}

function expectRefused(errors: GraphqlError[], paths: string[], message: string): void {
  expect(errors.map(({ path, message, extensions: { code } }) => [code, path?.join('.'), message])).toEqual(
    paths.map((path) => ['BAD_USER_INPUT', path, expect.stringContaining(message)]),
  );
}

describe('one operation', () => {
  it('sends 100 writes; the residences of a batch without room are failures, and other fields fail', async () => {
    answerWith({});
    const batch = (alias: string, from: number, count: number) =>
      `${alias}: deleteMaintenances(ids: [${times(count, (index) => `"r${from + index}:m"`)}])
        { deletedIds failures { failedId code message outcome } }`;
    const { data, errors } = await subgraph.ask(
      `mutation { ${batch('a', 0, 60)} ${batch('b', 100, 42)} c: deleteMaintenance(id: "r:m") { deletedId } }`,
    );
    const message = 'Too many writes in one operation: at most 100 commands.';
    expectRefused(errors, ['c'], message);
    expect(errors.map(({ extensions }) => extensions.outcome)).toEqual(['NOT_SENT']);
    expect([data.a.deletedIds.length, data.b.deletedIds.length, data.c]).toEqual([60, 40, null]);
    const failure = { code: 'UPSTREAM_UNAVAILABLE', message, outcome: 'NOT_SENT' };
    expect(data.b.failures).toEqual(['r140:m', 'r141:m'].map((failedId) => ({ failedId, ...failure })));
    expect(subgraph.upstream.received).toHaveLength(100);
  });

  it('sends 1,000 reads; each further read fails alone', async () => {
    answerWith([]);
    const { data, errors } = await subgraph.ask(
      `query ($r: [_Any!]!) { ${LIST} { id } _entities(representations: $r) { ... on Residence { maintenances { id } } } }`,
      { variables: { r: residences(1000) } },
    );
    expectRefused(errors, ['_entities.999.maintenances'], 'Too many reads in one operation: at most 1000');
    expect(data.maintenances).toEqual([]);
    expect(data._entities.slice(998)).toEqual([{ maintenances: [] }, { maintenances: null }]);
    expect(subgraph.upstream.received).toHaveLength(1000);
  });

  it('counts the list that follows a rejected detail; without it the error of the detail remains', async () => {
    subgraph.upstream.fail(({ command }) => ({ body: { success: command === 'get_maintenance_list', result: [] } }));
    const details = times(999, (index) => ({ __typename: 'Maintenance', id: `r${index}:m` }));
    const { data, errors } = await ask(entities(details, '... on Maintenance { state }'));
    expect(data._entities).toEqual(times(999, () => null));
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(times(998, () => 'COMMAND_REJECTED'));
    expect(subgraph.upstream.received).toHaveLength(1000);
  });
});

describe('a reply of the command API', () => {
  /** Returns a list reply of exactly `bytes` bytes. */
  function reply(bytes: number): string {
    const make = (description: string) =>
      JSON.stringify({ success: true, result: [{ maintenance_id: 'm', description }] });
    return make('x'.repeat(bytes - make('').length));
  }

  it.each([
    ['plain', (text: string) => text, {}],
    ['plain, with a coding that says so', (text: string) => text, { 'content-encoding': 'Identity' }],
    ['plain, with an empty coding', (text: string) => text, { 'content-encoding': '' }],
    ['gzip', (text: string) => gzipSync(text), { 'content-encoding': 'gzip' }],
  ])('is accepted with 2 MB and refused with a byte more: %s', async (_, encode, headers) => {
    const answer = (bytes: number) => {
      subgraph.upstream.fail((__, response) => {
        response.writeHead(200, headers).end(encode(reply(bytes)));
        return 'taken';
      });
      return ask(list());
    };
    expect((await answer(MAX_REPLY_BYTES)).data.maintenances).toEqual([{ id: `${R}:m` }]);
    const { data, errors } = await answer(MAX_REPLY_BYTES + 1);
    expect(data).toEqual({ maintenances: null });
    const message = 'The command API sent a reply larger than MAX_REPLY_BYTES.';
    expect(errors).toMatchObject([{ message, extensions: { code: 'UPSTREAM_INVALID_RESPONSE' } }]);
  });

  it('leaves the outcome of a write unknown if it is too large', async () => {
    subgraph.upstream.fail(() => ({ body: reply(MAX_REPLY_BYTES + 1) }));
    const { errors } = await ask(deleteOne('r:m'));
    expect(errors).toMatchObject([{ extensions: { code: 'UPSTREAM_INVALID_RESPONSE', outcome: 'UNKNOWN' } }]);
  });

  it.each([15, 30])(
    'has errors for the first 20 undecodable members that are selected, of %d tickets',
    async (count) => {
      fill(count, { start_time: 5, finish_time: 5, state: 'lost' });
      const answer = await subgraph.ask(`{ ${LIST} { id startTime } other: ${LIST} { state } }`);
      const inList = Math.min(count, 20);
      expect(codes(answer)).toEqual([
        ...times(inList, (index) => ['UPSTREAM_INVALID_RESPONSE', `maintenances.${index}.startTime`]),
        ...times(20 - inList, (index) => ['UPSTREAM_INVALID_RESPONSE', `other.${index}.state`]),
      ]);
      expect(answer.data).toEqual({
        maintenances: times(count, (index) => ({ id: `${R}:m${index}`, startTime: null })),
        other: times(count, () => ({ state: null })),
      });
    },
  );
});

const FIELDS = Object.values(SCHEMA.getTypeMap())
  .filter((type) => isObjectType(type))
  .filter(({ name }) => !name.startsWith('__'))
  .flatMap((type) => Object.values(type.getFields()).map((field) => ({ at: `${type.name}.${field.name}`, field })));

describe('a response', () => {
  /** 3,000 tickets with these fields take all work of a response. A further field exceeds the limit. */
  const MANY = aliased(99, 'state');
  const LONG_RESIDENCES = times(1000, (index) => ({ __typename: 'Residence', id: `${index}`.padEnd(256) }));
  const LONG_IDS = times(500, (index) => `${'%25'.repeat(256)}:${'%3A'.repeat(250)}${index}`);

  const FIELD = PRICES.field.work;
  const CALL = PRICES.call.work;
  const CHARACTER = PRICES.character.work;
  const SCANNED = PRICES.scanned.work;
  /** A list of 100 tickets beneath each ticket. */
  const INNER = FIELD + CALL + 100 * SCANNED;
  /** The cost of a text of this length, in addition to its field. */
  const text = (length: number) => CHARACTER * (length - 16);
  const ofLongIds = LONG_IDS.reduce((sum, { length }) => sum + text(length), 0);
  const TEXT = 'x'.repeat(70);

  const listOf = (selection: string) => ({ query: `{ ${LIST} { ${selection} } }` });
  const skipped = (size: number) => aliased(size, 'state @skip(if: true)');
  const textsOf = (field: string) => (size: number) => listOf(aliased(size, field));
  const residenceIdsOf = (size: number) => listOf(`residence { ${aliased(size, 'id')} }`);
  const nested = (count: number, args: string) =>
    listOf(`residence { ${aliased(count, `maintenances(first: 0, ${args}) { id }`)} }`);
  const nestedStates = (size: number) => nested(25, `states: [${'CLOSED '.repeat(size)}]`);
  const twoNodes = (count: number) => ({
    query: `{ ${LIST} { ...F ...F } ${LIST} { ${skipped(count)} } } fragment F on Maintenance { x: state y: state }`,
  });
  const ofResidence = (size: number) =>
    entities([{ __typename: 'Residence', id: R }], `... on Residence { maintenances { ${skipped(size)} } }`);
  const manyEntities = (count: number) => ({
    query: `query ($r: [_Any!]!) { ${aliased(count, '_entities(representations: $r) { ... on Residence { id } }')} }`,
    variables: { r: residences(1000) },
  });
  const residenceIds = (size: number) => entities(LONG_RESIDENCES, `... on Residence { ${aliased(size, 'id')} }`);
  const urls = (urls: string[]) => ({ ticket: { maintenance_picture_url: urls } });
  const MANY_URLS = urls(times(3200, () => TEXT));
  const pictureUrls = (size: number) => detail(`${R}:m0`, aliased(size, 'pictureUrls'));
  const select = ({ query, variables }: FieldQuery, selection: string) => ({
    query: query.replace(/\{ \w+ \}/, `{ ${selection} }`),
    variables,
  });
  const created = (size: number) =>
    select(create({ description: LONG }), `maintenance { ${'description '.repeat(size)} }`);
  const residenceOf = (size: number) => {
    const { query, variables } = select(deleteOne(`${R}:m0`), `residence { ${'...F '.repeat(6)} }`);
    return { query: `${query} fragment F on Residence { ${'x'.repeat(size)}: id }`, variables };
  };
  const deletedIds = (size: number) => deleteMany(LONG_IDS, aliased(size, 'deletedIds'));
  const failures = (size: number) => deleteMany(LONG_IDS, `failures { ${aliased(size, 'failedId')} }`);
  const at = (path: string) => ({ path });

  type Charge = [
    charged: string,
    entries: number,
    cost: [fixed: number, perSize: number],
    request: (size: number) => { query: string } & Asking,
    more?: { ticket?: object; path?: string },
  ];
  const inLists = at('maintenances.N.residence.aN');
  const longIds = { ticket: { maintenance_id: ':'.repeat(256) } };
  /** What is charged; the number of entries and what each costs; a request by size; the tickets in the store. */
  const CHARGES: Charge[] = [
    ['Query.maintenances', 3000, [SCANNED, FIELD], (size) => listOf(skipped(size))],
    ['Maintenance.residence', 3000, [SCANNED + FIELD, FIELD + text(R.length)], residenceIdsOf],
    ['an inline fragment', 3000, [SCANNED, FIELD], (size) => listOf(`... { ${skipped(size)} }`)],
    ['a fragment that is spread twice, and two nodes', 3000, [SCANNED + 4 * FIELD, FIELD], twoNodes],
    ['a long alias', 3000, [SCANNED + FIELD + text(0), CHARACTER], (size) => listOf(`${'x'.repeat(size)}: state`)],
    ['tickets that are not selected', 100, [SCANNED + FIELD, INNER], (size) => nested(size, ''), inLists],
    ['values of arguments', 100, [SCANNED + FIELD + 25 * INNER, 25 * FIELD], nestedStates, inLists],
    ['Residence.maintenances', 3000, [SCANNED, FIELD], ofResidence, at('_entities.N.maintenances')],
    ['Query._entities', 1000, [0, CALL + FIELD], manyEntities, at('aN.N')],
    ['Residence.id', 1000, [CALL, FIELD + text(256)], residenceIds, at('_entities.N')],
    ['a description', 3000, [SCANNED, FIELD + text(70)], textsOf('description'), { ticket: { description: TEXT } }],
    ['a URL', 3000, [SCANNED, 2 * FIELD + text(70)], textsOf('pictureUrls'), urls([TEXT])],
    ['Maintenance.pictureUrls', 100, [SCANNED, 301 * FIELD], textsOf('pictureUrls'), urls(times(300, String))],
    ['long ids', 1000, [SCANNED, FIELD + text(R.length + 769)], textsOf('id'), longIds],
    [
      'Query.maintenance',
      1,
      [0, FIELD + 3200 * (FIELD + text(70))],
      pictureUrls,
      { ...MANY_URLS, path: 'maintenance' },
    ],
    [
      'CreateMaintenancePayload.maintenance',
      1,
      [FIELD + CALL, FIELD + text(10_000)],
      created,
      at('createMaintenance.maintenance'),
    ],
    [
      'DeleteMaintenancePayload.residence',
      1,
      [7 * FIELD + 6 * text(R.length + 3 - 16), 6 * CHARACTER],
      residenceOf,
      at('deleteMaintenance'),
    ],
    ['DeleteMaintenancesPayload.deletedIds', 1, [0, 500 * FIELD + ofLongIds], deletedIds, at('deleteMaintenances')],
    [
      'DeleteMaintenancesPayload.failures',
      1,
      [500 * FIELD, 500 * FIELD + ofLongIds],
      failures,
      at('deleteMaintenances'),
    ],
  ];

  it.each(CHARGES)('is charged for %s', async (_, entries, [fixed, perSize], request, more = {}) => {
    const { ticket, path = 'maintenances' } = more;
    fill(entries, ticket);
    const largest = Math.floor((LIMITS.responseWork / entries - fixed) / perSize);
    expect((await ask(request(largest))).errors).toEqual([]);
    const { errors } = await ask(request(largest + 1));
    const [{ message, extensions, ...refused }] = errors as [GraphqlError];
    expect([extensions.code, message, refused.path?.join('.').replace(/\d+/g, 'N')]).toEqual([
      'BAD_USER_INPUT',
      TOO_LARGE,
      path,
    ]);
  });

  it('is charged for every field of the schema that returns a list or an entity', () => {
    const isCharged = (type: GraphQLOutputType) =>
      isListType(getNullableType(type)) || ['Maintenance', 'Residence'].includes(String(getNullableType(type)));
    // All payloads read a request back by one function, within one wrapper: the row of a create stands for them.
    const fields = FIELDS.filter(({ field }) => isCharged(field.type)).map(({ at }) =>
      at.replace(/^\w+(?=Payload\.maintenance$)/, 'CreateMaintenance'),
    );
    const missing = fields.filter((at) => !CHARGES.some(([charged]) => charged === at));
    expect(missing.map((at) => `add a row of ${at} with its cost to CHARGES in this file`)).toEqual([]);
  });

  it('has no text of the vendor in the result of a write, which is charged before the write', () => {
    const texts: string[] = [];
    const collect = (type: GraphQLOutputType) => {
      const named = getNamedType(type);
      for (const { name, resolve, type } of isObjectType(named) ? Object.values(named.getFields()) : []) {
        if (resolve) continue;
        if (String(getNamedType(type)) === 'String') texts.push(`${named}.${name}`);
        collect(type);
      }
    };
    for (const { type } of Object.values(SCHEMA.getMutationType()?.getFields() ?? {})) collect(type);
    expect(texts).toEqual(['DeleteMaintenanceFailure.message']);
  });

  it('is guarded by a wrapper around every resolver of the schema that may be null, and around each representation', () => {
    const resolvers = FIELDS.filter(({ field }) => field.resolve).map(({ at, field }) => [at, field.resolve?.name]);
    const others = resolvers.filter(([, name]) => name !== 'guarded').map(([at]) => at);
    expect(others).toEqual(['Query._entities', 'Query._service']);
    expect(resolvers.length).toBeGreaterThan(8);
  });

  it('of deleteMaintenances is refused before any command', async () => {
    const deletion = (index: number) => `m${index}: deleteMaintenances(ids: $ids) { deletedIds a: deletedIds }`;
    const query = `mutation ($ids: [ID!]!) { ${times(8, deletion).join(' ')} }`;
    const { data, errors } = await ask({ query, variables: { ids: LONG_IDS } });
    const refused = ['m3', 'm4', 'm5', 'm6', 'm7'];
    expect(Object.keys(data).filter((alias) => data[alias] === null)).toEqual(refused);
    expectRefused(errors, refused, TOO_LARGE);
    expect(errors.map(({ extensions }) => extensions.outcome)).toEqual(times(5, () => 'NOT_SENT'));
    expect(subgraph.upstream.received).toHaveLength(3);
  });

  it('has at most 1,000 errors; further nullable fields are null without an error', async () => {
    fill(20, { state: 'lost' });
    const members = await subgraph.ask(`{ ${LIST} { ${MANY} } }`);
    expect(members.errors).toHaveLength(1000);
    expect(members.data.maintenances).toHaveLength(20);
    const malformed = times(600, () => ({ __typename: 'Maintenance', id: 'x' }));
    const query = `query ($r: [_Any!]!) { ${aliased(20, '_entities(representations: $r) { __typename }')} }`;
    const { data, errors } = await ask({ query, variables: { r: malformed } });
    expect(new Set(Object.values(data).flat())).toEqual(new Set([null]));
    expect(errors).toHaveLength(1000);
    // Finding the lines of that many errors would block other requests.
    expect(errors[0]).not.toHaveProperty('locations');
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });

  it('has the result of every write, even without room for further errors', async () => {
    fill(20, { state: 'lost' });
    const read = (fields: string) => `residence { maintenances { ${fields} } }`;
    const { data, errors } = await subgraph.ask(
      `mutation { a: deleteMaintenance(id: "${R}:m0") { ${read(aliased(96, 'state'))} } b: deleteMaintenance(id: "${R}:m1") { ${read('state')} }
        c: deleteMaintenance(id: "rfault-refused:m") { deletedId } d: deleteMaintenance(id: "${R}:m2") { ${read('id')} } }`,
    );
    expect(errors).toHaveLength(1000 + 1);
    expect(errors.at(-1)).toMatchObject({ path: ['c'], extensions: { outcome: 'REJECTED' } });
    expect(data.d).toEqual({ residence: { maintenances: null } });
    const deleted = [`${R} m0`, `${R} m1`, 'rfault-refused m', `${R} m2`].map((id) => `delete_maintenance_info ${id}`);
    expect(subgraph.upstream.commands().filter((command) => command.startsWith('delete'))).toEqual(deleted);
  });

  it('is charged for errors and the aliases in their paths', async () => {
    fill(20, { state: 'lost' });
    const alias = 'x'.repeat(200_000);
    const { data, errors } = await subgraph.ask(`{ ${alias}: ${LIST} { id a: state b: state } }`);
    // The first error without room is shown.
    expect(errors).toHaveLength(25);
    expect(data[alias]).toHaveLength(20);
  });

  it('keeps its small fields when a large one is refused, and does not affect the next operation', async () => {
    fill(3000);
    const query = `{ ${LIST} { ${MANY} id } small: ${LIST.replace(')', ', first: 1)')} { contact } }`;
    for (const { data, errors } of [await subgraph.ask(query), await subgraph.ask(query)]) {
      expect(data).toEqual({ maintenances: null, small: [{ contact: '10086' }] });
      expectRefused(errors, ['maintenances'], TOO_LARGE);
    }
  });

  it('of a mutation keeps the result of the write when a list in the payload is refused', async () => {
    fill(3000);
    const { data, errors } = await subgraph.ask(
      `mutation { deleteMaintenance(id: "${R}:m0") { deletedId residence { maintenances { ${MANY} id } } } }`,
    );
    expect(data).toEqual({ deleteMaintenance: { deletedId: `${R}:m0`, residence: { maintenances: null } } });
    expectRefused(errors, ['deleteMaintenance.residence.maintenances'], TOO_LARGE);
    expect(subgraph.upstream.commands()).toEqual([`delete_maintenance_info ${R} m0`, `get_maintenance_list ${R}`]);
  });
});
