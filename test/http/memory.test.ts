/**
 * The memory of all operations under way, in a process whose heap is small: what has no room is refused, and all of it is
 * given back.
 */
import http from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { exampleTicket } from '../../dev/seed.ts';
import { killAll } from '../support/process.ts';
import { HEADERS, type Replica, startReplica } from '../support/replica.ts';
import { scrape, writeSample } from '../support/scrape.ts';
import { readAnswer } from '../support/subgraph.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { until } from '../support/wait.ts';

const LIST = '{ maintenances(residenceId: "r") { id } }';
/** A reply of 1.8 MB, of which each ticket takes 300 bytes besides. */
const TINY = { body: { success: true, result: Array.from({ length: 80_000 }, () => ({ maintenance_id: '1' })) } };

let upstream: Upstream;
let replica: Replica;
/** What all operations may hold together, in bytes. */
let limit: number;

beforeAll(async () => {
  upstream = await startUpstream();
  replica = await startReplica(upstream.url, {
    NODE_OPTIONS: '--max-old-space-size=256',
    MAX_ATTEMPTS: '1',
    // The limits of time are not what is tested here: a busy machine may need longer.
    ATTEMPT_TIMEOUT_MS: '29999',
    OPERATION_TIMEOUT_MS: '30000',
  });
  limit = (await scrape(replica.url)).get('maintenance_memory_limit_bytes') ?? 0;
});
afterAll(async () => {
  expect(await replica.stop()).toBe(0);
  await upstream.stop();
  killAll();
});
afterEach(async () => {
  upstream.reset();
  while ((await held()) !== 0);
});

/** Asks with a body that takes about this share of the limit, most of it in a variable that nothing uses. */
async function ask(share: number, query = LIST) {
  const unused = 'x'.repeat((limit * share) / 16);
  const body = JSON.stringify({ query, variables: { unused } });
  return readAnswer(await fetch(`${replica.url}/graphql`, { method: 'POST', headers: HEADERS, body }));
}

async function held(): Promise<number> {
  return (await scrape(replica.url)).get('maintenance_memory_held_bytes') ?? 0;
}

async function refusals(stage: string): Promise<number> {
  return (await scrape(replica.url)).get(writeSample('maintenance_memory_refused_total', { stage })) ?? 0;
}

describe('a request', () => {
  it('is refused with 503 beyond half of the limit', async () => {
    expect((await ask(0.49)).status).toBe(200);
    const { status, headers, errors } = await ask(0.51);
    expect([status, headers.get('retry-after')]).toEqual([503, '1']);
    expect(errors).toEqual([{ message: expect.any(String), extensions: { code: 'OVERLOADED' } }]);
    expect(await refusals('request')).toBe(1);
  });

  it('is refused where those under way leave no room, until they end', async () => {
    const release = upstream.hold();
    const large = [ask(0.45), ask(0.45, LIST.replace('"r"', '"r2"'))];
    await until(() => upstream.received.length === 2);
    expect((await ask(0.15)).status).toBe(503);
    const small = ask(0.001, LIST.replace('"r"', '"r3"'));
    await until(() => upstream.received.length === 3);
    release();
    for (const answer of await Promise.all([...large, small])) expect(answer.errors).toEqual([]);
    expect((await ask(0.45)).status).toBe(200);
  });

  it('of unknown length is counted once it is read', async () => {
    const ask = (share: number) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = { ...HEADERS, 'transfer-encoding': 'chunked' };
        const sent = http.request(`${replica.url}/graphql`, { method: 'POST', headers }, (response) => {
          response.resume().once('end', () => resolve(response.statusCode));
        });
        sent.once('error', reject);
        sent.end(JSON.stringify({ query: LIST, variables: { unused: 'x'.repeat((limit * share) / 16) } }));
      });
    expect(await ask(0.4)).toBe(200);
    expect(await ask(0.51)).toBe(503);
  });

  it('of a write whose caller has gone is held until the write ends', async () => {
    let release = () => {};
    upstream.fail((_, response) => {
      release = () => response.end('{"success":true,"result":{}}');
      return 'taken';
    });
    const caller = new AbortController();
    const body = JSON.stringify({
      query: 'mutation { deleteMaintenance(id: "r:m") { id } }',
      variables: { unused: 'x'.repeat((limit * 0.45) / 16) },
    });
    const { signal } = caller;
    const gone = fetch(`${replica.url}/graphql`, { method: 'POST', headers: HEADERS, body, signal }).catch(() => {});
    await until(() => upstream.received.length === 1);
    caller.abort();
    await gone;
    const active = async () => (await scrape(replica.url)).get('http_server_active_requests');
    while ((await active()) !== 0);
    expect(await held()).toBeGreaterThan(limit * 0.45);
    release();
  });
});

