/** What the emulator of the command API refuses, so that a wrong request of the subgraph or of another client fails. */
import { afterAll, expect, it } from '@jest/globals';
import { createEmulator, PATH, serve } from '../../dev/command-api.ts';
import { EXAMPLE, seed } from '../../dev/seed.ts';
import { Store } from '../../dev/store.ts';

const emulator = await serve(createEmulator({ store: new Store(seed()), tokens: new Set([EXAMPLE.token]) }));
afterAll(emulator.stop);

const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json',
  authorization: `Bearer ${EXAMPLE.token}`,
};
const LIST = { command: 'get_maintenance_list', id: 'c1', param: { residence_id: EXAMPLE.residenceId } };
const TIMES = { start_time: '2024-01-16 13:32:45', finish_time: '2024-01-17 13:32:45' };
const create = (changes: object) => {
  const param = { ...LIST.param, ...TIMES, description: 'test', contact: '10086', ...changes };
  return { ...LIST, command: 'create_maintenance_info', param };
};

it.each<[fault: string, status: number, body: object, request?: { path?: string; headers?: Record<string, string> }]>([
  ['another path', 404, LIST, { path: '/' }],
  ['another Content-Type', 400, LIST, { headers: { 'content-type': 'text/plain' } }],
  ['another token', 401, LIST, { headers: { authorization: 'Bearer other' } }],
  ['an unknown command', 400, { ...LIST, command: 'constructor' }],
  ['an unknown member', 400, { ...LIST, extra: 1 }],
  ['a missing parameter', 400, { ...LIST, param: {} }],
  ['an unknown parameter', 400, create({ state: 'closed' })],
  ['a time with a zone', 400, create({ start_time: '2024-01-16T13:32:45Z' })],
  ['an unknown residence', 200, { ...LIST, param: { residence_id: 'unknown' } }],
])('the emulator refuses %s with status %i', async (_, status, body, { path = PATH, headers } = {}) => {
  const init = { method: 'POST', headers: { ...HEADERS, ...headers }, body: JSON.stringify(body) };
  const response = await fetch(emulator.url + path, init);
  const refusal = { success: false, timestamp: expect.any(Number), message: expect.any(String) };
  expect([response.status, await response.json()]).toEqual([status, refusal]);
});
