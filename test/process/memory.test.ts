/**
 * The memory of all operations, in a process with a small heap. After each test, all memory is released.
 */
import type { ServerResponse } from 'node:http';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { exampleTicket } from '../../dev/seed.ts';
import { readAnswer } from '../support/ask.ts';
import { killAll } from '../support/process.ts';
import { request, sendBytes } from '../support/raw-http.ts';
import { HEADERS, PATIENT, type Replica, startReplica } from '../support/replica.ts';
import { scrape, writeSample } from '../support/scrape.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { settle, until } from '../support/wait.ts';

const list = (residenceId = 'r') => `{ maintenances(residenceId: "${residenceId}") { id } }`;
const lists = (count: number) =>
  `{ ${Array.from({ length: count }, (_, index) => `a${index}: ${list(`r${index}`).slice(1, -1)}`)} }`;
const DELETE = 'mutation { deleteMaintenance(id: "r:m") { deletedId } }';

const ENV = {
  // With the same limit on each Node: their young generations differ.
  NODE_OPTIONS: '--max-old-space-size=256 --max-semi-space-size=64',
  MAX_ATTEMPTS: '1',
  BREAKER_FAILURES: '3',
  ...PATIENT,
};

const READ = { id: 'r:m' };

let upstream: Upstream;
let replica: Replica;
/** The bound on the memory of all operations, in bytes. */
let limit: number;

beforeAll(async () => {
  upstream = await startUpstream();
  replica = await startReplica(upstream.url, ENV);
  limit = await read('maintenance_memory_limit_bytes');
});
afterAll(async () => {
  expect(await replica.stop()).toBe(0);
  await upstream.stop();
  killAll();
});
afterEach(async () => {
  upstream.reset();
  await until(async () => (await held()) === 0);
});

/** Sends a body that takes about this share of the limit, most of it in an unused variable. */
const ask = (share: number, query?: string, more?: Sending) => askAt(replica.url, share, query, more);

const bodyOf = (query: string, share = 0) =>
  JSON.stringify({ query, variables: { unused: 'x'.repeat((limit * share) / 16) } });

type Sending = RequestInit & { isChunked?: boolean };
async function askAt(url: string, share: number, query = list(), more: Sending = {}) {
  const body = bodyOf(query, share);
  const sent = more.isChunked ? { body: new Blob([body]).stream(), duplex: 'half' as const } : { body };
  return readAnswer(await fetch(`${url}/graphql`, { method: 'POST', headers: HEADERS, ...sent, ...more }));
}

const read = async (metric: string, labels?: Record<string, string>) =>
  (await scrape(replica.url)).get(writeSample(metric, labels)) ?? 0;
const held = async (url = replica.url) => (await scrape(url)).get('maintenance_memory_held_bytes') ?? 0;
const waits = () => read('maintenance_memory_waited_total');
const refusals = (stage: string) => read('maintenance_memory_refused_total', { stage });
/** The memory of a request whose commands are all sent, or joined another's. */
const price = (query: string, commands = 1, share = 0) =>
  16 * `/graphql${bodyOf(query, share)}`.length + 4096 * commands;

describe('a request', () => {
  const announce = (length: number) => {
    const head = Object.entries({ ...HEADERS, host: 'x', connection: 'close', 'content-length': Math.ceil(length) });
    return sendBytes(replica.url, request(['POST /graphql HTTP/1.1', ...head.map((pair) => pair.join(': '))]));
  };

  it('is refused with 503 beyond half of the limit, before its body is read', async () => {
    expect((await ask(0.49)).status).toBe(200);
    const [answer] = await announce((limit * 0.51) / 16);
    expect([answer?.status, answer?.headers.get('retry-after')?.trim()]).toEqual([503, '1']);
    expect(answer && JSON.parse(answer.body)).toMatchObject({ errors: [{ extensions: { code: 'OVERLOADED' } }] });
    expect(await refusals('request')).toBe(1);
    expect(await announce(1024 * 1024 + 1)).toMatchObject([{ status: 413 }]);
  });

  it('is refused while other requests leave no room', async () => {
    const commands = upstream.hold();
    const large = [ask(0.45), ask(0.45, list('r2'))];
    await until(() => upstream.received.length === 2);
    expect((await ask(0.15)).status).toBe(503);
    const small = ask(0.001, list('r3'));
    await until(() => upstream.received.length === 3);
    commands.end();
    for (const answer of await Promise.all([...large, small])) expect(answer.errors).toEqual([]);
    expect((await ask(0.45)).status).toBe(200);
  });

  it('of unknown length is counted once it is read', async () => {
    expect((await ask(0.4, list(), { isChunked: true })).status).toBe(200);
    expect((await ask(0.51, list(), { isChunked: true })).status).toBe(503);
  });

  it('of a write keeps its memory until the write ends, even if its caller leaves', async () => {
    const commands = upstream.hold();
    const caller = new AbortController();
    const left = ask(0.45, DELETE, { signal: caller.signal }).catch(() => {});
    await until(() => upstream.received.length === 1);
    caller.abort();
    await left;
    await until(async () => (await read('http_server_active_requests')) === 0);
    expect(await held()).toBeGreaterThan(limit * 0.45);
    commands.end();
  });
});

