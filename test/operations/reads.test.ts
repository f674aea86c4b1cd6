import { describe, expect, it } from '@jest/globals';
import { exampleTicket } from '../../dev/maintenance/seed.ts';
import { codes } from '../support/ask.ts';
import { M, R } from '../support/maintenance/requests.ts';
import { type Answer, act, type Fault } from '../support/upstream.ts';
import { startSubgraph, useMany, useSubgraph } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const LIST = `get_maintenance_list ${R}`;
const LIST_0 = 'get_maintenance_list r0';
const INFO = `get_maintenance_info ${R} ${M}`;
const ENTITIES = `query ($r: [_Any!]!) {
  _entities(representations: $r) { ... on Maintenance { id description } ... on Residence { id maintenances { id } } }
}`;

const subgraph = useSubgraph();
const start = useMany(startSubgraph);
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
  const info = (id: string) => `get_maintenance_info r ${id}`;
  const LISTED = 'get_maintenance_list r';
  const FOUND = { a: { id: 'r:a' }, b: { id: 'r:b' }, c: { id: 'r:c' } };
  const NO = { status: 200, body: { success: false } };
  const [LARGE, HTML] = [{ body: 'x'.repeat(2_100_000) }, { body: '<html>' }];
  const [UNAVAILABLE, INVALID] = ['UPSTREAM_UNAVAILABLE', 'UPSTREAM_INVALID_RESPONSE'];

  /** Answers the list, and some details, with faults. Others are found. */
  function fail(list: Fault, infos: Record<string, Answer> = {}) {
    subgraph.upstream.fail((received, response) => {
      if (received.command === 'get_maintenance_list') return list(received, response);
      return infos[String(received.param.maintenance_id)] ?? { body: { success: true, result: exampleTicket() } };
    });
  }

  it.each<[string, Fault, number]>([
    ['is too large', () => LARGE, 1],
    ['answers nothing', () => ({ body: { success: true, result: null } }), 1],
    ['has the status 500', () => ({ status: 500 }), 1],
    ['has the status 503', () => ({ status: 503 }), 3],
    ['breaks off', act((response) => response.socket?.resetAndDestroy()), 3],
  ])('leaves each of them to a command of its own: it %s', async (_, list, attempts) => {
    fail(list);
    expect(await subgraph.ask(details('a', 'b', 'c'))).toMatchObject({ data: FOUND, errors: [] });
    const sent = subgraph.upstream.commands();
    expect(sent.slice(0, -2)).toEqual([...Array(attempts).fill(LISTED), info('a')]);
    expect(sent.slice(-2).sort()).toEqual([info('b'), info('c')]);
  });

  // Beside the other tests: it waits for the time limit of an attempt.
  it.concurrent('takes too long, and leaves each of them to a command of its own', async () => {
    const { ask, upstream } = await start({ ATTEMPT_TIMEOUT_MS: '3000' });
    upstream.store.residences.set(
      'r',
      ['a', 'b'].map((maintenance_id) => ({ ...exampleTicket(), maintenance_id })),
    );
    upstream.hold('get_maintenance_list');
    expect(await ask(details('a', 'b'))).toMatchObject({ data: { a: FOUND.a, b: FOUND.b }, errors: [] });
    expect(upstream.commands()).toEqual([LISTED, info('a'), info('b')]);
  });

  it('fails as a field, beside details that are found', async () => {
    fail(() => LARGE);
    const { data, errors } = await subgraph.ask(
      `{ list: maintenances(residenceId: "r") { id } ${details('a').slice(1)}`,
    );
    expect(data).toEqual({ list: null, a: FOUND.a });
    expect(codes({ errors })).toEqual([[INVALID, 'list']]);
    expect(subgraph.upstream.commands()).toEqual([LISTED, info('a')]);
  });

  it.each<[string, Answer, Record<string, Answer>, string, string[], number?]>([
    ['of a refused token', { status: 401 }, {}, 'UNAUTHENTICATED', []],
    ['of a caller who may not', { status: 403 }, {}, 'FORBIDDEN', []],
    ['of a limited rate', { status: 429 }, {}, UNAVAILABLE, [], 3],
    ['of a rejection', NO, {}, 'COMMAND_REJECTED', []],
    ['of the first detail, which fails as the list did', HTML, { a: HTML }, INVALID, ['a']],
    ['of the first detail in an outage, as the list', { status: 500 }, { a: { status: 500 } }, UNAVAILABLE, ['a']],
    ['of the first detail, whose rate is limited', LARGE, { a: { status: 429 } }, UNAVAILABLE, ['a', 'a', 'a']],
  ])('stands for all of them if it is final: the failure %s', async (_, list, infos, code, sent, attempts = 1) => {
    fail(() => list, infos);
    expect(codes(await subgraph.ask(details('a', 'b', 'c')))).toEqual(['a', 'b', 'c'].map((path) => [code, path]));
    expect(subgraph.upstream.commands()).toEqual([...Array(attempts).fill(LISTED), ...sent.map(info)]);
  });

  it.each<[string, Answer, Answer, string]>([
    ['does not exist', { status: 500 }, NO, 'COMMAND_REJECTED'],
    ['is invalid where the list was too large', LARGE, HTML, INVALID],
    ['cannot be read where the list was too large', LARGE, { status: 500 }, UNAVAILABLE],
  ])('leaves others to commands of their own if the first detail %s', async (_, list, first, code) => {
    fail(() => list, { a: first });
    const answer = await subgraph.ask(details('a', 'b'));
    expect([answer.data, codes(answer)]).toEqual([{ a: null, b: FOUND.b }, [[code, 'a']]]);
    expect(subgraph.upstream.commands()).toEqual([LISTED, info('a'), info('b')]);
  });

  it('costs one command more for each residence in an outage, however many batches there are', async () => {
    subgraph.upstream.fail(() => ({ status: 500 }));
    const batch = (name: string) => toRepresentations(Array.from({ length: 200 }, (_, index) => `r:${name}${index}`));
    const query = `query ($a: [_Any!]!, $b: [_Any!]!) { a: _entities(representations: $a) { __typename }
      b: _entities(representations: $b) { __typename } }`;
    const { errors } = await subgraph.ask(query, { variables: { a: batch('a'), b: batch('b') } });
    expect(errors).toHaveLength(400);
    expect(subgraph.upstream.commands()).toEqual([LISTED, info('a0')]);
  });
});
