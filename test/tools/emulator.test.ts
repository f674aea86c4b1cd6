import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import { createEmulator, PATH, serve } from '../../dev/command-api.ts';
import { EXAMPLE, seed } from '../../dev/seed.ts';
import { Store } from '../../dev/store.ts';

const authorization = `Bearer ${EXAMPLE.token}`;
const HEADERS = { 'content-type': 'application/json', accept: 'application/json', authorization };
const R = { residence_id: EXAMPLE.residenceId };
const LIST = { command: 'get_maintenance_list', id: 'c1', param: R };
const command = (name: string, param: object) => ({ command: name, id: 'c1', param: { ...R, ...param } });

let server: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  server = await serve(createEmulator({ store: new Store(seed()), tokens: new Set([EXAMPLE.token]) }));
});
afterAll(() => server.stop());

async function send(body: unknown, { method = 'POST', path = PATH, headers = {} } = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const init = { method, headers: { ...HEADERS, ...headers }, ...(method === 'POST' && { body: text }) };
  const response = await fetch(server.url + path, init);
  const answer = await response.text();
  return { status: response.status, body: answer && JSON.parse(answer) };
}

it('the emulator answers for rfault-slow with the list, but late', async () => {
  jest.useFakeTimers();
  const slow = send(command('get_maintenance_list', { residence_id: 'rfault-slow' }));
  // Until the emulator waits.
  while (jest.getTimerCount() === 0) await send(LIST);
  jest.advanceTimersByTime(1999);
  expect(jest.getTimerCount()).toBe(1);
  jest.advanceTimersByTime(1);
  jest.useRealTimers();
  const result = [expect.objectContaining({ maintenance_id: EXAMPLE.maintenanceId })];
  expect(await slow).toMatchObject({ status: 200, body: { success: true, result } });
});

const TIMES = { start_time: '2024-01-16 13:32:45', finish_time: '2024-01-17 13:32:45' };
const create = (changes: object) =>
  command('create_maintenance_info', { ...TIMES, description: 'test', contact: '10086', ...changes });
const deleteAll = (maintenances: unknown[]) => command('batch_delete_maintenance_info', { maintenances });

it('the emulator does what it is told for rfault-lost, and answers only reads', async () => {
  const lost = { residence_id: 'rfault-lost' };
  expect(await send(create(lost))).toEqual({ status: 503, body: '' });
  const { body } = await send(command('get_maintenance_list', lost));
  expect(body.result).toHaveLength(2);
});

it('the emulator runs and answers writes for rfault-unread, and fails reads', async () => {
  const unread = { residence_id: 'rfault-unread' };
  const { body } = await send(create(unread));
  expect(body).toMatchObject({ success: true, result: { maintenance_id: expect.any(String) } });
  for (const [name, id] of [
    ['get_maintenance_list', {}],
    ['get_maintenance_info', body.result],
  ] as const)
    expect(await send(command(name, { ...unread, ...id }))).toEqual({ status: 503, body: '' });
});

it.each<[fault: string, body: unknown, request?: Parameters<typeof send>[1], status?: number]>([
  ['another path', LIST, { path: '/' }, 404],
  ['another method', LIST, { method: 'GET' }, 405],
  ['another Content-Type', LIST, { headers: { 'content-type': 'application/json; charset=utf-8' } }],
  ['another Accept', LIST, { headers: { accept: '*/*' } }],
  ['another token', LIST, { headers: { authorization: 'Bearer other' } }, 401],
  ['a body without JSON', '{'],
  ['a body that is a list', [LIST]],
  ['an unknown command', { ...LIST, command: 'constructor' }],
  ['a command id that is a number', { ...LIST, id: 5 }],
  ['no param', { ...LIST, param: undefined }],
  ['an unknown member', { ...LIST, extra: 1 }],
  ['a missing parameter', { ...LIST, param: {} }],
  ['an unknown parameter', create({ state: 'closed' })],
  ['a time with a zone', create({ start_time: '2024-01-16T13:32:45Z' })],
  ['an empty text', create({ contact: '' })],
  ['a text for filename', create({ filename: 'f' })],
  ['an empty list of maintenances', deleteAll([])],
  ['a list of bare ids', deleteAll(['m'])],
  ['an unknown residence', { ...LIST, param: { residence_id: 'unknown' } }, {}, 200],
])('the emulator refuses %s', async (_, body, request = {}, status = 400) => {
  const refusal = { success: false, timestamp: expect.any(Number), message: expect.any(String) };
  expect(await send(body, request)).toEqual({ status, body: refusal });
});
