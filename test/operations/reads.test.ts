import { describe, expect, it } from '@jest/globals';
import { exampleTicket } from '../../dev/maintenance/seed.ts';
import { codes } from '../support/ask.ts';
import { M, R } from '../support/maintenance/requests.ts';
import { act, type Fault } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const LIST = `get_maintenance_list ${R}`;
const LIST_0 = 'get_maintenance_list r0';
const INFO = `get_maintenance_info ${R} ${M}`;
const ENTITIES = `query ($r: [_Any!]!) {
  _entities(representations: $r) { ... on Maintenance { id description } ... on Residence { id maintenances { id } } }
}`;

const subgraph = useSubgraph();
const askEntities = (r: object[]) => subgraph.ask(ENTITIES, { variables: { r } });
const toRepresentations = (ids: string[]) => ids.map((id) => ({ __typename: 'Maintenance', id }));

/** Adds a request for each id "<residence>:<maintenance>", with both parts in its description. */
function addRequests(ids: string[]): void {
  for (const id of ids) {
    const [residenceId = '', maintenance_id = ''] = id.split(':');
    const tickets = subgraph.upstream.store.residences.get(residenceId) ?? [];
    const ticket = { ...exampleTicket(), maintenance_id, description: `${residenceId} ${maintenance_id}` };
    subgraph.upstream.store.residences.set(residenceId, [...tickets, ticket]);
  }
}

describe('the reads of one operation', () => {
  const detail = `maintenance(id: "${R}:${M}") { id description }`;
  const list = `list: maintenances(residenceId: "${R}") { id }`;
  const closed = `b: maintenances(residenceId: "${R}", first: 1) { residence { maintenances(states: [CLOSED]) { id } } }`;
  const pair = '_0: maintenance(id: "r0:m0") { id } _1: maintenance(id: "r0:m1") { id }';
  const PAIR = { _0: { id: 'r0:m0' }, _1: { id: 'r0:m1' } };
  const EMPTY = [{ residence: { maintenances: [] } }];
  const maintenance = { id: `${R}:${M}`, description: 'test' };
  const LISTED = [{ id: `${R}:${M}` }];

  it.each<[string, string, object, string[]]>([
    ['one info for one detail', detail, { maintenance }, [INFO]],
    ['one info for the same detail twice', `${detail} b: ${detail}`, { maintenance, b: maintenance }, [INFO]],
    ['one list for a list and a detail', `${list} ${detail}`, { list: LISTED, maintenance }, [LIST]],
    ['one list for a detail and a list', `${detail} ${list}`, { list: LISTED, maintenance }, [LIST]],
    ['one list for different arguments', `${list} ${closed}`, { list: LISTED, b: EMPTY }, [LIST]],
    ['one command per residence for 3 details', `${pair} ${detail}`, { ...PAIR, maintenance }, [INFO, LIST_0]],
  ])('send %s', async (_, fields, expected, commands) => {
    addRequests(['r0:m0', 'r0:m1']);
    const { data, errors } = await subgraph.ask(`{ ${fields} }`);
    expect(errors).toEqual([]);
    expect(data).toEqual(expected);
    expect(subgraph.upstream.commands().sort()).toEqual(commands);
  });

  it('send one list per residence for 100 representations, in their order, with null for ids that the list lacks', async () => {
    const ids = Array.from({ length: 100 }, (_, i) => `r${i % 10}:m${i}`);
    addRequests(ids);
    const { data, errors } = await askEntities([...toRepresentations(ids), ...toRepresentations(['r0:gone'])]);
    expect(errors).toEqual([]);
    expect(data._entities).toEqual([...ids.map((id) => ({ id, description: id.replace(':', ' ') })), null]);
    const commands = Array.from({ length: 10 }, (_, r) => `get_maintenance_list r${r}`);
    expect(subgraph.upstream.commands().sort()).toEqual(commands);
  });

  it('take one round trip', async () => {
    const ids = Array.from({ length: 10 }, (_, i) => `r${i % 5}:m${i}`);
    const held = subgraph.upstream.hold();
    const asked = askEntities(toRepresentations(ids));
    await until(() => held.length === 5);
    held.end();
    expect((await asked).errors).toEqual([]);
  });
});

const rejected = { body: { success: false, code: 'E1' } };
const ok = (result: unknown) => ({ body: { success: true, result } });
it.each([rejected, ...[null, {}, [], ''].map(ok)])('a failed info is settled by the list: %j', async (answer) => {
  const detail = `{ maintenance(id: "${R}:${M}") { description } }`;
  subgraph.upstream.fail(({ command }) => (command === 'get_maintenance_info' ? answer : undefined));
  const found = await subgraph.ask(detail);
  expect(found).toMatchObject({ data: { maintenance: { description: 'test' } }, errors: [] });
  const absent = await subgraph.ask(detail.replace(M, 'gone'));
  expect(absent).toMatchObject({ data: { maintenance: null }, errors: [] });
  expect(subgraph.upstream.commands()).toEqual([INFO, LIST, `get_maintenance_info ${R} gone`, LIST]);
});

describe('a list that fails in place of details', () => {
  const details = (...ids: string[]) => `{ ${ids.map((id) => `${id}: maintenance(id: "r:${id}") { id }`).join(' ')} }`;
  const LISTED = 'get_maintenance_list r';
  const NO = { status: 200, body: { success: false } };
  const LARGE = { body: 'x'.repeat(2_100_000) };
  const [UNAVAILABLE, INVALID] = ['UPSTREAM_UNAVAILABLE', 'UPSTREAM_INVALID_RESPONSE'];

  it.each<[string, Fault, string, number?]>([
    ['is too large', () => LARGE, INVALID],
    ['answers nothing', () => ({ body: { success: true, result: null } }), INVALID],
    ['has the status 500', () => ({ status: 500 }), UNAVAILABLE],
    ['breaks off', act((response) => response.write('{', () => response.destroy())), UNAVAILABLE, 3],
    ['refuses the token', () => ({ status: 401 }), 'UNAUTHENTICATED'],
    ['is rejected', () => NO, 'COMMAND_REJECTED'],
  ])('fails all of them if it %s', async (_, list, code, attempts = 1) => {
    subgraph.upstream.fail(list);
    expect(codes(await subgraph.ask(details('a', 'b', 'c')))).toEqual(['a', 'b', 'c'].map((path) => [code, path]));
    expect(subgraph.upstream.commands()).toEqual(Array(attempts).fill(LISTED));
  });

  it('costs one command for each residence in an outage, however many batches there are', async () => {
    subgraph.upstream.fail(() => ({ status: 500 }));
    const batch = (name: string) => toRepresentations(Array.from({ length: 200 }, (_, index) => `r:${name}${index}`));
    const query = `query ($a: [_Any!]!, $b: [_Any!]!) { a: _entities(representations: $a) { __typename }
      b: _entities(representations: $b) { __typename } }`;
    const { errors } = await subgraph.ask(query, { variables: { a: batch('a'), b: batch('b') } });
    expect(errors).toHaveLength(400);
    expect(subgraph.upstream.commands()).toEqual([LISTED]);
  });
});
