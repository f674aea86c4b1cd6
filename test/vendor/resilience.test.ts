/**
 * Retries, the bounds of commands and requests in flight, and callers that leave. upstream-faults.test.ts has the number of
 * attempts after each fault, telemetry.test.ts the pause before a retry.
 */
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { codes } from '../support/ask.ts';
import { aliased, DELETE, LIST, M, R, times } from '../support/maintenance/requests.ts';
import { scrape, untilMetric } from '../support/scrape.ts';
import { act, type Fault, type Held, inTurn } from '../support/upstream.ts';
import { type Subgraph, startSubgraph, useMany } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';

const list = (residenceId: string) => LIST.replace(R, residenceId);
const LISTED = `get_maintenance_list ${R}`;
const CODE = 'UPSTREAM_UNAVAILABLE';
const UNAVAILABLE = [[CODE, 'maintenances']];

/** Lists that many residences in one operation. No other operation lists residences of this name. */
const lists = (count: number, name: string) =>
  `{ ${aliased(count, (index) => `maintenances(residenceId: "${name}${index}") { id }`)} }`;

/** Answers this many held commands, in order of arrival. */
async function answerAll(held: readonly Held[], count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await until(() => held.length > index);
    held[index]?.release();
  }
}

const start = useMany(startSubgraph);
const untilQueued = ({ url }: Subgraph, count: number) => untilMetric(url, 'maintenance_commands_queued', count);

describe('a retry', () => {
  const hours = (count: number) => new Date(Date.now() + count * 3_600_000).toUTCString();

  it.each([
    ['follows', 'a past date', hours(-1), 2],
    ['does not follow', 'more seconds than the operation has', '31', 1],
    ['does not follow', 'a date after the end of the operation', hours(1), 1],
  ])('%s after Retry-After with %s', async (_, __, retryAfter, attempts) => {
    const subgraph = await start({ ATTEMPT_TIMEOUT_MS: '29999', OPERATION_TIMEOUT_MS: '30000' });
    subgraph.upstream.fail(inTurn({ status: 503, headers: { 'retry-after': retryAfter } }));
    expect(codes(await subgraph.ask(LIST))).toEqual(attempts === 1 ? UNAVAILABLE : []);
    expect(subgraph.upstream.commands()).toEqual(Array(attempts).fill(LISTED));
  });

  it('waits for a random time, so that reads that fail together do not return together', async () => {
    const { ask, upstream } = await start();
    const failing: ServerResponse[] = [];
    upstream.fail((_, response) => {
      if (failing.push(response) > 10) return undefined;
      if (failing.length === 10) for (const each of failing) each.writeHead(503).end();
      return 'taken';
    });
    await ask(lists(10, 'r'));
    const [before, after] = [upstream.commands().slice(0, 10), upstream.commands().slice(10)];
    expect(after.toSorted()).toEqual(before.toSorted());
    expect(after).not.toEqual(before);
  });

  it('spends a budget of ten, and of one more for every ten commands', async () => {
    const subgraph = await start({ BREAKER_FAILURES: '10000' });
    subgraph.upstream.fail(() => ({ status: 503 }));
    expect((await subgraph.ask(lists(40, 'r'))).errors).toHaveLength(40);
    expect(subgraph.upstream.received).toHaveLength(40 + 10 + 4);
  });

  it.each<[string, Fault]>([
    ['resets it', act((response) => response.socket?.resetAndDestroy())],
    // As proxies do with a connection that was idle for too long.
    ['answers 408', () => ({ status: 408, headers: { connection: 'close' } })],
  ])('of a stale connection spends no budget, when the command API %s', async (_, fault) => {
    const subgraph = await start();
    const used = new Set<number | undefined>();
    subgraph.upstream.fail((received, response) => {
      if (used.size < used.add(received.connection).size) return undefined;
      return fault(received, response);
    });
    for (const name of ['first', 'second']) {
      const answer = await subgraph.ask(lists(30, name));
      // The command API knows none of these residences.
      expect(codes(answer).map(([code]) => code)).toEqual(Array(30).fill('COMMAND_REJECTED'));
    }
    expect(subgraph.upstream.received).toHaveLength(30 + 30 + 30);
    const flaws = [...(await scrape(subgraph.url))].filter(([name]) => name.includes('invalid_replies_total'));
    expect(flaws.filter(([, count]) => count > 0)).toEqual([]);
  });
});

