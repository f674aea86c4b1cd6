/**
 * Work waits for the event loop in turns. Work of the tests themselves, in the same process, fills the turns.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { exampleTicket } from '../../dev/seed.ts';
import { waitForEventLoop } from '../../src/event-loop.ts';
import type { Context } from '../../src/graphql/context.ts';
import { createResponseBudget } from '../../src/graphql/cost.ts';
import { guardQuery } from '../../src/graphql/guard.ts';
import { OperationAccount } from '../../src/memory.ts';
import { type Asking, NEW_MAINTENANCE } from '../support/ask.ts';
import { detail, list, times } from '../support/requests.ts';
import { infoOf } from '../support/schema.ts';
import { scrape } from '../support/scrape.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';

const R = NEW_MAINTENANCE.residenceId;
const LIST = `maintenances(residenceId: "${R}")`;
/** The name of a field that takes 300,000 work. */
const LONG = 'x'.repeat(100_000);
const SHORTER = 'x'.repeat(3500);
const TICKETS = times(3000, (index) => ({ ...exampleTicket(), maintenance_id: `m${index}` }));
type Kind = Parameters<typeof waitForEventLoop>[0];

/** Rounds of the event loop so far. */
let rounds = 0;
/** The round in which each operation started. */
const startedIn: number[] = [];
const subgraph = useSubgraph({}, [{ requestDidStart: async () => void startedIn.push(rounds) }]);
let counting: NodeJS.Immediate;
const count = () => {
  rounds++;
  counting = setImmediate(count);
};
beforeAll(count);
afterAll(() => clearImmediate(counting));

const ask = ({ query, ...asking }: { query: string } & Asking) => subgraph.ask(query, asking);
const aliased = (count: number, field: string) => times(count, (index) => `a${index}: ${field}`).join(' ');

describe('while other work fills the turns of the event loop', () => {
  let isDone = false;
  /** Fills 4,000 turns. Each that is filled with responses has room for a short reply. */
  async function fillTurns(kind: Kind) {
    isDone = false;
    const before = rounds;
    await Promise.all(times(4000, () => waitForEventLoop(kind, kind === 'response' ? 490_000 : 500_000)));
    isDone = true;
    expect(rounds - before).toBeGreaterThanOrEqual(3000);
  }

  it.each<[string, boolean, Kind, { query: string }]>([
    ['a request waits for earlier requests', true, 'request', list()],
    ['a request does not wait for all replies', false, 'reply', { query: '{ __typename }' }],
  ])('%s', async (_, waits, kind, request) => {
    const filled = fillTurns(kind);
    expect((await ask(request)).data).toBeDefined();
    expect(isDone).toBe(waits);
    await filled;
  });

  it.each<[string, boolean, Kind, { query: string }]>([
    ['a reply waits for other replies', true, 'reply', detail('r:m')],
    ['a reply does not wait for requests', false, 'request', list()],
    ['a list waits for other responses', true, 'response', { query: `{ ${LIST} { ${LONG}${LONG}: id } }` }],
    ['a short list does not wait', false, 'response', list()],
    ['the last of many lists waits', true, 'response', { query: `{ ${aliased(50, `${LIST} { ${SHORTER}: id }`)} }` }],
  ])('%s', async (_, waits, kind, request) => {
    const held = subgraph.upstream.hold();
    const asked = ask(request);
    await until(() => held.length === 1);
    const filled = fillTurns(kind);
    const ticket = { ...exampleTicket(), maintenance_id: 'm' };
    held[0]?.release(JSON.stringify({ success: true, result: request.query.includes('$id') ? ticket : [ticket] }));
    expect((await asked).errors).toEqual([]);
    expect(isDone).toBe(waits);
    await filled;
  });

  it('a long list leaves turns to requests, also if empty lists follow', async () => {
    subgraph.upstream.store.residences.set(R, TICKETS);
    const empty = `maintenances(residenceId: "${R}", first: 0) { id }`;
    const asked = ask({ query: `{ ${LIST} { ${aliased(20, 'state')} } ${aliased(50, empty)} }` });
    await until(() => subgraph.upstream.received.length === 1);
    const filled = fillTurns('request');
    expect((await asked).errors).toEqual([]);
    await filled;
  });

  it('requests with long texts start one by one', async () => {
    startedIn.length = 0;
    const filled = fillTurns('request');
    const asked = times(8, () => ask({ query: '{ __typename }', variables: { unused: 'x'.repeat(50_000) } }));
    await Promise.all([filled, ...asked]);
    expect(new Set(startedIn).size).toBe(8);
  });

  it('a reply whose caller leaves is not decoded', async () => {
    const held = subgraph.upstream.hold();
    const leave = subgraph.askAndDisconnect(`{ ${LIST} { id } }`);
    await until(() => held.length === 1);
    const filled = fillTurns('reply');
    held[0]?.release('{"success":true,"result":{}}');
    await settle(subgraph.url);
    await leave();
    expect(isDone).toBe(false);
    await filled;
    await until(() => subgraph.logText().includes('"msg":"operation"'));
    // Not UPSTREAM_INVALID_RESPONSE, which decoding would find.
    expect(subgraph.logText()).toContain('CALLER_GONE');
  });

  it('a write of 100 KB whose caller leaves is not executed', async () => {
    const filled = fillTurns('request');
    const leave = subgraph.askAndDisconnect(`mutation { deleteMaintenance(id: "${R}:m") { deletedId } } #${LONG}`);
    const read = async (metric: string) => (await scrape(subgraph.url)).get(metric);
    await until(async () => (await read('http_server_active_requests')) === 1);
    await leave();
    expect(isDone).toBe(false);
    await filled;
    await ask(list());
    await until(async () => (await read('maintenance_memory_held_bytes')) === 0);
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  });
});

