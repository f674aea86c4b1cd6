/**
 * How large an answer may grow: a list is refused, at its place, once those of its operation have too many fields.
 */
import { beforeEach, describe, expect, it } from '@jest/globals';
import { exampleTicket } from '../dev/seed.ts';
import { NEW_MAINTENANCE } from './support/subgraph.ts';
import { useSubgraph } from './support/use-subgraph.ts';

const R = NEW_MAINTENANCE.residenceId;
const LIST = `maintenances(residenceId: "${R}")`;
const EVERY_FIELD = `id maintenanceId residence { id } startTime finishTime createdTime description contact feedback
  pictureUrls state`;
const REFUSAL = {
  message: 'The answer would have more than 200000 fields in lists: ask for fewer of them, or for fewer entries.',
  extensions: { code: 'BAD_USER_INPUT' },
};

const subgraph = useSubgraph();

const aliased = (count: number, field: string) =>
  Array.from({ length: count }, (_, index) => `a${index}: ${field}`).join(' ');
const residences = (length: number, make: (index: number) => string) =>
  Array.from({ length }, (_, index) => ({ __typename: 'Residence', id: make(index) }));

/** Gives a residence so many tickets. */
function fill(length: number, residenceId: string = R): void {
  const tickets = Array.from({ length }, (_, index) => ({ ...exampleTicket(), maintenance_id: `m${index}` }));
  subgraph.upstream.store.residences.set(residenceId, tickets);
}

it('a list of 10,000 is answered with every field', async () => {
  fill(10_000);
  const { data, errors } = await subgraph.ask(`{ ${LIST} { ${EVERY_FIELD} } }`);
  expect(errors).toEqual([]);
  expect(data.maintenances).toHaveLength(10_000);
  expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
});

it('1,000 residences of 20 are answered with ten fields each', async () => {
  for (let index = 0; index < 1000; index++) fill(20, `r${index}`);
  const { data, errors } = await subgraph.ask(
    `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Residence { maintenances { ${aliased(10, 'state')} } } } }`,
    { variables: { r: residences(1000, (index) => `r${index}`) } },
  );
  expect(errors).toEqual([]);
  expect(data._entities[999].maintenances).toHaveLength(20);
  expect(subgraph.upstream.received).toHaveLength(1000);
});

describe('of a list of 2,000', () => {
  beforeEach(() => fill(2000));

  it.each([
    ['100 fields', `${LIST} { ${aliased(100, 'id')} }`],
    ['an object with 99', `${LIST} { residence { ${aliased(99, 'id')} } }`],
    ['100 in a fragment', `${LIST} { ...hundred }`],
    ['101 of its first 1,980', `${LIST.replace(')', ', first: 1980)')} { ...hundred state }`],
    [
      'a list of one beneath each of its first 10',
      `${LIST.replace(')', ', first: 10)')} { residence { maintenances(first: 1) { id } } }`,
    ],
  ])('%s are answered', async (_, query) => {
    const { data, errors } = await subgraph.ask(`{ ${query} }${fragmentOf(query)}`);
    expect(errors).toEqual([]);
    expect(data.maintenances).not.toHaveLength(0);
  });

  it.each([
    ['101 fields', `${LIST} { ${aliased(100, 'id')} state }`],
    ['an object with 100', `${LIST} { residence { ${aliased(100, 'id')} } }`],
    ['101 through a fragment', `${LIST} { ...hundred state }`],
    ['101 through an inline fragment', `${LIST} { ... { ${aliased(100, 'id')} } ... on Maintenance { state } }`],
    ['one field 101 times', `${LIST} { ${'id '.repeat(101)} }`],
    ['101 in two fields of one name', `${LIST} { ...hundred } ${LIST} { state }`],
    ['a list beneath each', `${LIST} { residence { maintenances(first: 1) { id } } }`],
  ])('%s are refused', async (_, query) => {
    const { status, data, errors } = await subgraph.ask(`{ ${query} }${fragmentOf(query)}`);
    expect(status).toBe(200);
    expect(data).toEqual({ maintenances: null });
    expect(errors).toMatchObject([{ ...REFUSAL, path: ['maintenances'] }]);
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });

  it('a list inside each of its first entries is refused at its own place', async () => {
    const first = LIST.replace(')', ', first: 3)');
    const { data, errors } = await subgraph.ask(
      `{ ${first} { id residence { maintenances { ...hundred state } } } }${fragmentOf('...hundred')}`,
    );
    expect(data.maintenances).toEqual(
      [0, 1, 2].map((index) => ({ id: `${R}:m${index}`, residence: { maintenances: null } })),
    );
    const paths = [0, 1, 2].map((index) => ['maintenances', index, 'residence', 'maintenances']);
    expect(errors).toMatchObject(paths.map((path) => ({ ...REFUSAL, path })));
  });

  it('so many are answered as fit, under whatever aliases', async () => {
    const { data, errors } = await subgraph.ask(`{ ${aliased(30, `${LIST} { id state startTime finishTime }`)} }`);
    const answered = Object.keys(data).filter((alias) => data[alias]);
    expect(answered).toEqual(Array.from({ length: 25 }, (_, index) => `a${index}`));
    expect(errors).toMatchObject([25, 26, 27, 28, 29].map((index) => ({ ...REFUSAL, path: [`a${index}`] })));
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });

  it('the refusal costs a mutation nothing of what it did', async () => {
    const { data, errors } = await subgraph.ask(
      `mutation { deleteMaintenance(id: "${R}:m0") { id residence { maintenances { ${aliased(100, 'id')} state } } } }`,
    );
    expect(data).toEqual({ deleteMaintenance: { id: `${R}:m0`, residence: { maintenances: null } } });
    expect(errors).toMatchObject([{ ...REFUSAL, path: ['deleteMaintenance', 'residence', 'maintenances'] }]);
    expect(subgraph.upstream.commands()).toEqual([`delete_maintenance_info ${R} m0`, `get_maintenance_list ${R}`]);
  });

  it('the next operation begins anew, also of a document that is known already', async () => {
    const query = `{ ${LIST} { ${aliased(100, 'id')} } }`;
    for (const { errors } of [await subgraph.ask(query), await subgraph.ask(query)]) expect(errors).toEqual([]);
  });

  it('the count stays with a document that is known already', async () => {
    const query = `{ ${LIST} { ${aliased(100, 'id')} state } }`;
    for (const answer of [await subgraph.ask(query), await subgraph.ask(query)]) {
      expect(answer.errors).toMatchObject([REFUSAL]);
    }
  });
});

function fragmentOf(query: string): string {
  return query.includes('...hundred') ? ` fragment hundred on Maintenance { ${aliased(100, 'id')} }` : '';
}
