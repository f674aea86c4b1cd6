/**
 * The limits of a response. The shapes are at least twice as large as any estimate of their size allows, or at most half as large,
 * so that no test depends on how the size is estimated.
 */
import { describe, expect, it } from '@jest/globals';
import { getNullableType, isListType, isUnionType } from 'graphql';
import { exampleTicket } from '../../dev/maintenance/seed.ts';
import type { Ticket } from '../../dev/maintenance/store.ts';
import { omitting } from '../support/ask.ts';
import { LIMITS } from '../support/limits.ts';
import {
  aliased,
  answerWith,
  deleteMany,
  detail,
  entities,
  type FieldQuery,
  R,
  request,
  times,
} from '../support/maintenance/requests.ts';
import { FIELDS, fieldsOf, SCHEMA } from '../support/maintenance/schema.ts';
import { READ_BACK } from '../support/maintenance/wire.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const LIST = `maintenances(residenceId: "${R}")`;

const subgraph = useSubgraph();
const ask = ({ query, variables }: Omit<FieldQuery, 'path'>) => subgraph.ask(query, { variables });

/** Gives the residence `length` tickets with these members. */
function fill(length: number, members: Partial<Ticket>): void {
  const tickets = times(length, (index) => ({ ...members, maintenance_id: `m${index}` }) as Ticket);
  subgraph.upstream.store.residences.set(R, tickets);
}

interface Shape {
  /** The path of the large value. */
  readonly path: string;
  readonly large: number;
  readonly small: number;
  /** Prepares the command API, and returns the request. */
  readonly prepare: (size: number) => FieldQuery;
}

/** A list of tickets, and the request for it. */
const tickets = (path: string, request: FieldQuery, members: Partial<Ticket> = {}): Shape => ({
  ...{ path, large: 7000, small: 100 },
  prepare(size) {
    fill(size, { state: 'closed', ...members });
    return request;
  },
});
const MANY = aliased(98, 'state');
const manyOf = (selection: string) => request('maintenances', { residenceId: R }, selection);

/** A ticket with a description of this length. */
const detailOf = (path: string, request: FieldQuery): Shape => ({
  ...{ path, large: 300_000, small: 10_000 },
  prepare(size) {
    const description = 'x'.repeat(size);
    subgraph.upstream.fail(({ command }) => {
      const read = command === 'get_maintenance_info' ? { description } : {};
      return { body: { success: true, result: { maintenance_id: 'm', ...read } } };
    });
    return request;
  },
});
const MANY_TEXTS = aliased(98, 'description');

/** So many of the longest ids. */
const deletion = (selection: string): Shape => ({
  ...{ path: 'deleteMaintenances', large: 500, small: 10 },
  prepare(size) {
    answerWith(subgraph.upstream, {});
    const ids = times(size, (index) => `${'%25'.repeat(256)}:${'%3A'.repeat(250)}${index}`);
    return deleteMany(ids, selection);
  },
});

const URLS = times(300, (index) => `https://pictures.example/${index}.jpg`);
const SHAPES: Record<string, Shape> = {
  'Query.maintenances': tickets('maintenances', manyOf(MANY)),
  'Residence.maintenances': tickets(
    '_entities.0.maintenances',
    entities([{ __typename: 'Residence', id: R }], `... on Residence { maintenances { ${MANY} } }`),
  ),
  'Maintenance.residence': tickets('maintenances', manyOf(`residence { ${aliased(98, 'id')} }`)),
  'Maintenance.pictureUrls': {
    ...tickets('maintenances', manyOf(aliased(98, 'pictureUrls')), { maintenance_picture_url: URLS }),
    ...{ large: 20, small: 1 },
  },
  'Query.maintenance': detailOf('maintenance', detail('r:m', MANY_TEXTS)),
  'Query._entities': {
    ...{ path: '_entities.N', large: 1000, small: 10 },
    prepare(size) {
      fill(size, { description: 'x'.repeat(300) });
      const keys = times(size, (index) => ({ __typename: 'Maintenance', id: `${R}:m${index}` }));
      return entities(keys, `... on Maintenance { ${MANY_TEXTS} }`);
    },
  },
  'DeleteMaintenancePayload.residence': tickets(
    'deleteMaintenance.residence.maintenances',
    request('deleteMaintenance', { id: `${R}:m0` }, `deletedId residence { maintenances { ${MANY} } }`),
  ),
  'DeleteMaintenancesPayload.deletedIds': deletion(aliased(99, 'deletedIds')),
  'DeleteMaintenancesPayload.failures': deletion(aliased(99, 'failures { failedId }')),
  // What a write reads back.
  ...Object.fromEntries(
    READ_BACK.map(({ root, type, args }) => [
      `${type}.maintenance`,
      detailOf(`${root}.maintenance`, request(root, args, `maintenance { ${MANY_TEXTS} }`)),
    ]),
  ),
};

