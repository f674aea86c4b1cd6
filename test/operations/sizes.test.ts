/**
 * The size of each thing that a caller or the command API sends: the largest is served, and one beyond it is refused at its field.
 * Characters are UTF-16 units, in which an emoji counts 2. process/http.test.ts has the sizes of heads and bodies.
 */
import { gzipSync } from 'node:zlib';
import { expect, it } from '@jest/globals';
import { exampleTicket } from '../../dev/maintenance/seed.ts';
import type { Ticket } from '../../dev/maintenance/store.ts';
import {
  aliased,
  answerWith,
  create,
  DELETE,
  deleteMany,
  detail,
  entities,
  type FieldQuery,
  list,
  R,
  times,
} from '../support/maintenance/requests.ts';
import { fieldsOf } from '../support/maintenance/schema.ts';
import { act } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();
const ask = ({ query, variables }: FieldQuery) => subgraph.ask(query, { variables });

/** Answers lists with no ticket, and other commands with a ticket. */
const answerAll = () =>
  subgraph.upstream.fail(({ command }) => ({
    body: { success: true, result: command === 'get_maintenance_list' ? [] : { maintenance_id: 'm' } },
  }));

async function expectRefused(request: FieldQuery, path: FieldQuery['path'], fault: object): Promise<void> {
  subgraph.upstream.received.length = 0;
  const extensions = { code: 'BAD_USER_INPUT', arguments: [fault] };
  expect((await ask(request)).errors).toMatchObject([{ path, extensions }]);
  expect(subgraph.upstream.received).toEqual([]);
}

const text = (size: number) => '😀'.repeat(size / 2) + 'x'.repeat(size % 2);
const residences = (size: number) => times(size, (index) => ({ __typename: 'Residence', id: `r${index}` }));
const pictures = (pictureFilenames: string[]) => create({ pictureFilenames });

it.each<[fault: string, most: number, requestOf: (size: number) => FieldQuery]>([
  ['states must not hold more than 100 entries', 100, (n) => list({ states: Array(n).fill('CLOSED') })],
  ['representations must not hold more than 1000 entries', 1000, (n) => entities(residences(n))],
  ['ids must not hold more than 500 entries', 500, (n) => deleteMany(times(n, (i) => `r:${i}`))],
  ['ids must not be of more than 100 residences', 100, (n) => deleteMany(times(n, (i) => `${i}:m`))],
  ['input.description must not be longer than 10000 characters', 10_000, (n) => create({ description: text(n) })],
  ['input.contact must not be longer than 1000 characters', 1000, (n) => create({ contact: text(n) })],
  ['input.pictureFilenames must not hold more than 20 entries', 20, (n) => pictures(times(n, String))],
  ['input.pictureFilenames[0] must not be longer than 256 characters', 256, (n) => pictures([text(n)])],
])('%s', async (fault, most, requestOf) => {
  expect((await ask(requestOf(most))).errors).toEqual([]);
  const [, argument, message] = /^(\S+) (.*)$/.exec(fault) ?? [];
  const code = fault.endsWith('characters') ? 'TOO_LONG' : 'TOO_MANY';
  const refused = requestOf(most + 1);
  // Too many representations are refused as a whole.
  await expectRefused(refused, refused.path.slice(0, 1), { argument, code, message });
});

const LONGEST = 'x'.repeat(256);
const ofResidence = (id: string) =>
  entities([{ __typename: 'Residence', id }], '... on Residence { maintenances { id } }');
const ofMaintenance = (id: string, maintenanceId: string) =>
  entities([{ __typename: 'Maintenance', residence: { id }, maintenanceId }], '... on Maintenance { id }');

