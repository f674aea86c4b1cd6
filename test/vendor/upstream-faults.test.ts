import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { freePort } from '../../dev/command-api.ts';
import { EXAMPLE, FLATS } from '../../dev/maintenance/seed.ts';
import { type Asking, codes } from '../support/ask.ts';
import { LIST, M, R } from '../support/maintenance/requests.ts';
import { WIRE } from '../support/maintenance/wire.ts';
import { type Answer, act, type Fault, type Received } from '../support/upstream.ts';
import { type Subgraph, startSubgraph, useMany, useSubgraph } from '../support/use-subgraph.ts';

const CANARY = 'canary-of-upstream 10.1.2.3 王女士';
const NO = { success: false, message: CANARY };
const YES = { success: true, result: [] };
const DAPR = { errorCode: 'ERR_DIRECT_INVOKE', message: CANARY };
const GZIP = { 'content-encoding': 'gzip' };
const CODINGS = { 'content-encoding': 'gzip, identity' };
const LONGER = { 'content-length': '100' };
const [UNAVAILABLE, TIMEOUT, INVALID] = ['UPSTREAM_UNAVAILABLE', 'UPSTREAM_TIMEOUT', 'UPSTREAM_INVALID_RESPONSE'];

const reply =
  (status: number, body: unknown = '', headers: Answer['headers'] = {}): Fault =>
  () => ({ status, body, headers });
/** Begins a response. Then runs `cut`, or leaves the response without an end. */
const begin = (status: number, headers = {}, cut?: (response: ServerResponse) => void) =>
  act((response) => response.writeHead(status, headers).write('{"canary":true', () => cut?.(response)));
/** Writes one character every 20 ms until the subgraph closes the connection. */
function drip(response: ServerResponse, write: (character: string) => void): void {
  const characters = 'HTTP/1.1 200 OK\r\nx: '[Symbol.iterator]();
  const timer = setInterval(() => write(characters.next().value ?? 'x'), 20);
  response.once('close', () => clearInterval(timer));
}
/** Writes until the subgraph closes the connection. */
function pour(response: ServerResponse): void {
  while (!response.destroyed && response.write('x'.repeat(64 * 1024)));
  response.once('drain', () => pour(response));
}

type Row = [name: string, fault: Fault, code: string, attempts?: number];
/** Each fault of a command, the code of its error, and the number of attempts of a read, by default 1. */
const FAULTS: Row[] = [
  ['401 with success: true', reply(401, YES), 'UNAUTHENTICATED'],
  ['401 without an end', begin(401), 'UNAUTHENTICATED'],
  ['403 of Dapr', reply(403, DAPR), 'FORBIDDEN'],
  ['200 with success: false', reply(200, NO), 'COMMAND_REJECTED'],
  ['400 with success: false', reply(400, NO), 'COMMAND_REJECTED'],
  ['429', reply(429, CANARY), UNAVAILABLE, 3],
  ['500 with success: false', reply(500, NO), UNAVAILABLE],
  ['a cut 500', begin(500, LONGER, (r) => r.socket?.destroy()), UNAVAILABLE],
  ['500 without a limit of size', act((r) => pour(r.writeHead(500))), UNAVAILABLE],
  ['504 with success: true', reply(504, YES), UNAVAILABLE, 3],
  ['a reset before the head', act((r) => r.socket?.resetAndDestroy()), UNAVAILABLE, 3],
  ['a close in the body', begin(200, LONGER, (r) => r.socket?.end()), UNAVAILABLE, 3],
  ['a close in a chunked body', begin(200, {}, (r) => r.socket?.destroy()), UNAVAILABLE, 3],
  ['cut gzip', act((r) => r.writeHead(200, GZIP).end(gzipSync('{}').subarray(0, -9))), UNAVAILABLE, 3],
  ['no response', () => 'taken', TIMEOUT],
  ['503 without an end', begin(503), UNAVAILABLE, 3],
  ['a dripping head', act((r) => drip(r, (text) => r.socket?.write(text))), TIMEOUT],
  ['a dripping body', act((r) => drip(r.writeHead(200), (text) => r.write(text))), TIMEOUT],
  ['400 with success: true', reply(400, YES), INVALID],
  ['404 of Dapr', reply(404, DAPR), INVALID],
  ['408 on a fresh connection', reply(408), INVALID],
  ['a redirect', reply(307, '', { location: '/elsewhere' }), INVALID],
  ['204 in gzip', reply(204, '', GZIP), INVALID],
  ['HTML', reply(200, `<html>${CANARY}`), INVALID],
  ['an array', reply(200, []), INVALID],
  ['success: "true"', reply(200, { ...YES, success: 'true' }), INVALID],
  ['no result', reply(200, { success: true }), INVALID],
  ['a text as result', reply(200, { success: true, result: CANARY }), INVALID],
  ['a body without a limit of size', act((r) => pour(r.writeHead(200))), INVALID],
  ['a head of 100 KB', reply(200, '', { 'x-filler': 'x'.repeat(100_000) }), INVALID],
  ['bytes that are not HTTP', act((r) => r.socket?.end(`${CANARY}\r\n\r\n`)), INVALID],
  // got would decode it.
  ['two codings', act((r) => r.writeHead(200, CODINGS).end(gzipSync(JSON.stringify(YES)))), INVALID],
  ['2,000 codings', reply(200, NO, { 'content-encoding': Array(2000).fill('gzip').join() }), INVALID],
  ['bad gzip', reply(200, CANARY, GZIP), INVALID],
];