describe('a response', () => {
  it.each(Object.entries(SHAPES))(
    'refuses a value that is too large at its path, and serves a smaller one: %s',
    async (at, { path, large, small, prepare }) => {
      const { data, errors } = await ask(prepare(large));
      expect(errors[0]?.path?.join('.').replace(/\d{2,}/, 'N')).toBe(path);
      for (const { path, extensions } of errors) {
        expect(extensions.code).toBe('BAD_USER_INPUT');
        expect(path?.reduce((value, key) => value[key], data)).toBeNull();
      }
      const commands = subgraph.upstream.commands();
      // The result of a write is refused before the write, and what is read after it does not hide it.
      if (path === 'deleteMaintenances') expect([errors[0]?.extensions.outcome, commands]).toEqual(['NOT_SENT', []]);
      if (at === 'DeleteMaintenancePayload.residence')
        expect(data).toEqual({ deleteMaintenance: { deletedId: `${R}:m0`, residence: { maintenances: null } } });
      expect((await ask(prepare(small))).errors).toEqual([]);
    },
  );

  it('is tested by a shape in this file for each field of the schema that is a list or an entity', () => {
    const union = SCHEMA.getType('_Entity');
    const entityTypes: unknown[] = isUnionType(union) ? [...union.getTypes()] : [];
    const missing = FIELDS.filter(({ at, field }) => {
      const type = getNullableType(field.type);
      return (isListType(type) || entityTypes.includes(type)) && !SHAPES[at];
    });
    expect(missing.map(({ at }) => `add a shape of ${at} to SHAPES in this file`)).toEqual([]);
  });

  it('has a reply of MAX_REPLY_BYTES with each field once, and not 20 times; smaller fields keep their data', async () => {
    const ticket = {
      ...exampleTicket(),
      description: '厨房水龙头漏水，请尽快上门维修。'.repeat(10),
      feedback: '已处理，请确认。',
    };
    const length = Math.floor((LIMITS.replyBytes - 100) / Buffer.byteLength(`${JSON.stringify(ticket)},`));
    fill(length, ticket);
    const all = `{ ${fieldsOf('Maintenance').join(' ')} }`;
    const once = await subgraph.ask(`{ ${LIST} ${all} }`);
    expect([once.errors, once.data.maintenances.length]).toEqual([[], length]);
    const query = `{ ${aliased(20, `${LIST} ${all}`)} small: ${LIST.replace(')', ', first: 1)')} { contact } }`;
    const { data, errors } = await subgraph.ask(query);
    const refused = Object.keys(data).filter((alias) => data[alias] === null);
    expect(errors).toMatchObject(refused.map((alias) => ({ path: [alias], extensions: { code: 'BAD_USER_INPUT' } })));
    expect(refused.length).toBeGreaterThanOrEqual(10);
    expect(data.small).toEqual([{ contact: '10086' }]);
  });

  it('has at most 1,000 errors; further nullable fields are null without an error', async () => {
    fill(20, { state: 'lost' });
    const members = await subgraph.ask(`{ ${LIST} { ${aliased(100, 'state')} } }`);
    expect([members.errors.length, members.data.maintenances.length]).toEqual([LIMITS.errors, 20]);
    expect(omitting(members)).toEqual([LIMITS.errors - 1]);
    // Finding the lines of that many errors would block other requests.
    expect(members.errors[0]).not.toHaveProperty('locations');
    const malformed = times(600, () => ({ __typename: 'Maintenance', id: 'x' }));
    const query = `query ($r: [_Any!]!) { ${aliased(2, '_entities(representations: $r) { __typename }')} }`;
    const { data, errors } = await subgraph.ask(query, { variables: { r: malformed } });
    expect(new Set(Object.values(data).flat())).toEqual(new Set([null]));
    expect(errors).toHaveLength(LIMITS.errors);
    expect(omitting({ errors })).toEqual([LIMITS.errors - 1]);
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });

  it('has the result of every write, even without room for further errors', async () => {
    fill(20, { state: 'lost' });
    const read = (fields: string) => `residence { maintenances { ${fields} } }`;
    const { data, errors } = await subgraph.ask(
      `mutation { a: deleteMaintenance(id: "${R}:m0") { ${read(aliased(96, 'state'))} } b: deleteMaintenance(id: "${R}:m1") { ${read('state')} }
        c: deleteMaintenance(id: "rfault-refused:m") { deletedId } d: deleteMaintenance(id: "${R}:m2") { ${read('id')} } }`,
    );
    expect(errors).toHaveLength(LIMITS.errors + 1);
    expect(errors.at(-1)).toMatchObject({ path: ['c'], extensions: { outcome: 'REJECTED', othersOmitted: true } });
    expect(data.d).toEqual({ residence: { maintenances: null } });
    const deleted = [`${R} m0`, `${R} m1`, 'rfault-refused m', `${R} m2`].map((id) => `delete_maintenance_info ${id}`);
    expect(subgraph.upstream.commands().filter((command) => command.startsWith('delete'))).toEqual(deleted);
  });
});
