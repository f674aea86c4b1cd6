/**
 * Retries, the queue and the circuit breaker, requests in flight, and callers that leave. upstream-faults.test.ts has
 * the number of attempts after each fault, telemetry.test.ts the pause before a retry.
 */
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { codes } from '../support/ask.ts';
import { stopClock } from '../support/clock.ts';
import { aliased, answerWith, DELETE, LIST, R, times } from '../support/maintenance/requests.ts';
import { scrape, untilMetric, writeSample } from '../support/scrape.ts';
import { act, type Fault, inTurn } from '../support/upstream.ts';
import { type Subgraph, startSubgraph, useMany } from '../support/use-subgraph.ts';
import { blockEventLoop, until } from '../support/wait.ts';

const list = (residenceId: string) => LIST.replace(R, residenceId);
const LISTED = `get_maintenance_list ${R}`;
const CODE = 'UPSTREAM_UNAVAILABLE';
const UNAVAILABLE = [[CODE, 'maintenances']];
const MESSAGE = 'The command API is failing; the command was not sent.';
const OPEN = [{ message: MESSAGE, extensions: { code: CODE, outcome: 'NOT_SENT' } }];

/** Lists that many residences in one operation. No other operation lists residences of this name. */
const lists = (count: number, name: string) =>
  `{ ${aliased(count, (index) => `maintenances(residenceId: "${name}${index}") { id }`)} }`;

const start = useMany(startSubgraph);
const untilQueued = ({ url }: Subgraph, count: number) => untilMetric(url, 'maintenance_commands_queued', count);