it('requests start together, but one by one while an eighth of the memory is held and for 50 turns after', async () => {
  const countStarts = async () => {
    const started = times(10, () => waitForEventLoop('request', 25_000).then(() => rounds));
    return new Set(await Promise.all(started)).size;
  };
  expect(await countStarts()).toBe(1);

  const limit = (await scrape(subgraph.url)).get('maintenance_memory_limit_bytes') ?? 0;
  const held = subgraph.upstream.hold();
  // 16 bytes are counted for each byte of a body.
  const operations = times(Math.ceil(limit / 8 / 8_000_000) + 1, (index) => list({ residenceId: `r${index}` }));
  const unused = 'x'.repeat(500_000);
  const asked = operations.map(({ query, variables }) => ask({ query, variables: { ...variables, unused } }));
  await until(() => held.length === operations.length);
  await Promise.all(times(60, () => waitForEventLoop('reply', 500_000)));
  expect(await countStarts()).toBe(10);

  for (const { release } of held) release();
  await Promise.all(asked);
  await until(async () => (await scrape(subgraph.url)).get('maintenance_memory_held_bytes') === 0);
  expect(await countStarts()).toBe(10);
  await Promise.all(times(60, () => waitForEventLoop('reply', 500_000)));
  expect(await countStarts()).toBe(1);
});

it('a list of six turns is produced in six turns', async () => {
  const { signal } = new AbortController();
  const budget = createResponseBudget(new OperationAccount(), signal);
  const info = infoOf('maintenances', `{ ${aliased(20, 'state')} }`);
  const resolve = guardQuery(() => TICKETS);
  const entries = await resolve({}, {}, { budget, signal } as never as Context, info);
  const startedIn = (entries as unknown[]).map(async (entry) => [await entry, rounds] as const);
  const started = await Promise.all(startedIn);
  expect(started.map(([entry]) => entry)).toEqual(TICKETS);
  expect(new Set(started.map(([, round]) => round)).size).toBe(6);
});

it('responses start before replies', async () => {
  const order: Kind[] = [];
  const start = async (kind: Kind) => {
    await waitForEventLoop(kind, 500_000);
    order.push(kind);
  };
  await Promise.all([start('reply'), start('response')]);
  expect(order).toEqual(['response', 'reply']);
});

it('a round of the event loop follows for each 5 ms of a turn', async () => {
  const longTurn = waitForEventLoop('reply', 500_000).then(() => {
    const end = performance.now() + 60;
    while (performance.now() < end);
    return rounds;
  });
  await waitForEventLoop('reply', 500_000);
  expect(rounds - (await longTurn)).toBeGreaterThanOrEqual(12);
});