const READ = `query ($representations: [_Any!]!) {
  bad: maintenances(residenceId: "faulty") { id } good: maintenances(residenceId: "${R}") { id }
  _entities(representations: $representations) {
    ... on Residence { id maintenances { id } } ... on Maintenance { description }
  }
}`;
/** Every field that writes, with the failures of a batch selected. */
const WRITES = WIRE.filter(({ operation }) => operation === 'mutation').map(({ name, root, field }) => ({
  command: name,
  name: root,
  field: field.replace('{ deletedIds }', '{ failures { code outcome } }'),
}));
const LAST = `last: deleteMaintenance(id: "${FLATS[0]?.id}:m") { deletedId }`;

/** Asserts how each write fails, in its own operation. A batch has failures as data, unless its token was refused. */
async function expectFailedWrites(ask: Subgraph['ask'], code: string, outcome: string, asking: Asking = {}) {
  const answers = WRITES.map(async ({ name, field }) => {
    const { data, errors } = await ask(`mutation { ${field} ${LAST} }`, asking);
    const isData = field.includes('failures') && code !== 'UNAUTHENTICATED';
    expect(data[name]).toEqual(isData ? { failures: [{ code, outcome }] } : null);
    const failed = errors.filter(({ path }) => path?.[0] === name);
    expect(failed).toMatchObject(isData ? [] : [{ path: [name], extensions: { code, outcome } }]);
    return data.last;
  });
  return Promise.all(answers);
}

const shared = useSubgraph();
const start = useMany(startSubgraph);
/** Starts a subgraph, with a shorter time limit of an attempt if the fault ends by that. */
function startFor([name, , code]: Row) {
  const isSlow = code === TIMEOUT || name.endsWith('without an end');
  return start({ BREAKER_FAILURES: '10000', ...(isSlow && { ATTEMPT_TIMEOUT_MS: '4000' }) });
}