describe('commands in flight', () => {
  it('are bounded, as are the commands that wait, and further commands fail at once', async () => {
    const subgraph = await start({ MAX_COMMANDS_IN_FLIGHT: '2', MAX_COMMANDS_QUEUED: '3' });
    const held = subgraph.upstream.hold();
    const asked = [subgraph.ask(lists(5, 'r'))];
    await untilQueued(subgraph, 3);
    await until(() => held.length === 2);
    expect(codes(await subgraph.ask(lists(2, 'other')))).toEqual(['a0', 'a1'].map((path) => [CODE, path]));
    const message = 'The subgraph has no room for this command now.';
    const notSent = { message, extensions: { code: CODE, outcome: 'NOT_SENT' } };
    expect((await subgraph.ask(DELETE)).errors).toMatchObject([notSent]);
    expect(held).toHaveLength(2);
    // A command that waits takes over the slot of a command that ends.
    held[0]?.release();
    await until(() => held.length === 3);
    // A command whose caller leaves while it waits gives up its room in the queue.
    const leave = subgraph.askAndDisconnect(list('left'));
    await untilQueued(subgraph, 3);
    leave();
    await until(() => subgraph.logText().includes('CALLER_GONE'));
    asked.push(subgraph.ask(LIST));
    await untilQueued(subgraph, 3);
    expect(held).toHaveLength(3);
    await answerAll(held, 6);
    for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
    expect(subgraph.upstream.commands()[5]).toBe(LISTED);
  });

  it('refuse a retry that finds the queue full: the failure before it stands, also for the circuit breaker', async () => {
    const limits = { MAX_COMMANDS_IN_FLIGHT: '1', MAX_COMMANDS_QUEUED: '0' };
    const subgraph = await start({ ...limits, BREAKER_FAILURES: '1', BREAKER_OPEN_MS: '60000' });
    subgraph.upstream.fail(inTurn({ status: 503, headers: { 'retry-after': '3' } }));
    const retried = subgraph.ask(LIST);
    await until(() => subgraph.upstream.received.length === 1);
    const held = subgraph.upstream.hold();
    const other = subgraph.ask(list('other'));
    await until(() => held.length === 1);
    expect(codes(await retried)).toEqual(UNAVAILABLE);
    expect(subgraph.logs()).toMatchObject([{ commands: [{ attempts: 1, detail: 'status 503' }] }]);
    // While all slots are taken, a command need not wait for one to hear that the breaker is open.
    const message = 'The command API is failing; the command was not sent.';
    expect((await subgraph.ask(DELETE)).errors).toMatchObject([{ message, extensions: { outcome: 'NOT_SENT' } }]);
    held.end();
    expect((await other).errors).toEqual([]);
    expect(subgraph.upstream.received).toHaveLength(2);
  });

  it('refuse a retry that finds the circuit breaker open: the failure before it stands', async () => {
    const subgraph = await start({ BREAKER_FAILURES: '1', BREAKER_OPEN_MS: '60000' });
    subgraph.upstream.fail(inTurn({ status: 503, headers: { 'retry-after': '3' } }, 503));
    const retried = subgraph.ask(LIST);
    await until(() => subgraph.upstream.received.length === 1);
    // A write is not sent again, so its failure opens the breaker at once.
    expect((await subgraph.ask(DELETE)).errors).toMatchObject([{ extensions: { outcome: 'UNKNOWN' } }]);
    expect(codes(await retried)).toEqual(UNAVAILABLE);
    expect(subgraph.logs()[1]).toMatchObject({ commands: [{ attempts: 1, detail: 'status 503' }] });
    expect(subgraph.upstream.received).toHaveLength(2);
  });

  it('of one operation are 32, so that other operations get their share', async () => {
    const subgraph = await start({ MAX_COMMANDS_IN_FLIGHT: '40', MAX_COMMANDS_QUEUED: '0' });
    const held = subgraph.upstream.hold();
    const asked = [subgraph.ask(lists(50, 'r'))];
    await until(() => held.length === 32);
    asked.push(subgraph.ask(LIST));
    await until(() => held.length === 33);
    expect(subgraph.upstream.commands()[32]).toBe(LISTED);
    await answerAll(held, 51);
    for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
  });
});

