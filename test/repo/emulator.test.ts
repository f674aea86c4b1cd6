import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createCommandApi, freePort, PATH, serve } from '../../dev/command-api.ts';
import { EXAMPLE, FLATS, seed } from '../../dev/seed.ts';
import { Store } from '../../dev/store.ts';
import { killAll, run } from '../support/process.ts';

const HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json',
  authorization: `Bearer ${EXAMPLE.token}`,
};
const LIST = { command: 'get_maintenance_list', id: 'c1', param: { residence_id: EXAMPLE.residenceId } };
const CREATE = {
  command: 'create_maintenance_info',
  id: 'c1',
  param: {
    residence_id: EXAMPLE.residenceId,
    start_time: '2024-01-16 13:32:45',
    finish_time: '2024-01-17 13:32:45',
    description: 'test',
    contact: '10086',
  },
};

let server: Awaited<ReturnType<typeof serve>>;
beforeAll(async () => {
  server = await serve(createCommandApi({ store: new Store(seed()), tokens: new Set([EXAMPLE.token]) }));
});
afterAll(() => server.stop());

async function send(body: unknown, { method = 'POST', path = PATH, headers = {} } = {}) {
  const response = await fetch(server.url + path, {
    method,
    headers: { ...HEADERS, ...headers },
    ...(method === 'POST' && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('npm run emulator', () => {
  const emulator = (...args: string[]) => run('dev/emulator.ts', {}, args);
  afterAll(killAll);

  it('serves the command API on the port that it is given, and prints a command that works', async () => {
    const port = String(await freePort());
    const running = emulator('--port', port);
    await running.until(/More residences +(\S+) \(\d+\)\n/);
    const [, url, path] = await running.until(/curl (http:\/\/\S+?)(\/\S+) /);
    expect([url, path]).toEqual([`http://127.0.0.1:${port}`, PATH]);
    const [, authorization = '', body = ''] = await running.until(/-H '(Authorization: .+)' -d '(.+)'\n/);
    const headers = { ...HEADERS, authorization: authorization.replace('Authorization: ', '') };
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body });
    expect(await answer.json()).toMatchObject({ success: true, result: [{ maintenance_id: EXAMPLE.maintenanceId }] });
    const second = emulator('--port', port);
    expect(await second.exit).toBe(1);
    expect(second.output()).toBe(`Port ${port} is taken by another process. Choose one with --port.\n`);
  });

  it('refuses a port that is none', async () => {
    const running = emulator('--port', '65536');
    expect(await running.exit).toBe(1);
    expect(running.output()).toBe('--port must be a whole number from 0 to 65535.\n');
  });
});

describe('the emulator refuses what the vendor’s page does not allow', () => {
  const without = (name: string) => ({ ...LIST, [name]: undefined });
  const param = (changes: object) => ({ ...CREATE, param: { ...CREATE.param, ...changes } });
  const CASES: [string, unknown, Parameters<typeof send>[1], number][] = [
    ['another path', LIST, { path: '/' }, 404],
    ['another method', LIST, { method: 'GET' }, 405],
    ['another type', LIST, { headers: { 'content-type': 'text/plain' } }, 400],
    ['a charset', LIST, { headers: { 'content-type': 'application/json; charset=utf-8' } }, 400],
    ['another Accept', LIST, { headers: { accept: '*/*' } }, 400],
    ['no token', LIST, { headers: { authorization: '' } }, 401],
    ['another token', LIST, { headers: { authorization: 'Bearer other' } }, 401],
    ['no JSON', '{', {}, 400],
    ['a list', [LIST], {}, 400],
    ['no command', without('command'), {}, 400],
    ['an unknown command', { ...LIST, command: 'constructor' }, {}, 400],
    ['no id', without('id'), {}, 400],
    ['a number for an id', { ...LIST, id: 5 }, {}, 400],
    ['no param', without('param'), {}, 400],
    ['a list for param', { ...LIST, param: [] }, {}, 400],
    ['a fourth member', { ...LIST, extra: 1 }, {}, 400],
    ['a missing parameter', { ...LIST, param: {} }, {}, 400],
    ['an unknown parameter', param({ state: 'closed' }), {}, 400],
    ['a time with a zone', param({ start_time: '2024-01-16T13:32:45Z' }), {}, 400],
    ['an empty text', param({ contact: '' }), {}, 400],
    ['a text for filename', param({ filename: 'f' }), {}, 400],
    [
      'no maintenances',
      { ...LIST, command: 'batch_delete_maintenance_info', param: { ...LIST.param, maintenances: [] } },
      {},
      400,
    ],
    [
      'bare ids',
      { ...LIST, command: 'batch_delete_maintenance_info', param: { ...LIST.param, maintenances: ['m'] } },
      {},
      400,
    ],
  ];

  it.each(CASES)('%s', async (_, body, how, status) => {
    expect(await send(body, how)).toMatchObject({ status, body: { success: false, timestamp: expect.any(Number) } });
  });

  it('and what it does not know, with 200', async () => {
    const { status, body } = await send({ ...LIST, param: { residence_id: 'nowhere' } });
    expect([status, Object.keys(body)]).toEqual([200, ['timestamp', 'success', 'message']]);
  });
});

it('the emulator outlives a caller who goes away in the midst of a request', async () => {
  const { hostname, port } = new URL(server.url);
  const socket = net.connect(Number(port), hostname);
  await new Promise((resolve) =>
    socket.write(`POST ${PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{`, resolve),
  );
  socket.destroy();
  expect(await send(LIST)).toMatchObject({ status: 200, body: { success: true } });
});

it('the emulator refuses to delete a ticket that never was, and deletes one again that it deleted', async () => {
  const command = 'delete_maintenance_info';
  const [ticket] = seed().get(String(FLATS[0]?.id)) ?? [];
  const param = { residence_id: FLATS[0]?.id, maintenance_id: ticket?.maintenance_id };
  for (const _ of ['first', 'second'])
    expect((await send({ ...LIST, command, param })).body).toMatchObject({ success: true, result: {} });
  const never = { ...LIST, command, param: { ...param, maintenance_id: 'never' } };
  expect((await send(never)).body).toMatchObject({ success: false });
});

describe('the emulator holds', () => {
  it('the vendor page’s example, its info without an id', async () => {
    const { body } = await send(LIST);
    const [ticket] = body.result as Record<string, unknown>[];
    expect(body).toMatchObject({
      success: true,
      result: [{ maintenance_id: EXAMPLE.maintenanceId, contact: '10086' }],
    });
    const { maintenance_id: _, ...rest } = ticket ?? {};
    const info = {
      ...LIST,
      command: 'get_maintenance_info',
      param: { ...LIST.param, maintenance_id: EXAMPLE.maintenanceId },
    };
    expect((await send(info)).body.result).toEqual(rest);
  });

  it('a block of flats: all states, both languages, a residence with 200 tickets and one with none', () => {
    const tickets = [...seed().values()].flat();
    expect(new Set(tickets.map(({ state }) => state)).size).toBe(4);
    expect(tickets.some(({ description }) => /^\p{Script=Han}+$/u.test(description))).toBe(true);
    expect(tickets.some(({ description }) => /^[ a-z]+$/i.test(description))).toBe(true);
    expect(FLATS.map(({ id }) => seed().get(id)?.length)).toEqual(FLATS.map(({ tickets: count }) => count));
    expect(FLATS.map(({ tickets: count }) => count)).toEqual(expect.arrayContaining([0, 200]));
    expect(new Set(tickets.map(({ maintenance_id }) => maintenance_id)).size).toBe(tickets.length);
  });
});
