/** `_entities`, with correct, malformed and hostile representations, and the `Accept` header of each router. */
import { expect, it } from '@jest/globals';
import { type Asking, codes } from '../support/ask.ts';
import { LIST, M, R } from '../support/maintenance/requests.ts';
import { untilMetric } from '../support/scrape.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';

const ID = `${R}:${M}`;
const INFO = `get_maintenance_info ${R} ${M}`;
const QUERY = `query ($r: [_Any!]!) {
  _entities(representations: $r) {
    __typename ... on Maintenance { id maintenanceId residence { id } description } ... on Residence { id }
  }
}`;
const maintenance = (keys: object) => ({ __typename: 'Maintenance', ...keys });
const residence = (keys: object) => ({ __typename: 'Residence', ...keys });
const RESIDENCE = residence({ id: R });
const GOOD = maintenance({ id: ID });
const ENTITY = maintenance({ id: ID, maintenanceId: M, residence: { id: R }, description: 'test' });

const subgraph = useSubgraph();
const resolve = (r: unknown[], asking: Asking = {}) => subgraph.ask(QUERY, { variables: { r }, ...asking });

it('a Maintenance is found by either key or both, with one command, where null is an absent key', async () => {
  const keys = { residence: RESIDENCE, maintenanceId: M };
  const both = maintenance({ ...keys, id: ID });
  const withoutId = { ...both, id: null };
  const withoutKeys = { ...both, residence: null, maintenanceId: null };
  const { data, errors } = await resolve([GOOD, maintenance(keys), both, withoutId, withoutKeys, GOOD]);
  expect(errors).toEqual([]);
  expect(data._entities).toEqual(Array(6).fill(ENTITY));
  expect(subgraph.upstream.commands()).toEqual([INFO]);
});

const REFUSED = 'refused: _entities(representations: $r) { __typename }';
const LISTED = LIST.slice(1, -1);

it.each([
  ['before', `${REFUSED} ${LISTED}`, 0],
  ['after', `${LISTED} ${REFUSED}`, 1],
])('more than 1,000 representations refuse the operation when what it sent %s has ended', async (_, fields, sent) => {
  const query = `query ($r: [_Any!]!) { ${fields} }`;
  const held = subgraph.upstream.hold();
  const asked = subgraph.ask(query, { variables: { r: Array(1001).fill(GOOD) } });
  // An operation is logged when it is answered.
  await until(() => subgraph.logs().length > 0 || held.length > 0);
  await settle(subgraph.url);
  expect([subgraph.logs().length, held.length]).toEqual([1 - sent, sent]);
  held.end();
  expect(codes(await asked)).toEqual([['BAD_USER_INPUT', 'refused']]);
  const commands = Array(sent).fill({ name: 'get_maintenance_list', attempts: 1 });
  expect(subgraph.logs()).toMatchObject([{ codes: ['BAD_USER_INPUT'], commands }]);
  await untilMetric(subgraph.url, 'maintenance_memory_held_bytes', 0);
});

const NEW_TYPE = 'application/graphql-response+json';
it.each([
  ['Apollo Router', `multipart/mixed;deferSpec=20220824, application/json, ${NEW_TYPE}`],
  ['@apollo/gateway', '*/*'],
  ['Hive Gateway', `${NEW_TYPE}, application/json, multipart/mixed`],
  ['Grafbase', `${NEW_TYPE}; charset=utf-8, application/json; charset=utf-8`],
  ['a router that accepts only the new type', NEW_TYPE],
])('%s gets 200 with good, bad, missing and failing representations in their order', async (_, accept) => {
  subgraph.upstream.fail(({ param }) => (param.residence_id === 'down' ? { status: 503 } : undefined));
  const [failing, missing] = ['down:m', `${R}:gone`].map((id) => maintenance({ id }));
  const r = [residence({ id: 'x' }), {}, GOOD, failing, missing, 'x', RESIDENCE];
  const answer = await resolve(r, { headers: { accept } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json; ?charset=utf-8$/);
  expect(codes(answer).sort()).toEqual([
    ['BAD_USER_INPUT', '_entities.1'],
    ['BAD_USER_INPUT', '_entities.5'],
    ['UPSTREAM_UNAVAILABLE', '_entities.3'],
  ]);
  expect(answer.data._entities).toEqual([residence({ id: 'x' }), null, ENTITY, null, null, null, RESIDENCE]);
  const commands = new Set(['get_maintenance_info down m', `get_maintenance_list ${R}`]);
  expect(new Set(subgraph.upstream.commands())).toEqual(commands);
});

const KEYS = { residence: { id: R }, maintenanceId: M };
it.each<[string, string, unknown]>([
  ['without a type', 'UNKNOWN', { id: ID }],
  ['of the type "constructor"', 'UNKNOWN', { __typename: 'constructor', id: ID }],
  ['that is a list of null', 'UNKNOWN', [null]],
  ['with a number for maintenanceId', 'NOT_AN_ID', maintenance({ ...KEYS, maintenanceId: 5 })],
  ['with keys of two residences', 'CONTRADICTORY', maintenance({ ...KEYS, id: ID, residence: { id: 'x' } })],
  ['with an id and half of a different key', 'CONTRADICTORY', maintenance({ id: ID, maintenanceId: 'x' })],
])('an unusable representation %s nulls its own entry and sends nothing', async (_, code, bad) => {
  const answer = await resolve([bad, RESIDENCE]);
  expect(codes(answer)).toEqual([['BAD_USER_INPUT', '_entities.0']]);
  expect(answer.errors[0]).toHaveProperty('extensions.arguments.0.code', code);
  expect(answer.data._entities).toEqual([null, RESIDENCE]);
  expect(subgraph.upstream.commands()).toEqual([]);
});

it('members beside a key are ignored: nested deeply, names of methods, and other fields of the type', async () => {
  const nest = (levels: number) => `${'['.repeat(levels)}1${']'.repeat(levels)}`;
  const methods = '"toString":1,"valueOf":1,"hasOwnProperty":1,"constructor":"x","toJSON":"x","then":"x"';
  const fields = '"description":"evil","state":"CLOSED","pictureUrls":["evil"],"residenceId":"evil"';
  const members = `"x":${nest(60_000)},"residence":{"id":"${R}","x":${nest(50_000)}},${methods},${fields}`;
  const representation = `{"__typename":"Maintenance","id":"${ID}",${members}}`;
  const answer = await subgraph.post(`{"query":${JSON.stringify(QUERY)},"variables":{"r":[${representation}]}}`);
  expect(answer.errors).toEqual([]);
  expect(answer.data._entities).toEqual([ENTITY]);
  expect(subgraph.upstream.commands()).toEqual([INFO]);
});
