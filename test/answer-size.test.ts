/**
 * How large an answer may grow: a list or text that has no room left in its operation is refused, at its place.
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
  message: 'The answer would be too large with this. Ask for less.',
  extensions: { code: 'BAD_USER_INPUT' },
};

// The limits of time are not what is tested here: a busy machine may need longer.
const subgraph = useSubgraph({ ATTEMPT_TIMEOUT_MS: '60000', OPERATION_TIMEOUT_MS: '60000' });

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

it('1,000 residences of 20 are answered with five fields each', async () => {
  for (let index = 0; index < 1000; index++) fill(20, `r${index}`);
  const { data, errors } = await subgraph.ask(
    `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Residence { maintenances { ${aliased(5, 'state')} } } } }`,
    { variables: { r: residences(1000, (index) => `r${index}`) } },
  );
  expect(errors).toEqual([]);
  expect(data._entities[999].maintenances).toHaveLength(20);
  expect(subgraph.upstream.received).toHaveLength(1000);
});

it('1,000 representations may be asked for two lists, and not for three', async () => {
  const ask = (lists: number) =>
    subgraph.ask(
      `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Residence { ${aliased(lists, 'maintenances { id }')} } } }`,
      {
        variables: { r: residences(1000, (index) => `r${index}`) },
      },
    );
  for (let index = 0; index < 1000; index++) fill(1, `r${index}`);
  const { data, errors } = await ask(2);
  expect(errors).toEqual([]);
  expect(data._entities[999]).toEqual({ a0: [{ id: 'r999:m0' }], a1: [{ id: 'r999:m0' }] });
  subgraph.upstream.received.length = 0;
  const refused = await ask(3);
  expect(refused.data).toBeNull();
  expect(refused.errors).toMatchObject([
    {
      message: 'Argument "representations" makes the answer too large: ask for fewer, or for less of each.',
      path: ['_entities'],
      extensions: { code: 'BAD_USER_INPUT' },
    },
  ]);
  expect(subgraph.upstream.commands()).toEqual([]);
});

describe('text', () => {
  const MEMBERS = ['description', 'contact', 'feedback'] as const;
  const LONG = 'x'.repeat(1_000_000);

  it.each(MEMBERS)('is answered as often as there is room for it: %s', async (member) => {
    subgraph.upstream.store.residences.set(R, [{ ...exampleTicket(), [member]: LONG }]);
    const { data, errors } = await subgraph.ask(
      `{ maintenance(id: "${R}:${exampleTicket().maintenance_id}") { ${aliased(33, member)} id } }`,
    );
    const answered = Object.keys(data.maintenance).filter((alias) => data.maintenance[alias] === LONG);
    expect(answered).toEqual(Array.from({ length: 30 }, (_, index) => `a${index}`));
    expect(data.maintenance.id).toBe(`${R}:${exampleTicket().maintenance_id}`);
    expect(errors).toMatchObject([{ ...REFUSAL, path: ['maintenance', 'a30'] }]);
  });

  it('of many addresses counts, and each of them', async () => {
    const urls = Array.from({ length: 50_000 }, () => 'x'.repeat(100));
    subgraph.upstream.store.residences.set(R, [{ ...exampleTicket(), maintenance_picture_url: urls }]);
    const { data, errors } = await subgraph.ask(`{ ${LIST} { ${aliased(3, 'pictureUrls')} state } }`);
    expect(data.maintenances).toEqual([{ a0: urls, a1: urls, a2: null, state: 'IN_PROGRESS' }]);
    expect(errors).toMatchObject([{ ...REFUSAL, path: ['maintenances', 0, 'a2'] }]);
  });

  it('that is left out costs a mutation nothing of what it did', async () => {
    const ticket = { ...exampleTicket(), description: LONG };
    subgraph.upstream.store.residences.set(R, [ticket, { ...ticket, maintenance_id: 'gone' }]);
    const { data, errors } = await subgraph.ask(
      `mutation { deleteMaintenance(id: "${R}:gone") { id residence { maintenances { ${aliased(60, 'description')} } } } }`,
    );
    expect(data.deleteMaintenance.id).toBe(`${R}:gone`);
    expect(errors).toMatchObject([REFUSAL]);
  });
});

describe('of a list of 3,000', () => {
  beforeEach(() => fill(3000));

  it.each([
    ['99 fields', `${LIST} { ${aliased(99, 'id')} }`],
    ['an object with 98', `${LIST} { residence { ${aliased(98, 'id')} } }`],
    ['99 in a fragment', `${LIST} { ...many }`],
    ['100 of its first 2,970', `${LIST.replace(')', ', first: 2970)')} { ...many state }`],
    [
      'a list of one beneath each of its first 90',
      `${LIST.replace(')', ', first: 90)')} { residence { maintenances(first: 1) { id } } }`,
    ],
  ])('%s are answered', async (_, query) => {
    const { data, errors } = await subgraph.ask(`{ ${query} }${fragmentOf(query)}`);
    expect(errors).toEqual([]);
    expect(data.maintenances).not.toHaveLength(0);
  });

  it.each([
    ['100 fields', `${LIST} { ${aliased(99, 'id')} state }`],
    ['an object with 99', `${LIST} { residence { ${aliased(99, 'id')} } }`],
    ['100 through a fragment', `${LIST} { ...many state }`],
    ['100 through an inline fragment', `${LIST} { ... { ${aliased(99, 'id')} } ... on Maintenance { state } }`],
    ['one field 100 times', `${LIST} { ${'id '.repeat(100)} }`],
    ['100 in two fields of one name', `${LIST} { ...many } ${LIST} { state }`],
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
      `{ ${first} { id residence { maintenances { ...many state } } } }${fragmentOf('...many')}`,
    );
    expect(data.maintenances).toEqual(
      [0, 1, 2].map((index) => ({ id: `${R}:m${index}`, residence: { maintenances: null } })),
    );
    const paths = [0, 1, 2].map((index) => ['maintenances', index, 'residence', 'maintenances']);
    expect(errors).toMatchObject(paths.map((path) => ({ ...REFUSAL, path })));
  });

  it('so many are answered as fit, under whatever aliases', async () => {
    const { data, errors } = await subgraph.ask(`{ ${aliased(30, `${LIST} { id state startTime }`)} }`);
    const answered = Object.keys(data).filter((alias) => data[alias]);
    expect(answered).toEqual(Array.from({ length: 25 }, (_, index) => `a${index}`));
    expect(errors).toMatchObject([25, 26, 27, 28, 29].map((index) => ({ ...REFUSAL, path: [`a${index}`] })));
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });

  it('one that does not fit leaves room for the others, and for texts', async () => {
    const { data, errors } = await subgraph.ask(
      `{ ${LIST} { ...many state } small: ${LIST.replace(')', ', first: 1)')} { id contact } }${fragmentOf('...many')}`,
    );
    expect(data).toEqual({ maintenances: null, small: [{ id: `${R}:m0`, contact: '10086' }] });
    expect(errors).toMatchObject([{ ...REFUSAL, path: ['maintenances'] }]);
  });

  it('what is only looked through counts, each entry as a field', async () => {
    const inside = 'residence { maintenances(orderBy: START_TIME_ASC, first: 0) { id } }';
    const { data, errors } = await subgraph.ask(`{ ${LIST.replace(')', ', first: 99)')} { ${inside} } }`);
    // The outer list takes 3,000, and 101 for each of its 99 entries: 95 of those inside it still fit.
    const [fit, refused] = [95, 4];
    const lists = [...Array(fit).fill([]), ...Array(refused).fill(null)];
    expect(data.maintenances).toEqual(lists.map((maintenances) => ({ residence: { maintenances } })));
    expect(errors).toMatchObject(Array(refused).fill(REFUSAL));
    expect(errors[0]?.path).toEqual(['maintenances', fit, 'residence', 'maintenances']);
  });

  it('the refusal costs a mutation nothing of what it did', async () => {
    const { data, errors } = await subgraph.ask(
      `mutation { deleteMaintenance(id: "${R}:m0") { id residence { maintenances { ${aliased(99, 'id')} state } } } }`,
    );
    expect(data).toEqual({ deleteMaintenance: { id: `${R}:m0`, residence: { maintenances: null } } });
    expect(errors).toMatchObject([{ ...REFUSAL, path: ['deleteMaintenance', 'residence', 'maintenances'] }]);
    expect(subgraph.upstream.commands()).toEqual([`delete_maintenance_info ${R} m0`, `get_maintenance_list ${R}`]);
  });

  it('the next operation begins anew, also of a document that is known already', async () => {
    const query = `{ ${LIST} { ${aliased(99, 'id')} } }`;
    for (const { errors } of [await subgraph.ask(query), await subgraph.ask(query)]) expect(errors).toEqual([]);
  });

  it('the count stays with a document that is known already', async () => {
    const query = `{ ${LIST} { ${aliased(99, 'id')} state } }`;
    for (const answer of [await subgraph.ask(query), await subgraph.ask(query)]) {
      expect(answer.errors).toMatchObject([REFUSAL]);
    }
  });
});

function fragmentOf(query: string): string {
  return query.includes('...many') ? ` fragment many on Maintenance { ${aliased(99, 'id')} }` : '';
}
