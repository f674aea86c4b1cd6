import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { codes } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const M = EXAMPLE.maintenanceId;
const QUERY = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on Maintenance { id maintenanceId residence { id } description }
    ... on Residence { id }
  }
}`;
const EXAMPLE_ENTITY = {
  __typename: 'Maintenance',
  id: `${R}:${M}`,
  maintenanceId: M,
  residence: { id: R },
  description: 'test',
};

const subgraph = useSubgraph();
const resolve = (representations: unknown[], token?: string | null) =>
  subgraph.ask(QUERY, { variables: { representations }, ...(token !== undefined && { token }) });

describe('a Maintenance is found', () => {
  it.each([
    ['by id', { id: `${R}:${M}` }],
    ['by residence and maintenanceId', { residence: { __typename: 'Residence', id: R }, maintenanceId: M }],
    ['by both, where they agree', { id: `${R}:${M}`, residence: { id: R }, maintenanceId: M }],
    ['by id, with members of no key beside it', { id: `${R}:${M}`, description: 'x' }],
  ])('%s', async (_, keys) => {
    const { data, errors } = await resolve([{ __typename: 'Maintenance', ...keys }]);
    expect(errors).toEqual([]);
    expect(data._entities).toEqual([EXAMPLE_ENTITY]);
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_info ${R} ${M}`]);
  });

  it('by ids with "%" and ":" in them, which are escaped in one way only', async () => {
    const [ticket] = subgraph.upstream.store.list(R);
    const residenceId = 'r%:ö/';
    if (ticket) subgraph.upstream.store.residences.set(residenceId, [{ ...ticket, maintenance_id: 'm:%3A' }]);
    const { data } = await resolve([
      { __typename: 'Maintenance', id: 'r%25%3aö/:m%3A%253A' },
      { __typename: 'Maintenance', residence: { id: residenceId }, maintenanceId: 'm:%3A' },
    ]);
    const expected = { id: 'r%25%3Aö/:m%3A%253A', maintenanceId: 'm:%3A', residence: { id: residenceId } };
    expect(data._entities).toMatchObject([expected, expected]);
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_info ${residenceId} m:%3A`]);
  });
});

describe('a Residence', () => {
  it('costs no command and needs no token where only its id is asked for', async () => {
    const { data, errors } = await resolve([{ __typename: 'Residence', id: 'anything' }], null);
    expect(errors).toEqual([]);
    expect(data._entities).toEqual([{ __typename: 'Residence', id: 'anything' }]);
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('a representation that cannot be used nulls its own entry', () => {
  it.each([
    ['an unknown type', { __typename: 'Visit', id: '1' }],
    ['a type that is no entity', { __typename: 'Query' }],
    ['an input', { __typename: 'CreateMaintenanceInput' }],
    ['a name of Object’s', { __typename: 'constructor' }],
    ['no type', { id: `${R}:${M}` }],
    ['a type of another kind', { __typename: { name: 'Maintenance' } }],
    ['a string', 'Maintenance'],
    ['a number', 7],
    ['true', true],
    ['a list', [{ __typename: 'Maintenance', id: `${R}:${M}` }]],
    ['no key', { __typename: 'Maintenance' }],
    ['half a key: residence', { __typename: 'Maintenance', residence: { id: R } }],
    ['half a key: maintenanceId', { __typename: 'Maintenance', maintenanceId: M }],
    ['an id without a colon', { __typename: 'Maintenance', id: M }],
    ['an id with two colons', { __typename: 'Maintenance', id: `${R}:${M}:x` }],
    ['an id with an empty part', { __typename: 'Maintenance', id: `:${M}` }],
    ['an id with an unknown escape', { __typename: 'Maintenance', id: `${R}%41:${M}` }],
    ['a null id', { __typename: 'Maintenance', id: null }],
    ['a number for an id', { __typename: 'Maintenance', id: 5 }],
    ['a list for an id', { __typename: 'Maintenance', id: [`${R}:${M}`] }],
    ['an empty maintenanceId', { __typename: 'Maintenance', residence: { id: R }, maintenanceId: '' }],
    ['a string for a residence', { __typename: 'Maintenance', residence: R, maintenanceId: M }],
    ['a residence without id', { __typename: 'Maintenance', residence: {}, maintenanceId: M }],
    [
      'two keys that disagree in residence',
      { __typename: 'Maintenance', id: `${R}:${M}`, residence: { id: 'x' }, maintenanceId: M },
    ],
    [
      'two keys that disagree in maintenanceId',
      { __typename: 'Maintenance', id: `${R}:${M}`, residence: { id: R }, maintenanceId: 'x' },
    ],
    ['a key and half of another that disagrees', { __typename: 'Maintenance', id: `${R}:${M}`, maintenanceId: 'x' }],
    ['a Residence without id', { __typename: 'Residence' }],
    ['a Residence with an empty id', { __typename: 'Residence', id: '' }],
    ['a Residence with a number for an id', { __typename: 'Residence', id: 5 }],
  ])('%s', async (_, bad) => {
    const good = { __typename: 'Maintenance', id: `${R}:${M}` };
    const answer = await resolve([good, bad, { __typename: 'Residence', id: R }]);
    expect(answer.status).toBe(200);
    expect(codes(answer)).toEqual([['BAD_USER_INPUT', '_entities.1']]);
    expect(answer.data._entities).toEqual([EXAMPLE_ENTITY, null, { __typename: 'Residence', id: R }]);
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_info ${R} ${M}`]);
  });

  it('one whose command fails', async () => {
    subgraph.upstream.fail(({ param }) => (param.residence_id === R ? undefined : { status: 503 }));
    const answer = await resolve([
      { __typename: 'Maintenance', id: 'elsewhere:1' },
      { __typename: 'Maintenance', id: `${R}:${M}` },
    ]);
    expect(codes(answer)).toEqual([['UPSTREAM_UNAVAILABLE', '_entities.0']]);
    expect(answer.data._entities).toEqual([null, EXAMPLE_ENTITY]);
  });

  it('each of several, at its own index', async () => {
    const answer = await resolve(['x', { __typename: 'Residence', id: R }, { __typename: 'Nope' }]);
    expect(codes(answer)).toEqual([
      ['BAD_USER_INPUT', '_entities.0'],
      ['BAD_USER_INPUT', '_entities.2'],
    ]);
    expect(answer.data._entities).toEqual([null, { __typename: 'Residence', id: R }, null]);
  });
});

describe('the number of representations', () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ __typename: 'Maintenance', id: `${R}:m${i}` }));

  it('may be 1,000', async () => {
    const answer = await resolve(many(1000));
    expect(answer.errors).toEqual([]);
    expect(answer.data._entities).toHaveLength(1000);
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });

  it('may not be 1,001: refused before any command', async () => {
    const answer = await resolve(many(1001));
    expect(answer.status).toBe(200);
    expect(codes(answer)).toEqual([['BAD_USER_INPUT', '_entities']]);
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});