it('a command without room is not sent', async () => {
  const deletions = Array.from({ length: 100 }, (_, index) => `"r${index}:m"`);
  upstream.fail(() => ({ body: { success: true, result: {} } }));
  const batch = `mutation { deleteMaintenances(ids: [${deletions}]) { failures { code outcome } } }`;
  const { failures } = (await ask(0.49, batch)).data.deleteMaintenances;
  expect(failures.length).toBeGreaterThan(0);
  expect(failures).toEqual(Array(failures.length).fill({ code: 'UPSTREAM_UNAVAILABLE', outcome: 'NOT_SENT' }));
  expect(upstream.received).toHaveLength(100 - failures.length);
  expect(await refusals('command')).toBe(failures.length);
});

it('a reply without room is refused, and opens no breaker', async () => {
  // 1.8 MB, and 300 bytes for each ticket.
  const result = Array.from({ length: 80_000 }, () => ({ maintenance_id: '1' }));
  upstream.fail(() => ({ body: { success: true, result } }));
  const errors = [{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }];
  expect(await ask(0.01)).toMatchObject({ data: { maintenances: null }, errors });
  for (let time = 0; time < 3; time++) await ask(0.45);
  expect(await refusals('reply')).toBe(4);
  expect(await read('maintenance_breaker_state', { state: 'closed' })).toBe(1);
});

it('unfinished replies are counted from their first byte, cut off where there is no room, and open no breaker', async () => {
  const BYTES = 1_500_000;
  const room = Math.floor(limit / BYTES);
  let cutOff = 0;
  const releases: (() => void)[] = [];
  upstream.fail((_, response) => {
    response.once('close', () => {
      if (!response.writableFinished) cutOff++;
    });
    response.writeHead(200).write('x'.repeat(BYTES));
    releases.push(() => response.end());
    return 'taken';
  });
  const asked = ask(0, lists(room + 3));
  await until(() => cutOff === 3);
  expect(await read('maintenance_breaker_state', { state: 'closed' })).toBe(1);
  // The other replies hold memory until all of their bytes have arrived.
  await until(async () => (await held()) > room * BYTES);
  for (const release of releases) release();
  const codes = (await asked).errors.map(({ extensions }) => extensions.code).sort();
  expect(codes).toEqual([...Array(room).fill('UPSTREAM_INVALID_RESPONSE'), ...Array(3).fill('UPSTREAM_UNAVAILABLE')]);
});