it.each<[argument: string, requestOf: (id: string) => FieldQuery]>([
  ['residenceId', (residenceId) => list({ residenceId })],
  ['input.residenceId', (residenceId) => create({ residenceId })],
  ['representations.id', ofResidence],
  ['representations.residence.id', (id) => ofMaintenance(id, 'm')],
  ['representations.maintenanceId', (id) => ofMaintenance('r', id)],
])('%s has 1 to 256 characters of well-formed Unicode', async (argument, requestOf) => {
  answerAll();
  expect((await ask(requestOf(LONGEST))).errors).toEqual([]);
  expect(JSON.stringify(subgraph.upstream.received[0]?.param)).toContain(`"${LONGEST}"`);
  for (const id of [`x${LONGEST}`, 'x\udc00', ''])
    await expectRefused(requestOf(id), requestOf(id).path, { argument, code: 'NOT_AN_ID' });
});

it('a Maintenance.id has two such ids, of which each character may be escaped', async () => {
  answerAll();
  expect((await ask(detail(`${'%25'.repeat(256)}:${'%3a'.repeat(256)}`))).errors).toEqual([]);
  const param = { residence_id: '%'.repeat(256), maintenance_id: ':'.repeat(256) };
  expect(subgraph.upstream.received).toMatchObject([{ param }]);
  for (const id of ['r:m:m', `x${LONGEST}:m`, `r:x${LONGEST}`, 'r\ud800:m', ':m', 'r:'])
    await expectRefused(detail(id), ['maintenance'], { argument: 'id', code: 'NOT_AN_ID' });
});

