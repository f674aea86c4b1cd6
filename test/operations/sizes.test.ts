/**
 * The size of each thing that a caller or the command API sends: the largest is served, and one beyond it is refused at its field.
 * Characters are UTF-16 units, in which an emoji counts 2. process/http.test.ts has the sizes of heads and bodies.
 */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { resolveSchemaCoordinate } from 'graphql';
import {
  answerWith,
  create,
  DELETE,
  deleteMany,
  detail,
  entities,
  type FieldQuery,
  LIST,
  list,
  R,
  times,
} from '../support/maintenance/requests.ts';
import { SCHEMA } from '../support/maintenance/schema.ts';
import { act } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();
const ask = ({ query, variables }: Omit<FieldQuery, 'path'>) => subgraph.ask(query, { variables });

/** Answers lists with no ticket, and other commands with a ticket. */
const answerAll = () =>
  subgraph.upstream.fail(({ command }) => ({
    body: { success: true, result: command === 'get_maintenance_list' ? [] : { maintenance_id: 'm' } },
  }));

async function expectRefused(request: FieldQuery, fault: object): Promise<void> {
  subgraph.upstream.received.length = 0;
  const faults = [expect.objectContaining(fault)];
  const { errors } = await ask(request);
  expect(errors).toMatchObject([{ path: request.path, extensions: { code: 'BAD_USER_INPUT', arguments: faults } }]);
  expect(subgraph.upstream.received).toEqual([]);
}

const text = (size: number) => '😀'.repeat(size / 2) + 'x'.repeat(size % 2);
const representations = (size: number) => times(size, (index) => ({ __typename: 'Residence', id: `r${index}` }));
const INPUT = 'CreateMaintenanceInput';
const IDS = 'Mutation.deleteMaintenances(ids:)';
type Described = { readonly description?: string | null };

it.each<[string, string, number, (size: number) => FieldQuery]>([
  ['Query._entities(representations:)', 'hold more than 1000 entries', 1000, (n) => entities(representations(n))],
  ['Query.maintenances(states:)', 'hold more than 100 entries', 100, (n) => list({ states: Array(n).fill('CLOSED') })],
  [`${INPUT}.description`, 'be longer than 10000 characters', 10_000, (n) => create({ description: text(n) })],
  [`${INPUT}.contact`, 'be longer than 1000 characters', 1000, (n) => create({ contact: text(n) })],
  [`${INPUT}.pictureFilenames`, 'hold more than 20 entries', 20, (n) => create({ pictureFilenames: times(n, String) })],
  [`${INPUT}.pictureFilenames`, 'be longer than 256 characters', 256, (n) => create({ pictureFilenames: [text(n)] })],
  [IDS, 'hold more than 500 entries', 500, (n) => deleteMany(times(n, (i) => `r:${i}`))],
  [IDS, 'be of more than 100 residences', 100, (n) => deleteMany(times(n, (i) => `${i}:m`))],
])('%s must not %s, and its description says so', async (at, fault, most, requestOf) => {
  answerAll();
  expect((await ask(requestOf(most))).errors).toEqual([]);
  const [, name] = /(\w+)\W*$/.exec(at) ?? [];
  const argument = expect.stringMatching(`^(input\\.)?${name}(\\[0\\])?$`);
  const code = fault.endsWith('characters') ? 'TOO_LONG' : 'TOO_MANY';
  // Too many representations are refused as a whole.
  const { path, ...refused } = requestOf(most + 1);
  await expectRefused({ ...refused, path: path.slice(0, 1) }, { argument, code, message: `must not ${fault}` });
  const described = resolveSchemaCoordinate(SCHEMA, at) as { fieldArgument?: Described; inputField?: Described };
  // Federation adds `representations`, without a description.
  const { description } = described.fieldArgument ?? described.inputField ?? {};
  if (name !== 'representations') expect(description).toMatch(new RegExp(`\\b${most.toLocaleString('en')}\\b`));
});