// Side by side, because some of them wait.
describe('a fault of the command API', () => {
  it.concurrent('the time limit of an operation covers all commands, and the breaker does not count it', async () => {
    // The second attempt has two seconds left when the operation ends.
    const env = { ATTEMPT_TIMEOUT_MS: '3000', OPERATION_TIMEOUT_MS: '4000', BREAKER_FAILURES: '2' };
    const { ask, upstream, logs } = await start(env);
    upstream.fail(() => 'taken');
    const fields = ['a', 'b', 'c'].map((name) => `${name}: deleteMaintenance(id: "r:${name}") { deletedId }`);
    const { errors } = await ask(`mutation { ${fields.join(' ')} }`);
    const outcomes = ['UNKNOWN', 'UNKNOWN', 'NOT_SENT'];
    expect(errors).toMatchObject(outcomes.map((outcome) => ({ extensions: { code: TIMEOUT, outcome } })));
    // The limit of an attempt ends the first command. The limit of the operation ends the others.
    const detail = 'out of time';
    const commands = [{ detail: 'ETIMEDOUT' }, { detail, attempts: 1 }, { detail, attempts: 0 }];
    expect(logs()).toMatchObject([{ commands }]);
    upstream.fail(undefined);
    expect((await ask(LIST)).errors).toEqual([]);
    const sent = ['delete_maintenance_info r a', 'delete_maintenance_info r b', `get_maintenance_list ${R}`];
    expect(upstream.commands()).toEqual(sent);
  });

  it.concurrent.each(FAULTS)('fails the read, and no other field: %s', async (...row) => {
    const [name, fault, code, attempts = 1] = row;
    const { ask, upstream, logText } = await startFor(row);
    const isFaulty = ({ param }: Received) => String(param.residence_id).startsWith('faulty');
    upstream.fail((received, response) => (isFaulty(received) ? fault(received, response) : undefined));
    const representations = [
      ...['faulty', R].map((id) => ({ __typename: 'Residence', id })),
      ...['faulty-2:1', `${R}:${M}`].map((id) => ({ __typename: 'Maintenance', id })),
      { __typename: 'Maintenance', residence: { id: 'faulty-3' }, maintenanceId: '1' },
    ];
    const answer = await ask(READ, { variables: { representations } });
    const [list, faulty] = [[{ id: `${R}:${M}` }], { id: 'faulty', maintenances: null }];
    const entities = [faulty, { id: R, maintenances: list }, null, { description: 'test' }, null];
    expect(answer.data).toEqual({ bad: null, good: list, _entities: entities });

    const sent = upstream.received.filter(({ param }) => param.residence_id === 'faulty');
    const upstreamCode = name.endsWith('of Dapr') && { upstreamCode: DAPR.errorCode };
    const ofList = { code, command: 'get_maintenance_list', commandId: sent[0]?.id, ...upstreamCode };
    const ofInfo = { code, command: 'get_maintenance_info', commandId: expect.any(String), ...upstreamCode };
    const found = answer.errors.map(({ path, extensions }) => [path?.join('.'), extensions]).sort();
    const ofEntities = { '_entities.0.maintenances': ofList, '_entities.2': ofInfo, '_entities.4': ofInfo };
    expect(found).toEqual([...Object.entries(ofEntities), ['bad', ofList]]);
    for (const { message } of answer.errors) expect(message).toMatch(/^The command API .+\.$/);
    // The list of a residence decides only where the request may not exist.
    const ofSecond = upstream.received.filter(({ param }) => param.residence_id === 'faulty-2');
    const isSettled = ofSecond.some(({ command }) => command === 'get_maintenance_list');
    expect(isSettled).toBe(code === 'COMMAND_REJECTED' || name === 'no result');
    // Each attempt sends the same command, on another connection.
    expect(sent.map(({ body }) => body)).toEqual(Array(attempts).fill(sent[0]?.body));
    expect(new Set(sent.map(({ connection }) => connection)).size).toBe(attempts);
    expect(JSON.stringify(answer) + logText()).not.toContain('canary');
  });

  it.concurrent.each(FAULTS)('fails each write after one attempt, with its outcome: %s', async (...row) => {
    const [, fault, code] = row;
    const { ask, upstream } = await startFor(row);
    const isFaulty = ({ param }: Received) => param.residence_id === R;
    upstream.fail((received, response) => (isFaulty(received) ? fault(received, response) : undefined));
    const isRejected = ['UNAUTHENTICATED', 'FORBIDDEN', 'COMMAND_REJECTED'].includes(code);
    const last = await expectFailedWrites(ask, code, isRejected ? 'REJECTED' : 'UNKNOWN');
    expect(last).toEqual(WRITES.map(() => ({ deletedId: `${FLATS[0]?.id}:m` })));
    const commands = [...WRITES.map(({ command }) => command), ...WRITES.map(() => 'delete_maintenance_info')];
    expect(upstream.received.map(({ command }) => command).sort()).toEqual(commands.sort());
  });
});

it('writes without a token are not sent', async () => {
  await expectFailedWrites(shared.ask, 'UNAUTHENTICATED', 'NOT_SENT', { token: null });
  expect(shared.upstream.commands()).toEqual([]);
});

it.each([
  ['refuses connections', async () => `http://127.0.0.1:${await freePort()}`],
  ['has no address', async () => 'https://no-such-host.invalid'],
  ['has no TLS', async () => `https://127.0.0.1:${new URL(shared.upstream.url).port}`],
])('a command API that %s fails reads, and writes as NOT_SENT', async (_, origin) => {
  const { ask } = await start({ COMMAND_API_URL: await origin() });
  expect(codes(await ask('{ maintenance(id: "r:m") { id } }'))).toEqual([[UNAVAILABLE, 'maintenance']]);
  await expectFailedWrites(ask, UNAVAILABLE, 'NOT_SENT');
});

it.each<[object, string | undefined]>([
  [{ code: 123_456_789 }, '123456789'],
  [{ code: -32601 }, '-32601'],
  [{ code: CANARY }, undefined],
  [{ code: CANARY, errorCode: 'E2' }, 'E2'],
  [{ code: 'E'.repeat(32) }, 'E'.repeat(32)],
  [{ code: 'E'.repeat(33) }, undefined],
  [{ code: '138-0013-8000' }, undefined],
  [{ code: { code: CANARY } }, undefined],
  [{ errorCode: EXAMPLE.token }, undefined],
])('%j has a short code for extensions.upstreamCode, or none: %s', async (body, expected) => {
  shared.upstream.fail(reply(200, { success: false, ...body }));
  const { errors } = await shared.ask(LIST);
  const { code, upstreamCode } = errors[0]?.extensions ?? {};
  expect([code, upstreamCode]).toEqual(['COMMAND_REJECTED', expected]);
  expect(shared.logText()).not.toMatch(new RegExp(`canary|${EXAMPLE.token}`));
});
