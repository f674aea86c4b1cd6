import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import type { Ticket } from '../../dev/store.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const M = EXAMPLE.maintenanceId;
const ALL =
  'id maintenanceId residence { id } startTime finishTime createdTime description contact feedback pictureUrls state';
const EXAMPLE_MAINTENANCE = {
  id: `${R}:${M}`,
  maintenanceId: M,
  residence: { id: R },
  startTime: '2024-01-16T13:32:45Z',
  finishTime: '2024-01-17T13:32:45Z',
  createdTime: '2024-01-12T13:32:45Z',
  description: 'test',
  contact: '10086',
  feedback: 'test',
  pictureUrls: ['https://test.akubela.com/p'],
  state: 'IN_PROGRESS',
};

const subgraph = useSubgraph();

describe('the vendor page’s example ticket', () => {
  it('is answered by maintenances', async () => {
    const answer = await subgraph.ask(`{ maintenances(residenceId: "${R}") { ${ALL} } }`);
    expect(answer).toMatchObject({ status: 200, data: { maintenances: [EXAMPLE_MAINTENANCE] }, errors: [] });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('is answered by maintenance', async () => {
    const { data, errors } = await subgraph.ask(`{ maintenance(id: "${R}:${M}") { ${ALL} } }`);
    expect(errors).toEqual([]);
    expect(data).toEqual({ maintenance: EXAMPLE_MAINTENANCE });
  });

  it('is the same behind its own residence', async () => {
    const { data } = await subgraph.ask(`{ maintenance(id: "${R}:${M}") { residence { maintenances { ${ALL} } } } }`);
    expect(data.maintenance.residence.maintenances).toEqual([EXAMPLE_MAINTENANCE]);
  });
});

describe('the part of a list', () => {
  const tickets: Partial<Ticket>[] = [
    { maintenance_id: 'b', state: 'completed', start_time: '2024-03-01 00:00:00', created_time: '2024-01-02 00:00:00' },
    { maintenance_id: 'none', state: 'closed', start_time: '', created_time: '' },
    { maintenance_id: 'a', state: 'closed', start_time: '2024-02-01 00:00:00', created_time: '2024-01-03 00:00:00' },
    { maintenance_id: 'bad', state: 'lost', start_time: 'soon', created_time: '31/12/2023' },
    {
      maintenance_id: 'c',
      state: 'wait for confirmation',
      start_time: '2024-03-01 00:00:00',
      created_time: '2024-01-01 00:00:00',
    },
    {
      maintenance_id: 'd',
      state: 'in progress',
      start_time: '2024-01-01 00:00:00',
      created_time: '2024-01-04 00:00:00',
    },
  ];
  const ids = (list: { maintenanceId: string }[]) => list.map(({ maintenanceId }) => maintenanceId);
  const CASES: [string, string[]][] = [
    ['', ['b', 'none', 'a', 'bad', 'c', 'd']],
    ['states: null, orderBy: null, first: null, offset: null', ['b', 'none', 'a', 'bad', 'c', 'd']],
    ['states: []', []],
    ['states: [CLOSED]', ['none', 'a']],
    ['states: [CLOSED, CLOSED, IN_PROGRESS]', ['none', 'a', 'd']],
    ['states: [WAIT_FOR_CONFIRMATION, IN_PROGRESS, COMPLETED, CLOSED]', ['b', 'none', 'a', 'c', 'd']],
    ['orderBy: CREATED_TIME_ASC', ['c', 'b', 'a', 'd', 'none', 'bad']],
    ['orderBy: CREATED_TIME_DESC', ['d', 'a', 'b', 'c', 'none', 'bad']],
    ['orderBy: START_TIME_ASC', ['d', 'a', 'b', 'c', 'none', 'bad']],
    ['orderBy: START_TIME_DESC', ['b', 'c', 'a', 'd', 'none', 'bad']],
    ['first: 2', ['b', 'none']],
    ['first: 0', []],
    ['first: 2147483647, offset: 2147483647', []],
    ['offset: 4', ['c', 'd']],
    ['first: 1, offset: 4', ['c']],
    ['states: [CLOSED, IN_PROGRESS], orderBy: CREATED_TIME_DESC, first: 2, offset: 1', ['a', 'none']],
  ];

  it.each(CASES)('(%s) is the same for Query and Residence', async (selection, expected) => {
    subgraph.upstream.fail(() => ({ body: { success: true, result: tickets } }));
    const given = selection && `(${selection})`;
    const { data, errors } = await subgraph.ask(
      `query ($r: [_Any!]!) {
        maintenances(residenceId: "${R}" ${selection && `, ${selection}`}) { maintenanceId }
        _entities(representations: $r) { ... on Residence { maintenances${given} { maintenanceId } } }
      }`,
      { variables: { r: [{ __typename: 'Residence', id: R }] } },
    );
    expect(errors).toEqual([]);
    expect(ids(data.maintenances)).toEqual(expected);
    expect(ids(data._entities[0].maintenances)).toEqual(expected);
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });
});

describe('a request without a token', () => {
  const TOKENLESS: [string, string | null, Record<string, string>][] = [
    ['no header', null, {}],
    ['an empty header', null, { authorization: '' }],
    ['Basic', null, { authorization: 'Basic dXNlcjpwYXNz' }],
    ['Bearer alone', null, { authorization: 'Bearer' }],
    ['Bearer and a space', null, { authorization: 'Bearer ' }],
    ['the bare token', null, { authorization: EXAMPLE.token }],
    ['two tokens', null, { authorization: `Bearer ${EXAMPLE.token} ${EXAMPLE.token}` }],
    ['a token beyond ASCII', null, { authorization: 'Bearer tök' }],
  ];

  it.each(TOKENLESS)('fails with UNAUTHENTICATED and sends no command: %s', async (_, token, headers) => {
    const answer = await subgraph.ask(
      `query ($r: [_Any!]!) {
        maintenances(residenceId: "") { id }
        maintenance(id: "malformed") { id }
        _entities(representations: $r) { ... on Maintenance { id } ... on Residence { id maintenances(first: -1) { id } } }
      }`,
      {
        token,
        headers,
        variables: { r: [{ __typename: 'Maintenance' }, { __typename: 'Residence', id: R }] },
      },
    );
    expect(answer.status).toBe(200);
    expect(answer.errors.map(({ path, extensions }) => [path?.join('.'), extensions.code]).sort()).toEqual([
      ['_entities.0', 'UNAUTHENTICATED'],
      ['_entities.1.maintenances', 'UNAUTHENTICATED'],
      ['maintenance', 'UNAUTHENTICATED'],
      ['maintenances', 'UNAUTHENTICATED'],
    ]);
    expect(answer.data).toEqual({
      maintenances: null,
      maintenance: null,
      _entities: [null, { id: R, maintenances: null }],
    });
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('may ask for the SDL and for type names', async () => {
    const { data, errors } = await subgraph.ask('{ __typename _service { sdl } }', { token: null });
    expect(errors).toEqual([]);
    expect(data).toMatchObject({ __typename: 'Query', _service: { sdl: expect.stringContaining('type Maintenance') } });
  });
});