const LONGEST = 'x'.repeat(256);
const ofResidence = (id: string) =>
  entities([{ __typename: 'Residence', id }], '... on Residence { maintenances { id } }');
const ofMaintenance = (id: string, maintenanceId: string) =>
  entities([{ __typename: 'Maintenance', residence: { id }, maintenanceId }], '... on Maintenance { id }');

it.each<[string, (id: string) => FieldQuery]>([
  ['residenceId', (residenceId) => list({ residenceId })],
  ['input.residenceId', (residenceId) => create({ residenceId })],
  ['representations.id', ofResidence],
  ['representations.residence.id', (id) => ofMaintenance(id, 'm')],
  ['representations.maintenanceId', (id) => ofMaintenance('r', id)],
])('an id of the command API has 1 to 256 characters of well-formed Unicode: %s', async (argument, requestOf) => {
  answerAll();
  expect((await ask(requestOf(LONGEST))).errors).toEqual([]);
  expect(JSON.stringify(subgraph.upstream.received[0]?.param)).toContain(`"${LONGEST}"`);
  for (const id of [`x${LONGEST}`, 'x\udc00', '']) await expectRefused(requestOf(id), { argument, code: 'NOT_AN_ID' });
});

it('a Maintenance.id has two such ids, and at most 1,600 characters with their escapes', async () => {
  answerAll();
  // Each of its characters is escaped.
  const longest = `${'%25'.repeat(256)}:${'%3a'.repeat(256)}`;
  expect((await ask(detail(longest))).errors).toEqual([]);
  const param = { residence_id: '%'.repeat(256), maintenance_id: ':'.repeat(256) };
  expect(subgraph.upstream.received).toMatchObject([{ param }]);
  for (const id of [
    'r:m:m',
    `x${LONGEST}:m`,
    `r:x${LONGEST}`,
    'r\ud800:m',
    longest.padEnd(1601, 'x'),
    'x'.repeat(900_000),
  ])
    await expectRefused(detail(id), { argument: 'id', code: 'NOT_AN_ID' });
});

describe('an operation', () => {
  function details(count: number, idOf: (index: number) => string) {
    const keys = times(count, (index) => ({ __typename: 'Maintenance', id: idOf(index) }));
    return entities(keys, '... on Maintenance { state }');
  }

  it('sends 100 writes: residences of a batch beyond them are failures, and a further field fails', async () => {
    answerWith(subgraph.upstream, {});
    const batch = (alias: string, from: number, count: number) =>
      `${alias}: deleteMaintenances(ids: [${times(count, (index) => `"r${from + index}:m"`)}])
        { deletedIds failures { failedId code outcome } }`;
    const { data, errors } = await subgraph.ask(
      `mutation { ${batch('a', 0, 60)} ${batch('b', 100, 42)} c: deleteMaintenance(id: "r:m") { deletedId } }`,
    );
    expect(errors).toMatchObject([{ path: ['c'], extensions: { code: 'BAD_USER_INPUT', outcome: 'NOT_SENT' } }]);
    expect([data.a.deletedIds.length, data.b.deletedIds.length, data.c]).toEqual([60, 40, null]);
    const failure = { code: 'UPSTREAM_UNAVAILABLE', outcome: 'NOT_SENT' };
    expect(data.b.failures).toEqual(['r140:m', 'r141:m'].map((failedId) => ({ failedId, ...failure })));
    expect(subgraph.upstream.received).toHaveLength(100);
  });

  it('sends 1,000 reads, and a further one fails alone', async () => {
    answerWith(subgraph.upstream, []);
    const { query, variables } = entities(representations(1000), '... on Residence { maintenances { id } }');
    const { data, errors } = await subgraph.ask(query.replace('{', LIST.slice(0, -1)), { variables });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    const ofResidences = data._entities.map(({ maintenances }: { maintenances: unknown }) => maintenances);
    expect([data.maintenances, ...ofResidences].filter((one) => one === null)).toHaveLength(1);
    expect(errors[0]?.path?.reduce((value, key) => value[key], data)).toBeNull();
    expect(subgraph.upstream.received).toHaveLength(1000);
  });

  it('counts the list that follows a rejected detail: without room for it, the error of the detail stands', async () => {
    subgraph.upstream.fail(({ command }) => ({ body: { success: command === 'get_maintenance_list', result: [] } }));
    const { errors } = await ask(details(999, (index) => `r${index}:m`));
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(Array(998).fill('COMMAND_REJECTED'));
    expect(subgraph.upstream.received).toHaveLength(1000);
  });

  it('reads details one by one if their list fails: the last of a thousand has no read left, and has the error of the list', async () => {
    subgraph.upstream.fail(({ command }) =>
      command === 'get_maintenance_list' ? { status: 500 } : { body: { success: true, result: { state: 'closed' } } },
    );
    const { data, errors } = await ask(details(1000, (index) => `r:m${index}`));
    const ofList = { code: 'UPSTREAM_UNAVAILABLE', command: 'get_maintenance_list' };
    expect(errors).toMatchObject([{ path: ['_entities', 999], extensions: ofList }]);
    expect(data._entities.filter((one: unknown) => one !== null)).toHaveLength(999);
    expect(subgraph.upstream.received).toHaveLength(1000);
  });
});