it('an operation sends 100 writes: residences of a batch beyond them are failures, and a further field fails', async () => {
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

function details(count: number, idOf: (index: number) => string) {
  const keys = times(count, (index) => ({ __typename: 'Maintenance', id: idOf(index) }));
  return entities(keys, '... on Maintenance { state }');
}

it('an operation sends 1,000 reads, and counts the list that follows a rejected detail: without room for it, the error of the detail stands', async () => {
  subgraph.upstream.fail(({ command }) => ({ body: { success: command === 'get_maintenance_list', result: [] } }));
  const { errors } = await ask(details(999, (index) => `r${index}:m`));
  expect(errors.map(({ extensions }) => extensions.code)).toEqual(Array(998).fill('COMMAND_REJECTED'));
  expect(subgraph.upstream.received).toHaveLength(1000);
});

const READ = '{ maintenance(id: "r:m") { id } }';
const plain = (text: string) => text;
// The last part tells only its own length.
const inTwoParts = (text: string) => Buffer.concat([gzipSync(text.slice(0, -2)), gzipSync(text.slice(-2))]);

it.each<[to: string, most: number, coding: string, encode: (text: string) => string | Buffer, query: string]>([
  ['a read', 2_097_152, 'Identity', plain, READ],
  ['a read', 2_097_152, 'GZip', gzipSync, READ],
  ['a read', 2_097_152, 'gzip', inTwoParts, READ],
  ['a write', 131_072, 'identity', plain, DELETE],
  ['a write', 131_072, 'gzip', gzipSync, DELETE],
])('the reply to %s has at most %d bytes when it is decompressed: %s', async (to, most, coding, encode, query) => {
  const reply = (description: string) =>
    JSON.stringify({ success: true, result: { maintenance_id: 'm', description } });
  const askFor = (bytes: number) => {
    const body = encode(reply('x'.repeat(bytes - reply('').length)));
    subgraph.upstream.fail(act((response) => response.writeHead(200, { 'content-encoding': coding }).end(body)));
    return subgraph.ask(query);
  };
  expect((await askFor(most)).errors).toEqual([]);
  const message = 'The command API sent a reply that is too large.';
  const extensions = { code: 'UPSTREAM_INVALID_RESPONSE', ...(to === 'a write' && { outcome: 'UNKNOWN' }) };
  expect((await askFor(most + 1)).errors).toMatchObject([{ message, extensions }]);
});

// The size of a response: 4,000,000 characters. Each field that is selected of an entry counts its key, its text and 50, as often as it is
// selected. A value is added before the response is made of it. Beyond the limit, it is refused at its field or entry, and other values
// stay. The result of a write is added before the write is sent.

/** Gives a residence this many tickets with these members. */
function fill(residenceId: string, length: number, members: Partial<Ticket>): void {
  const tickets = times(length, (index) => ({ ...members, maintenance_id: `m${index}` }) as Ticket);
  subgraph.upstream.store.residences.set(residenceId, tickets);
}

const EACH_FIELD = fieldsOf('Maintenance').join(' ');
const TEXTS = aliased(98, 'description');
const ids = (size: number) => times(size, (index) => `r:m${index}`);
const listOf = (size: number, fields = TEXTS) => `maintenances(residenceId: "r", first: ${size}) { ${fields} }`;
const examples = (size: number) => aliased(4, listOf(size / 4, EACH_FIELD));
const afterWrite = (size: number) =>
  `deleteMaintenance(id: "r:m9999") { residence { maintenances(first: ${size}) { residence { ${aliased(97, 'id')} } } } }`;
const keys = (size: number) => ids(size).map((id) => `{ __typename: "Maintenance", id: "${id}" }`);
const entitiesOf = (size: number) => `_entities(representations: [${keys(size)}]) { ... on Maintenance { ${TEXTS} } }`;
const batchOf = (size: number, fields = aliased(99, 'deletedIds')) =>
  `deleteMaintenances(ids: ${JSON.stringify(times(size, (index) => `r:${LONGEST.slice(0, 250)}${index}`))}) { ${fields} }`;
const failuresOf = (size: number) => batchOf(size, `failures { ${aliased(99, 'message')} }`);

it.each<[of: string, fits: number, exceeds: number, path: string, fieldOf: (size: number) => string]>([
  ['requests like the vendor’s example, with each field once,', 4000, 4800, 'a3', examples],
  ['requests of a list, by their texts,', 680, 740, 'maintenances', listOf],
  ['entities, each by itself,', 590, 620, '_entities.N', entitiesOf],
  ['requests of a list after a write', 720, 780, 'deleteMaintenance.residence.maintenances', afterWrite],
  ['ids of a write, before it is sent,', 125, 140, 'deleteMaintenances', batchOf],
  ['failures of a write, before it is sent,', 210, 230, 'deleteMaintenances', failuresOf],
])('of %s %d fit, and of %d those beyond it are refused: %s', async (...row) => {
  const [, fits, exceeds, path, fieldOf] = row;
  fill('r', 1500, exampleTicket());
  const askFor = (size: number) =>
    subgraph.ask(`${path.startsWith('delete') ? 'mutation' : 'query'} { ${fieldOf(size)} }`);
  expect((await askFor(fits)).errors).toEqual([]);
  subgraph.upstream.received.length = 0;
  const { data, errors } = await askFor(exceeds);
  expect(errors.length).toBeGreaterThan(0);
  expect(errors.length).toBeLessThan(30);
  for (const error of errors) {
    expect([error.extensions.code, error.path?.join('.').replace(/\d{2,}/, 'N')]).toEqual(['BAD_USER_INPUT', path]);
    expect(error.path?.reduce((value, key) => value[key], data)).toBeNull();
  }
  if (path === 'deleteMaintenances')
    expect([errors[0]?.extensions.outcome, subgraph.upstream.received]).toEqual(['NOT_SENT', []]);
});

it('a list is refused if its undecodable fields would be thousands of errors', async () => {
  fill(R, 100, { state: 'lost' });
  const askFor = (count: number) =>
    subgraph.ask(`{ maintenances(residenceId: "${R}") { ${aliased(count, 'state')} } }`);
  const { errors } = await askFor(37);
  expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['UPSTREAM_INVALID_RESPONSE']));
  // Finding the lines of that many errors would block other requests.
  expect([errors.length, errors[0]]).toEqual([3700, expect.not.objectContaining({ locations: expect.anything() })]);
  expect((await askFor(38)).errors).toMatchObject([{ path: ['maintenances'], extensions: { code: 'BAD_USER_INPUT' } }]);
});