describe('when a caller leaves', () => {
  const deletions = (count: number) =>
    `mutation { deleteMaintenances(ids: [${times(count, (index) => `"r${index}:m"`)}]) { deletedIds } }`;
  const NOT_SENT = { code: 'CALLER_GONE', outcome: 'NOT_SENT', detail: 'caller disconnected' };

  it('a write that was sent goes on, and a write that waits for a slot is not sent', async () => {
    const subgraph = await start({ MAX_COMMANDS_IN_FLIGHT: '2' });
    const held = subgraph.upstream.hold();
    const leave = subgraph.askAndDisconnect(deletions(5));
    await until(() => held.length === 2);
    await untilQueued(subgraph, 3);
    await leave();
    await untilQueued(subgraph, 0);
    expect(held.filter(({ isClosed }) => isClosed())).toEqual([]);
    held.end();
    await until(() => subgraph.logs().length === 1);
    expect(subgraph.logs()[0]).toMatchObject({ level: 40, codes: ['CALLER_GONE'] });
    const { commands } = subgraph.logs()[0] as { commands: object[] };
    expect(commands).toMatchObject([{ attempts: 1 }, { attempts: 1 }, NOT_SENT, NOT_SENT, NOT_SENT]);
    expect(subgraph.upstream.received).toHaveLength(2);
  });

  it('a write between two attempts that sent nothing is not sent', async () => {
    const subgraph = await start({ MAX_ATTEMPTS: '10', BREAKER_FAILURES: '10000' });
    await subgraph.ask('{ __typename }');
    subgraph.clearLogs();
    subgraph.upstream.refuse();
    const leave = subgraph.askAndDisconnect(DELETE);
    await until(async () => [...(await scrape(subgraph.url)).keys()].some((name) => name.includes('retries_total')));
    await leave();
    await until(() => subgraph.logs().length === 1);
    expect(subgraph.logs()).toMatchObject([{ level: 40, codes: ['CALLER_GONE'], commands: [NOT_SENT] }]);
    await subgraph.upstream.restart();
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    expect(subgraph.upstream.commands()).toEqual([LISTED]);
  });

  it('further fields of a mutation do not begin', async () => {
    const subgraph = await start();
    const held = subgraph.upstream.hold();
    const leave = subgraph.askAndDisconnect(`mutation { ${aliased(3, DELETE.slice(10, -1))} }`);
    await until(() => held.length === 1);
    await leave();
    await settle(subgraph.url);
    held.end();
    await until(() => subgraph.logs().length === 1);
    expect(subgraph.logs()).toMatchObject([{ level: 40, commands: [{ attempts: 1 }, NOT_SENT, NOT_SENT] }]);
    expect(subgraph.upstream.received).toHaveLength(1);
  });
});

it('requests beyond MAX_REQUESTS_IN_FLIGHT get 503 with Retry-After, except health checks', async () => {
  const subgraph = await start({ MAX_REQUESTS_IN_FLIGHT: '2' });
  const held = subgraph.upstream.hold();
  const served = ['a', 'b'].map((residence) => subgraph.ask(list(residence)));
  await until(() => held.length === 2);
  const { headers, ...refused } = await subgraph.ask(LIST);
  const errors = [{ message: expect.any(String), extensions: { code: 'OVERLOADED', outcome: 'NOT_SENT' } }];
  expect(refused).toMatchObject({ status: 503, data: undefined, errors });
  expect(headers.get('retry-after')).toBe('1');
  expect(headers.get('content-type')).toBe('application/json; charset=utf-8');
  const paths = ['graphql', 'health/live', 'health/ready'];
  const statuses = paths.map(async (path) => (await fetch(`${subgraph.url}/${path}`)).status);
  // A request without the router secret is refused as such.
  expect(await Promise.all(statuses)).toEqual([401, 200, 200]);
  held.end();
  for (const { errors } of await Promise.all(served)) expect(errors).toEqual([]);
  expect((await subgraph.ask(LIST)).errors).toEqual([]);
});