it('a command without room is not sent, and says so', async () => {
  const deletions = Array.from({ length: 100 }, (_, index) => `"r${index}:m"`);
  const query = `mutation { deleteMaintenances(ids: [${deletions}]) { failures { code outcome } } }`;
  upstream.fail(() => ({ body: { success: true, result: {} } }));
  const { data } = await ask(0.49, query);
  const { failures } = data.deleteMaintenances;
  expect(failures.length).toBeGreaterThan(0);
  expect(failures).toEqual(failures.map(() => ({ code: 'UPSTREAM_UNAVAILABLE', outcome: 'NOT_SENT' })));
  expect(upstream.received).toHaveLength(100 - failures.length);
  expect(await refusals('command')).toBe(failures.length);
});

it('a reply without room is cut off, and opens no breaker', async () => {
  upstream.fail(() => TINY);
  const { data, errors } = await ask(0.01);
  expect(data).toEqual({ maintenances: null });
  expect(errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
  for (let time = 0; time < 25; time++) await ask(0.45);
  expect(await refusals('reply')).toBe(26);
  expect((await scrape(replica.url)).get(writeSample('maintenance_breaker_state', { state: 'closed' }))).toBe(1);
});

it('replies on their way are counted from their first byte, and cut off before they end', async () => {
  const BYTES = 1_500_000;
  const room = Math.floor(limit / 2 / BYTES);
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
  const lists = Array.from(
    { length: room + 3 },
    (_, index) => `a${index}: maintenances(residenceId: "r${index}") { id }`,
  );
  const asked = ask(0, `{ ${lists.join(' ')} }`);
  await until(() => cutOff === 3);
  // The others are on their way until all of their bytes have come.
  while ((await held()) <= room * BYTES);
  for (const release of releases) release();
  const { errors } = await asked;
  const codes = errors.map(({ extensions }) => extensions.code).toSorted();
  expect(codes).toEqual([
    ...Array.from({ length: room }, () => 'UPSTREAM_INVALID_RESPONSE'),
    ...Array.from({ length: 3 }, () => 'UPSTREAM_UNAVAILABLE'),
  ]);
});

it('a reply is counted once, on its way and decoded', async () => {
  const description = 'x'.repeat(1_500_000);
  upstream.fail(() => ({ body: { success: true, result: [{ maintenance_id: 'm', description }] } }));
  const room = Math.floor(limit / 2 / 1_510_000);
  const lists = Array.from({ length: room }, (_, index) => `a${index}: maintenances(residenceId: "r${index}") { id }`);
  expect((await ask(0, `{ ${lists.join(' ')} }`)).errors).toEqual([]);
});

it('the reply to a write is never refused', async () => {
  const text = 'x'.repeat(1_500_000);
  upstream.fail(() => ({ body: { success: true, result: { maintenance_id: 'm', text } } }));
  const { data } = await ask(0.45, 'mutation { deleteMaintenance(id: "r:m") { id } }');
  expect(data).toEqual({ deleteMaintenance: { id: 'r:m' } });
});

it('an answer without room is refused at its list', async () => {
  const tickets = Array.from({ length: 1000 }, (_, index) => ({ ...exampleTicket(), maintenance_id: `m${index}` }));
  upstream.store.residences.set('r', tickets);
  const aliases = Array.from({ length: 99 }, (_, index) => `a${index}: state`).join(' ');
  const { data, errors } = await ask(0.35, `{ maintenances(residenceId: "r") { ${aliases} } }`);
  expect(data.maintenances).toBeNull();
  expect(errors).toMatchObject([{ path: ['maintenances'], extensions: { code: 'UPSTREAM_UNAVAILABLE' } }]);
  expect(await refusals('answer')).toBe(1);
});