describe('a retry', () => {
  it.each([
    ['follows', 'a past date', 'Wed, 21 Oct 2015 07:28:00 GMT', 2],
    ['does not follow', 'more seconds than the operation has', '31', 1],
    ['does not follow', 'a date after the end of the operation', 'Wed, 21 Oct 2099 07:28:00 GMT', 1],
  ])('%s after Retry-After with %s', async (_, __, retryAfter, attempts) => {
    const subgraph = await start({ ATTEMPT_TIMEOUT_MS: '29999', OPERATION_TIMEOUT_MS: '30000' });
    subgraph.upstream.fail(inTurn({ status: 503, headers: { 'retry-after': retryAfter } }));
    expect(codes(await subgraph.ask(LIST))).toEqual(attempts === 1 ? UNAVAILABLE : []);
    expect(subgraph.upstream.commands()).toEqual(Array(attempts).fill(LISTED));
  });

  it('waits for a random time, and spends a budget of ten, and of one more for every ten commands', async () => {
    const { ask, upstream } = await start({ BREAKER_FAILURES: '10000' });
    upstream.fail(() => ({ status: 503 }));
    expect((await ask(lists(40, 'r'))).errors).toHaveLength(40);
    const commands = upstream.commands();
    const retries = commands.filter((command, index) => commands.indexOf(command) < index);
    expect([new Set(commands).size, retries.length]).toEqual([40, 10 + 4]);
    // Reads that fail together do not return together.
    expect(retries).not.toEqual(commands.filter((command) => retries.includes(command)).slice(0, 14));
  });

  it('spends none of the quota if its caller leaves in the pause', async () => {
    const subgraph = await start({ BREAKER_FAILURES: '10000', OPERATION_TIMEOUT_MS: '60000' });
    subgraph.upstream.fail(() => ({ status: 503, headers: { 'retry-after': '50' } }));
    for (let asked = 1; asked <= 12; asked++) {
      const leave = subgraph.askAndDisconnect(LIST);
      await until(() => subgraph.upstream.received.length === asked);
      await untilMetric(subgraph.url, 'maintenance_commands_in_flight', 0);
      await leave();
      await until(() => subgraph.logs().length === asked);
    }
    subgraph.upstream.fail(() => ({ status: 503 }));
    expect((await subgraph.ask(lists(40, 'r'))).errors).toHaveLength(40);
    // The twelve commands have earned one more.
    expect(subgraph.upstream.received).toHaveLength(12 + 40 + 10 + 4 + 1);
  });

  it.each<[string, Fault]>([
    ['resets it', act((response) => response.socket?.resetAndDestroy())],
    // As proxies do with a connection that was idle for too long.
    ['answers 408', () => ({ status: 408, headers: { connection: 'close' } })],
  ])('of a stale connection spends no quota and no attempt, when the command API %s', async (_, fault) => {
    const subgraph = await start({ MAX_ATTEMPTS: '1' });
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

describe('attempts', () => {
  it('do not include that on a stale connection', async () => {
    const subgraph = await start({ MAX_ATTEMPTS: '2' });
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    const [{ connection: kept } = {}] = subgraph.upstream.received;
    subgraph.upstream.fail(({ connection }, response) => {
      if (connection === kept) response.socket?.resetAndDestroy();
      return { status: 503 };
    });
    expect(codes(await subgraph.ask(LIST))).toEqual([[CODE, 'maintenances']]);
    expect(subgraph.upstream.received).toHaveLength(1 + 1 + 2);
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
    // When the caller of a waiting command leaves, its place in the queue is free again.
    const leave = subgraph.askAndDisconnect(list('left'));
    await untilQueued(subgraph, 3);
    leave();
    await until(() => subgraph.logText().includes('CALLER_GONE'));
    asked.push(subgraph.ask(LIST));
    await untilQueued(subgraph, 3);
    expect(held).toHaveLength(3);
    answerWith(subgraph.upstream, []);
    for (const { release } of held) release();
    for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
    expect(subgraph.upstream.commands()[5]).toBe(LISTED);
  });

  it('are not reads that pause, whose retry is refused by a full queue or an open circuit breaker', async () => {
    const limits = { MAX_COMMANDS_IN_FLIGHT: '1', MAX_COMMANDS_QUEUED: '0' };
    const subgraph = await start({ ...limits, BREAKER_FAILURES: '2', BREAKER_OPEN_MS: '60000' });
    subgraph.upstream.fail(inTurn({ status: 503, headers: { 'retry-after': '2' } }));
    const retried = subgraph.ask(LIST);
    await until(() => subgraph.upstream.received.length === 1);
    const held: ServerResponse[] = [];
    subgraph.upstream.fail(act((response) => held.push(response)));
    const other = subgraph.ask(list('other'));
    await until(() => held.length === 1);
    expect(codes(await retried)).toEqual(UNAVAILABLE);
    // This failure opens the breaker.
    held[0]?.writeHead(503).end();
    expect(codes(await other)).toEqual(UNAVAILABLE);
    expect((await subgraph.ask(DELETE)).errors).toMatchObject(OPEN);
    const failed = { commands: [{ attempts: 1, detail: 'status 503' }] };
    expect(subgraph.logs()).toMatchObject([failed, failed, { commands: [{ detail: 'breaker open' }] }]);
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
    answerWith(subgraph.upstream, []);
    for (const { release } of held) release();
    for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
  });
});

describe('the circuit breaker', () => {
  const ENV = { BREAKER_FAILURES: '3', BREAKER_OPEN_MS: '60000', MAX_ATTEMPTS: '1' };
  const fail = (status: number, body?: unknown) => () => ({ status, body });

  const cut = (status: number) =>
    act((response) => response.writeHead(status, { 'content-length': 9 }).write('x', () => response.socket?.destroy()));

  async function askTimes(subgraph: Subgraph, count: number) {
    for (let time = 0; time < count; time++) await subgraph.ask(LIST);
  }

  it.each<[string, Fault, number, object?]>([
    ['503', fail(503), 3],
    ['a cut 500', cut(500), 9],
    ['a time-out', () => 'taken', 3, { ATTEMPT_TIMEOUT_MS: '150' }],
    ['a reset', act((response) => response.socket?.resetAndDestroy()), 3],
    ['a failed lookup', () => undefined, 3, { COMMAND_API_URL: 'https://no-such-host.invalid' }],
    ['500', fail(500), 9],
    ['500 in a coding', () => ({ status: 500, headers: { 'content-encoding': 'br' } }), 9],
    ['429', fail(429), 9],
    ['a cut 429', cut(429), 9],
    ['400', fail(400, { success: false }), 9],
    ['503 with other replies between', inTurn(503, 503, 401, 503, 503, 200, 503, 503), 9],
  ])('opens after three failures in a row that show an outage: %s', async (_, fault, sent, env = {}) => {
    // A busy machine would be late at a time limit, which does not count.
    stopClock();
    const subgraph = await start({ ...ENV, ...env });
    subgraph.upstream.fail(fault);
    await askTimes(subgraph, 9);
    const refused = subgraph.logs().filter(({ commands }) => JSON.stringify(commands).includes('breaker open'));
    expect(refused).toHaveLength(9 - sent);
  });

  /** Starts a subgraph and opens its breaker. */
  async function startOpen(env: NodeJS.ProcessEnv = {}) {
    const moveClock = stopClock();
    const subgraph = await start({ ...ENV, ...env });
    subgraph.upstream.fail(fail(503));
    await askTimes(subgraph, 3);
    subgraph.upstream.received.length = 0;
    return { ...subgraph, moveClock };
  }

  it('sends nothing while it is open, then one probe, and closes if that shows no outage', async () => {
    const { moveClock, upstream, ...subgraph } = await startOpen({ MAX_ATTEMPTS: '2' });
    for (const [probes, status] of [503, 429].entries()) {
      moveClock(59_999);
      expect((await subgraph.ask(DELETE)).errors).toMatchObject(OPEN);
      expect(codes(await subgraph.ask(LIST))).toEqual(UNAVAILABLE);
      expect(upstream.received).toHaveLength(probes);
      // Else every replica would leave its service at once.
      expect((await fetch(`${subgraph.url}/health/ready`)).status).toBe(200);
      moveClock(1);
      upstream.fail(inTurn(status));
      // After 429 the breaker is closed, so the read is sent again.
      expect(codes(await subgraph.ask(LIST))).toEqual(status === 503 ? UNAVAILABLE : []);
      expect(upstream.received).toHaveLength(status === 503 ? 1 : 3);
    }
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    expect(upstream.received).toHaveLength(4);
  });

  it('counts attempts, and while it is open, nothing is retried', async () => {
    const subgraph = await start({ ...ENV, BREAKER_FAILURES: '2', MAX_ATTEMPTS: '3' });
    subgraph.upstream.fail(fail(503));
    expect(codes(await subgraph.ask(LIST))).toEqual(UNAVAILABLE);
    expect((await subgraph.ask(DELETE)).errors).toMatchObject(OPEN);
    expect(subgraph.upstream.commands()).toEqual([LISTED, LISTED]);
  });

  it('opens when all slots hang and the queue is full, and then nothing waits', async () => {
    // A busy machine would be late at a time limit, which does not count.
    stopClock();
    const slots = { MAX_COMMANDS_IN_FLIGHT: '3', MAX_COMMANDS_QUEUED: '2' };
    const subgraph = await start({ ...ENV, ...slots, BREAKER_FAILURES: '1', ATTEMPT_TIMEOUT_MS: '1000' });
    const held = subgraph.upstream.hold();
    const answer = subgraph.ask(lists(5, 'r'));
    await until(() => held.length === 3);
    await untilQueued(subgraph, 2);
    const all = codes(await answer).map(([code]) => code);
    expect(all.toSorted()).toEqual([...Array(3).fill('UPSTREAM_TIMEOUT'), ...Array(2).fill(CODE)]);
    expect((await subgraph.ask(DELETE)).errors).toMatchObject(OPEN);
    expect(subgraph.upstream.received).toHaveLength(3);
  });

  it('repeats a probe that finds a stale connection', async () => {
    const { moveClock, upstream, ...subgraph } = await startOpen();
    moveClock(60_000);
    const reset = act((response) => response.socket?.resetAndDestroy());
    upstream.fail((...sent) => (upstream.received.length === 1 ? reset(...sent) : undefined));
    for (let time = 0; time < 2; time++) expect((await subgraph.ask(LIST)).errors).toEqual([]);
    expect(upstream.commands()).toEqual([LISTED, LISTED, LISTED]);
  });

  it('probes again at once when the caller of a probe goes away', async () => {
    const { moveClock, upstream, ...subgraph } = await startOpen();
    moveClock(60_000);
    const held = upstream.hold();
    for (let probes = 1; probes <= 3; probes++) {
      const leave = subgraph.askAndDisconnect(LIST);
      await until(() => held.length === probes);
      leave();
      await until(() => subgraph.logs().length === 3 + probes);
    }
    upstream.fail(undefined);
    for (let time = 0; time < 2; time++) expect((await subgraph.ask(LIST)).errors).toEqual([]);
    expect(upstream.received).toHaveLength(5);
  });

  it('refuses commands during a probe and then closes, even if an older one fails, as the metric shows', async () => {
    const moveClock = stopClock();
    const subgraph = await start({ ...ENV, MAX_COMMANDS_IN_FLIGHT: '2' });
    const states = async () => {
      const samples = await scrape(subgraph.url);
      const names = ['closed', 'open', 'half_open'].map((state) => writeSample('maintenance_breaker_state', { state }));
      return names.map((name) => samples.get(name));
    };
    expect(await states()).toEqual([1, 0, 0]);
    const held: ServerResponse[] = [];
    const hold = act((response) => held.push(response));
    subgraph.upstream.fail(hold);
    const older = subgraph.ask(list('older'));
    await until(() => held.length === 1);
    subgraph.upstream.fail(fail(503));
    await askTimes(subgraph, 3);
    expect(await states()).toEqual([0, 1, 0]);
    moveClock(60_000);
    subgraph.upstream.fail(hold);
    const probe = subgraph.ask(list('probe'));
    await until(() => held.length === 2);
    // Although all slots are taken, nothing waits for one.
    expect(codes(await subgraph.ask(LIST))).toEqual(UNAVAILABLE);
    held[0]?.writeHead(503).end();
    expect(codes(await older)).toEqual(UNAVAILABLE);
    expect(await states()).toEqual([0, 0, 1]);
    expect(codes(await subgraph.ask(LIST))).toEqual(UNAVAILABLE);
    held[1]?.end('{"success":true,"result":[]}');
    expect((await probe).errors).toEqual([]);
    expect(await states()).toEqual([1, 0, 0]);
    subgraph.upstream.fail(undefined);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
  });

  it('does not count a time-out that fires late because the process was busy', async () => {
    const subgraph = await start({ ...ENV, ATTEMPT_TIMEOUT_MS: '1000', BREAKER_FAILURES: '1' });
    const held = subgraph.upstream.hold();
    const answer = subgraph.ask(DELETE);
    await until(() => held.length === 1);
    blockEventLoop(1500);
    expect((await answer).errors).toMatchObject([{ extensions: { code: 'UPSTREAM_TIMEOUT', outcome: 'UNKNOWN' } }]);
    held.end();
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
  });
});

describe('when a caller leaves', () => {
  const NOT_SENT = { code: 'CALLER_GONE', outcome: 'NOT_SENT', detail: 'caller disconnected' };

  it('a write that was sent goes on, one that waits is not sent, and further fields do not begin', async () => {
    const subgraph = await start({ MAX_COMMANDS_IN_FLIGHT: '2' });
    const held = subgraph.upstream.hold();
    const ids = times(5, (index) => `"r${index}:m"`);
    const deletions = `deleteMaintenances(ids: [${ids}]) { deletedIds failures { code } }`;
    const leave = subgraph.askAndDisconnect(`mutation { ${deletions} deleteMaintenance(id: "r5:m") { deletedId } }`);
    await until(() => held.length === 2);
    await untilQueued(subgraph, 3);
    await leave();
    await untilQueued(subgraph, 0);
    expect(held.filter(({ isClosed }) => isClosed())).toEqual([]);
    held.end();
    await until(() => subgraph.logs().length === 1);
    // An error of ours would be logged first.
    expect(subgraph.logs()).toMatchObject([{ level: 40, codes: ['CALLER_GONE'] }]);
    const { commands } = subgraph.logs()[0] as { commands: object[] };
    expect(commands).toMatchObject([{ attempts: 1 }, { attempts: 1 }, ...Array(4).fill(NOT_SENT)]);
    expect(subgraph.upstream.received).toHaveLength(2);
  });

  it('a write between two attempts that sent nothing is not sent', async () => {
    const subgraph = await start({ MAX_ATTEMPTS: '10', BREAKER_FAILURES: '10000' });
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
});

it('requests beyond MAX_REQUESTS_IN_FLIGHT get 503 with Retry-After, except health checks', async () => {
  const subgraph = await start({ MAX_REQUESTS_IN_FLIGHT: '2' });
  const held = subgraph.upstream.hold();
  const served = ['a', 'b'].map((residence) => subgraph.ask(list(residence)));
  await until(() => held.length === 2);
  const { status, headers, errors } = await subgraph.ask(LIST);
  expect([status, headers.get('retry-after')]).toEqual([503, '1']);
  expect(errors).toMatchObject([{ extensions: { code: 'OVERLOADED', outcome: 'NOT_SENT' } }]);
  const paths = ['graphql', 'health/live', 'health/ready'];
  const statuses = paths.map(async (path) => (await fetch(`${subgraph.url}/${path}`)).status);
  // A request without the router secret is refused as such.
  expect(await Promise.all(statuses)).toEqual([401, 200, 200]);
  held.end();
  for (const { errors } of await Promise.all(served)) expect(errors).toEqual([]);
  expect((await subgraph.ask(LIST)).errors).toEqual([]);
});