it('a reply is counted once, not again when it is decoded; an operation can read replies of half of the limit', async () => {
  const description = 'x'.repeat(1_500_000);
  upstream.fail(() => ({ body: { success: true, result: [{ maintenance_id: 'm', description }] } }));
  const most = Math.floor(limit / 2 / 1_510_000);
  expect((await ask(0, lists(most))).errors).toEqual([]);
  const { data, errors } = await ask(0, lists(most + 1));
  expect(errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
  expect(Object.values(data).filter((found) => found !== null)).toHaveLength(most);
});

it('a reply for several operations has the memory of the process, and each takes its result if it has room', async () => {
  // One command at a time, so that the second operation surely joins the exchange of the first.
  const single = await startReplica(upstream.url, { ...ENV, MAX_COMMANDS_IN_FLIGHT: '1' });
  const commands = upstream.hold();
  const askSingle = (share: number, query?: string) => askAt(single.url, share, query);
  const asked = [askSingle(0, list('other'))];
  await until(() => upstream.received.length === 1);
  asked.push(askSingle(0.49), askSingle(0));
  const all = price(list('other')) + price(list(), 1, 0.49) + price(list());
  await until(async () => (await held(single.url)) === all);
  commands.end();
  const description = 'x'.repeat(limit * 0.05);
  upstream.fail(() => ({ body: { success: true, result: [{ maintenance_id: 'm', description }] } }));
  const [, large, small] = await Promise.all(asked);
  expect(large?.errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
  expect(small).toMatchObject({ data: { maintenances: [{ id: 'r:m' }] }, errors: [] });
  expect(upstream.commands()).toEqual(['get_maintenance_list other', 'get_maintenance_list r']);
  expect(await single.stop()).toBe(0);
});

it('the reply to a write is never refused', async () => {
  const text = 'x'.repeat(1_500_000);
  upstream.fail(() => ({ body: { success: true, result: { maintenance_id: 'm', text } } }));
  expect((await ask(0.45, DELETE)).data).toEqual({ deleteMaintenance: { deletedId: 'r:m' } });
});

it('a reply for several operations counts once, until the last of them ends', async () => {
  const single = await startReplica(upstream.url, { ...ENV, MAX_COMMANDS_IN_FLIGHT: '1' });
  const others: ServerResponse[] = [];
  const description = 'x'.repeat(1_500_000);
  upstream.fail(({ param }, response) => {
    if (param.residence_id === 'r') return { body: { success: true, result: [{ maintenance_id: 'm', description }] } };
    others.push(response);
    return 'taken';
  });
  const end = () => others.pop()?.end('{"success":true,"result":[]}');
  const first = askAt(single.url, 0, list('other'));
  await until(() => others.length === 1);
  const count = Math.ceil(limit / description.length) + 10;
  const crowd = Array.from({ length: count }, () => askAt(single.url, 0));
  const both = `{ a: ${list().slice(1, -1)} b: ${list('other2').slice(1, -1)} }`;
  const last = askAt(single.url, 0, both);
  // All have their command: those of the crowd have joined one.
  const all = price(list('other')) + count * price(list()) + price(both, 2);
  await until(async () => (await held(single.url)) === all);
  end();
  for (const { data, errors } of await Promise.all(crowd)) expect([data.maintenances, errors]).toEqual([[READ], []]);
  await until(() => others.length === 1);
  await until(async () => (await held(single.url)) < 2 * description.length);
  expect(await held(single.url)).toBeGreaterThan(description.length);
  end();
  expect((await last).data.a).toEqual([READ]);
  await first;
  await until(async () => (await held(single.url)) === 0);
  expect(upstream.commands().sort()).toEqual(['other', 'other2', 'r'].map((id) => `get_maintenance_list ${id}`));
  expect(await single.stop()).toBe(0);
});

describe('a list without room', () => {
  /** A list that takes a sixth of the limit. */
  const ALIASES = Array.from({ length: 99 }, (_, index) => `a${index}: state`).join(' ');
  const long = (residenceId = 'r') => list(residenceId).replace('id }', `${ALIASES} }`);
  const served = { errors: [], data: { maintenances: { length: 1000 } } };
  const refused = (path: string) => ({
    errors: [
      {
        path: path.split('.'),
        message: 'Not enough memory for this response.',
        extensions: { code: 'UPSTREAM_UNAVAILABLE' },
      },
    ],
  });
  const sockets: net.Socket[] = [];
  let waitsBefore = 0;
  const waited = async () => (await waits()) - waitsBefore;
  beforeEach(async () => {
    waitsBefore = await waits();
    const tickets = Array.from({ length: 1000 }, (_, index) => ({ ...exampleTicket(), maintenance_id: `m${index}` }));
    for (const id of ['r', 'r2', 'r3']) upstream.store.residences.set(id, tickets);
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  /** Holds this share of the limit by a request whose body does not arrive. Returns a function that ends it. */
  async function holdMemory(share: number, url = replica.url) {
    const before = await held(url);
    const { hostname, port } = new URL(url);
    const socket = net.connect(Number(port), hostname).on('error', () => {});
    sockets.push(socket);
    const head = Object.entries({ ...HEADERS, host: 'x', 'content-length': Math.ceil((limit * share) / 16) });
    socket.write(`POST /graphql HTTP/1.1\r\n${head.map((pair) => pair.join(': ')).join('\r\n')}\r\n\r\n`);
    await until(async () => (await held(url)) > before);
    return () => socket.destroy();
  }

  it('waits, first in, first out', async () => {
    await holdMemory(0.45);
    await holdMemory(0.15);
    const end = await holdMemory(0.2);
    const order: string[] = [];
    const asked: Promise<unknown>[] = [];
    const small = list('r3').replace('r3"', 'r3", first: 1');
    for (const [index, query] of [long('r2'), long(), small].entries()) {
      asked.push(ask(0, query).finally(() => order.push(query)));
      await until(async () => (await waited()) === index + 1);
    }
    await settle(replica.url);
    // There is room for the small list, but it does not overtake.
    expect(order).toEqual([]);
    end();
    expect(await Promise.all(asked)).toMatchObject([served, served, { data: { maintenances: [{ id: 'r3:m0' }] } }]);
  });

  it('no longer waits when its caller leaves', async () => {
    await holdMemory(0.45);
    await holdMemory(0.3);
    const caller = new AbortController();
    const left = ask(0, long(), { signal: caller.signal }).catch(() => {});
    await until(async () => (await waited()) === 1);
    const behind = ask(0, list('r2'));
    await until(async () => (await waited()) === 2);
    const before = await scrape(replica.url);
    caller.abort();
    await left;
    expect(await behind).toMatchObject(served);
    const after = await scrape(replica.url);
    const since = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    // A caller who leaves is no outage.
    const operations = (code: string) =>
      since(writeSample('maintenance_operations_total', { graphql_operation_type: 'query', code }));
    const refusals = since(writeSample('maintenance_memory_refused_total', { stage: 'response' }));
    expect([operations('CALLER_GONE'), operations('UPSTREAM_UNAVAILABLE'), refusals]).toEqual([1, 0, 0]);
  });

  it('is refused at the deadline of its operation', async () => {
    const impatient = await startReplica(upstream.url, {
      ...ENV,
      ATTEMPT_TIMEOUT_MS: '3999',
      OPERATION_TIMEOUT_MS: '4000',
    });
    await holdMemory(0.45, impatient.url);
    await holdMemory(0.45, impatient.url);
    expect(await askAt(impatient.url, 0, long())).toMatchObject(refused('maintenances'));
    const samples = await scrape(impatient.url);
    expect(samples.get('maintenance_memory_waited_total')).toBe(1);
    expect(samples.get(writeSample('maintenance_memory_refused_total', { stage: 'response' }))).toBe(1);
    impatient.kill();
    await impatient.exit;
  });

  it.each<[string, number, string, string]>([
    ['beyond half of the limit', 0.4, long(), 'maintenances'],
    [
      'in a mutation',
      0,
      `mutation { deleteMaintenance(id: "r:m0") { deletedId residence { maintenances { ${ALIASES} } } } }`,
      'deleteMaintenance.residence.maintenances',
    ],
  ])('is refused at once %s', async (_, share, query, path) => {
    await holdMemory(0.45);
    if (share === 0) await holdMemory(0.45);
    expect(await ask(share, query)).toMatchObject(refused(path));
    expect(await waited()).toBe(0);
  });

  it('exceeds the limit if the operations that wait leave no room, even while others run', async () => {
    const commands = upstream.hold();
    const running = ask(0, list('other'));
    await until(() => upstream.received.length === 1);
    const large = upstream.hold();
    const asked = ['r', 'r2', 'r3'].map((id) => ask(0.3, long(id)));
    await until(() => large.length === 3);
    const result = upstream.store.residences.get('r');
    for (const { release } of large) release(JSON.stringify({ success: true, result }));
    expect(await Promise.all(asked)).toMatchObject([served, served, served]);
    expect(await waited()).toBe(3);
    commands.end();
    expect((await running).errors).toEqual([]);
  });
});
