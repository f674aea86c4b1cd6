/**
 * The memory of all operations, in a process with a small heap. After each test, all memory is released.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { exampleTicket } from '../../dev/seed.ts';
import { readAnswer } from '../support/ask.ts';
import { killAll } from '../support/process.ts';
import { request, sendBytes } from '../support/raw-http.ts';
import { HEADERS, type Replica, startReplica } from '../support/replica.ts';
import { scrape, writeSample } from '../support/scrape.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { settle, until } from '../support/wait.ts';

const list = (residenceId = 'r') => `{ maintenances(residenceId: "${residenceId}") { id } }`;
const lists = (count: number) =>
  `{ ${Array.from({ length: count }, (_, index) => `a${index}: ${list(`r${index}`).slice(1, -1)}`)} }`;
const DELETE = 'mutation { deleteMaintenance(id: "r:m") { id } }';

const ENV = {
  NODE_OPTIONS: '--max-old-space-size=256',
  MAX_ATTEMPTS: '1',
  BREAKER_FAILURES: '3',
  // Time is not under test: a busy machine may need longer.
  ATTEMPT_TIMEOUT_MS: '29999',
  OPERATION_TIMEOUT_MS: '30000',
};

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

type Sending = RequestInit & { isChunked?: boolean };
async function askAt(url: string, share: number, query = list(), more: Sending = {}) {
  const body = JSON.stringify({ query, variables: { unused: 'x'.repeat((limit * share) / 16) } });
  const sent = more.isChunked ? { body: new Blob([body]).stream(), duplex: 'half' as const } : { body };
  return readAnswer(await fetch(`${url}/graphql`, { method: 'POST', headers: HEADERS, ...sent, ...more }));
}

const read = async (metric: string, labels?: Record<string, string>) =>
  (await scrape(replica.url)).get(writeSample(metric, labels)) ?? 0;
const held = () => read('maintenance_memory_held_bytes');
const refusals = (stage: string) => read('maintenance_memory_refused_total', { stage });

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
    const release = upstream.hold();
    const large = [ask(0.45), ask(0.45, list('r2'))];
    await until(() => upstream.received.length === 2);
    expect((await ask(0.15)).status).toBe(503);
    const small = ask(0.001, list('r3'));
    await until(() => upstream.received.length === 3);
    release();
    for (const answer of await Promise.all([...large, small])) expect(answer.errors).toEqual([]);
    expect((await ask(0.45)).status).toBe(200);
  });

  it('of unknown length is counted once it is read', async () => {
    expect((await ask(0.4, list(), { isChunked: true })).status).toBe(200);
    expect((await ask(0.51, list(), { isChunked: true })).status).toBe(503);
  });

  it('of a write keeps its memory until the write ends, even if its caller leaves', async () => {
    const release = upstream.hold();
    const caller = new AbortController();
    const left = ask(0.45, DELETE, { signal: caller.signal }).catch(() => {});
    await until(() => upstream.received.length === 1);
    caller.abort();
    await left;
    await until(async () => (await read('http_server_active_requests')) === 0);
    expect(await held()).toBeGreaterThan(limit * 0.45);
    release();
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

it('a reply is counted once, not again when it is decoded', async () => {
  const description = 'x'.repeat(1_500_000);
  upstream.fail(() => ({ body: { success: true, result: [{ maintenance_id: 'm', description }] } }));
  expect((await ask(0, lists(Math.floor(limit / 2 / 1_510_000)))).errors).toEqual([]);
});

it('a reply for several operations has the memory of the process, and each takes its result if it has room', async () => {
  // One command at a time, so that the second operation surely joins the exchange of the first.
  const single = await startReplica(upstream.url, { ...ENV, MAX_COMMANDS_IN_FLIGHT: '1' });
  const release = upstream.hold();
  const askSingle = (share: number, query?: string) => askAt(single.url, share, query);
  const asked = [askSingle(0, list('other'))];
  await until(() => upstream.received.length === 1);
  asked.push(askSingle(0.49));
  await settle(single.url);
  asked.push(askSingle(0));
  await settle(single.url);
  release();
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
  expect((await ask(0.45, DELETE)).data).toEqual({ deleteMaintenance: { id: 'r:m' } });
});

it('a response without room is refused at its list', async () => {
  const tickets = Array.from({ length: 1000 }, (_, index) => ({ ...exampleTicket(), maintenance_id: `m${index}` }));
  upstream.store.residences.set('r', tickets);
  const aliases = Array.from({ length: 99 }, (_, index) => `a${index}: state`).join(' ');
  const errors = [{ path: ['maintenances'], extensions: { code: 'UPSTREAM_UNAVAILABLE' } }];
  const answer = await ask(0.35, list().replace('id }', `${aliases} }`));
  expect(answer).toMatchObject({ data: { maintenances: null }, errors });
  expect(await refusals('response')).toBe(1);
});