describe('a reply of the command API', () => {
  const MESSAGE = 'The command API sent a reply larger than';

  it.each<[string, (text: string) => string | Buffer]>([
    ['Identity', (text) => text],
    ['GZip', (text) => gzipSync(text)],
    // The last part tells only its own length.
    ['gzip', (text) => Buffer.concat([gzipSync(text.slice(0, -2)), gzipSync(text.slice(-2))])],
  ])('has at most MAX_REPLY_BYTES, 2 MB, when it is decompressed: %s', async (coding, encode) => {
    const reply = (text: string) =>
      JSON.stringify({ success: true, result: [{ maintenance_id: 'm', description: text }] });
    const answer = (bytes: number) => {
      const body = encode(reply('x'.repeat(bytes - reply('').length)));
      subgraph.upstream.fail(act((response) => response.writeHead(200, { 'content-encoding': coding }).end(body)));
      return subgraph.ask(LIST);
    };
    expect((await answer(2_097_152)).data.maintenances).toEqual([{ id: `${R}:m` }]);
    const { data, errors } = await answer(2_097_153);
    expect(data).toEqual({ maintenances: null });
    const [message, code] = [`${MESSAGE} 2,097,152 bytes.`, 'UPSTREAM_INVALID_RESPONSE'];
    expect(errors).toMatchObject([{ message, extensions: { code } }]);
  });

  it.each([
    ['plain', 200, 'UPSTREAM_INVALID_RESPONSE', 'UNKNOWN'],
    ['gzip', 200, 'UPSTREAM_INVALID_RESPONSE', 'UNKNOWN'],
    ['plain', 401, 'UNAUTHENTICATED', 'REJECTED'],
    ['plain', 429, 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
  ])('to a write has at most 128 KB, else its status counts: %s, %d', async (coding, status, code, outcome) => {
    const answer = (bytes: number, status: number) => {
      const text = `{"success":true,"result":{"text":"${'x'.repeat(bytes - 37)}"}}`;
      const [headers, body] = coding === 'gzip' ? [{ 'content-encoding': coding }, gzipSync(text)] : [{}, text];
      subgraph.upstream.fail(act((response) => response.writeHead(status, headers).end(body)));
      return subgraph.ask(DELETE);
    };
    expect((await answer(131_072, 200)).errors).toEqual([]);
    const { errors } = await answer(131_073, status);
    expect(errors).toMatchObject([{ extensions: { code, outcome } }]);
    if (status === 200) expect(errors[0]?.message).toBe(`${MESSAGE} 131,072 bytes.`);
  });
});
