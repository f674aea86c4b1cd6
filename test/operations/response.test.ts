/**
 * The budget of a response: 15,000,000 units. Each field that is selected of an entry costs 50, and each character of the entry 3, as
 * often as its most selected field is selected. A value is charged before the response is made of it. Beyond the budget, it is refused
 * at its field or entry, and other values stay. What a write returns is charged before it is sent.
 */
import { expect, it } from '@jest/globals';
import { exampleTicket } from '../../dev/maintenance/seed.ts';
import type { Ticket } from '../../dev/maintenance/store.ts';
import type { Answer } from '../support/ask.ts';
import {
  aliased,
  deleteMany,
  detail,
  entities,
  type FieldQuery,
  R,
  request,
  times,
} from '../support/maintenance/requests.ts';
import { fieldsOf } from '../support/maintenance/schema.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();
/** Returns the indexes of the errors that say that others may be missing. */
const omitting = ({ errors }: Pick<Answer, 'errors'>) =>
  errors.flatMap(({ extensions }, index) => (extensions.othersOmitted ? [index] : []));
const ask = ({ query, variables }: FieldQuery) => subgraph.ask(query, { variables });

/** Gives the residence this many tickets with these members. */
function fill(length: number, members: Partial<Ticket>): void {
  const tickets = times(length, (index) => ({ ...members, maintenance_id: `m${index}` }) as Ticket);
  subgraph.upstream.store.residences.set(R, tickets);
}

const TEXTS = aliased(98, 'description');
const DELETED_IDS = aliased(99, 'deletedIds');
const FIELDS = `... on Maintenance { ${TEXTS} }`;
const IDS = `residence { ${aliased(98, 'id')} }`;
const URLS = { maintenance_picture_url: times(300, (index) => `https://pictures.example/${index}.jpg`) };
const listOf = (fields: string) => request('maintenances', { residenceId: R }, fields);
const text = (length: number) => ({ description: 'x'.repeat(length) });
const keys = (size: number) => times(size, (index) => ({ __typename: 'Maintenance', id: `${R}:m${index}` }));
const ids = (size: number) => times(size, (index) => `${R}:${index}`);

type Tickets = (size: number) => [length: number, members: Partial<Ticket>];
/** A value with its path, the sizes of one that fits and of one that does not, its request, and the residence's tickets. */
type Row = [string, string, fits: number, exceeds: number, requestFor: (size: number) => FieldQuery, tickets?: Tickets];
it.each<Row>([
  ['a list, by the fields of its entries,', 'maintenances', 2800, 3100, () => listOf(IDS), (n) => [n, {}]],
  ['a list, by its texts,', 'maintenances', 3, 4, () => listOf(aliased(98, 'pictureUrls')), (n) => [n, URLS]],
  ['a detail, by its texts,', 'maintenance', 50_000, 52_000, () => detail(`${R}:m0`, TEXTS), (n) => [1, text(n)]],
  ['each entity, by itself,', '_entities.N', 135, 160, (n) => entities(keys(n), FIELDS), (n) => [n, text(300)]],
  ['a write, before it is sent,', 'deleteMaintenances', 90, 110, (n) => deleteMany(ids(n), DELETED_IDS)],
])('%s is refused beyond the budget: %s', async (_, path, fits, exceeds, requestFor, tickets = () => [0, {}]) => {
  fill(...tickets(fits));
  expect((await ask(requestFor(fits))).errors).toEqual([]);
  subgraph.upstream.reset();
  fill(...tickets(exceeds));
  const { data, errors } = await ask(requestFor(exceeds));
  const paths = errors.map(({ path }) => path?.join('.').replace(/\d{2,}/, 'N'));
  expect(new Set(paths)).toEqual(new Set([path]));
  expect(errors.length).toBeLessThan(30);
  for (const { path, extensions } of errors) {
    expect(extensions.code).toBe('BAD_USER_INPUT');
    expect(path?.reduce((value, key) => value[key], data)).toBeNull();
  }
  if (path === 'deleteMaintenances')
    expect([errors[0]?.extensions.outcome, subgraph.upstream.commands()]).toEqual(['NOT_SENT', []]);
});

it('what is read after a write is refused in its own field, beside what the write returned', async () => {
  fill(3100, {});
  const { data, errors } = await ask(
    request('deleteMaintenance', { id: `${R}:m0` }, `deletedId residence { maintenances { ${IDS} } }`),
  );
  expect(errors).toMatchObject([{ path: ['deleteMaintenance', 'residence', 'maintenances'] }]);
  expect(data).toEqual({ deleteMaintenance: { deletedId: `${R}:m0`, residence: { maintenances: null } } });
});

it('12,000 requests like the vendor’s example fit with each field once, and further lists are refused beside them', async () => {
  fill(6000, exampleTicket());
  const all = `maintenances(residenceId: "${R}") { ${fieldsOf('Maintenance').join(' ')} }`;
  const { data, errors } = await subgraph.ask(`{ ${aliased(2, all)} }`);
  expect([errors, data.a0.length, data.a1.length]).toEqual([[], 6000, 6000]);
  const many = await subgraph.ask(`{ ${aliased(6, all)} small: ${all.replace(')', ', first: 1)')} }`);
  const refused = Object.keys(many.data).filter((alias) => many.data[alias] === null);
  expect(refused.length).toBeGreaterThan(0);
  expect(many.errors).toMatchObject(
    refused.map((alias) => ({ path: [alias], extensions: { code: 'BAD_USER_INPUT' } })),
  );
  expect(many.data.small).toHaveLength(1);
});

it('a response has at most 1,000 errors: further fields are null, and the last error has othersOmitted', async () => {
  fill(20, { state: 'lost' });
  const fields = await ask(request('maintenances', { residenceId: R }, aliased(100, 'state')));
  expect([fields.errors.length, fields.data.maintenances.length]).toEqual([1000, 20]);
  expect(omitting(fields)).toEqual([999]);
  // Finding the lines of that many errors would block other requests.
  expect(fields.errors[0]).not.toHaveProperty('locations');
  const malformed = times(600, () => ({ __typename: 'Maintenance', id: 'x' }));
  const query = `query ($r: [_Any!]!) { ${aliased(2, '_entities(representations: $r) { __typename }')} }`;
  const { data, errors } = await subgraph.ask(query, { variables: { r: malformed } });
  expect(new Set(Object.values(data).flat())).toEqual(new Set([null]));
  expect(errors).toHaveLength(1000);
  expect(omitting({ errors })).toEqual([999]);
  expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
});

it('beyond 1,000 errors, each failed write still has its error, and each write is sent', async () => {
  fill(20, { state: 'lost' });
  const read = (fields: string) => `residence { maintenances { ${fields} } }`;
  const { data, errors } = await subgraph.ask(
    `mutation { a: deleteMaintenance(id: "${R}:m0") { ${read(aliased(96, 'state'))} } b: deleteMaintenance(id: "${R}:m1") { ${read('state')} }
      c: deleteMaintenance(id: "rfault-refused:m") { deletedId } d: deleteMaintenance(id: "${R}:m2") { ${read('id')} } }`,
  );
  expect(errors).toHaveLength(1001);
  expect(errors.at(-1)).toMatchObject({ path: ['c'], extensions: { outcome: 'REJECTED', othersOmitted: true } });
  expect(data.d).toEqual({ residence: { maintenances: null } });
  const deleted = [`${R} m0`, `${R} m1`, 'rfault-refused m', `${R} m2`].map((id) => `delete_maintenance_info ${id}`);
  expect(subgraph.upstream.commands().filter((command) => command.startsWith('delete'))).toEqual(deleted);
});
