import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { createSlots } from '../../src/command-api/slots.ts';
import { codes } from '../support/ask.ts';
import { stopClock } from '../support/clock.ts';
import { type Subgraph, startSubgraph } from '../support/subgraph.ts';
import { throwInRequest } from '../support/unforeseen.ts';
import type { Answer, Fault, Held } from '../support/upstream.ts';
import { useMany } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';

const R = EXAMPLE.residenceId;
const list = (residenceId: string) => `{ maintenances(residenceId: "${residenceId}") { id } }`;
const LIST = list(R);
const WRITE = `mutation { deleteMaintenance(id: "${R}:${EXAMPLE.maintenanceId}") { deletedId } }`;
const LISTED = `get_maintenance_list ${R}`;
const CODE = 'UPSTREAM_UNAVAILABLE';
const UNAVAILABLE = [[CODE, 'maintenances']];
const notSent = (message: string) => [{ message, extensions: { code: CODE, outcome: 'NOT_SENT' } }];

/** Lists the residences with these numbers, in one operation. */
function lists(from: number, to: number, name = 'r'): string {
  const fields = Array.from({ length: to }, (_, i) => `a${i}: maintenances(residenceId: "${name}${i}") { id }`);
  return `{ ${fields.slice(from).join(' ')} }`;
}

/** Answers the first commands with these answers, and lets the other commands pass. */
const first =
  (...answers: (Answer | number)[]): Fault =>
  () => {
    const answer = answers.shift();
    return typeof answer === 'number' ? { status: answer } : answer;
  };

/** Answers this many held commands, in order of arrival. */
async function answerAll(held: readonly Held[], count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await until(() => held.length > index);
    held[index]?.release();
  }
}

const start = useMany(startSubgraph);
afterEach(() => void jest.restoreAllMocks());

// test/vendor/upstream-faults.test.ts has the number of attempts after each fault, test/vendor/retries.test.ts the pauses.
describe('a retry', () => {
  it('waits as long as Retry-After says, and its answer is used', async () => {
    const subgraph = await start();
    const sentAt: number[] = [];
    subgraph.upstream.fail(() => {
      sentAt.push(performance.now());
      return sentAt.length === 1 ? { status: 503, headers: { 'retry-after': '1' } } : undefined;
    });
    const { data, errors } = await subgraph.ask(LIST);
    expect(errors).toEqual([]);
    expect(data.maintenances).toHaveLength(1);
    expect(Number(sentAt[1]) - Number(sentAt[0])).toBeGreaterThanOrEqual(1000);
  });

  it('is not sent beyond the time limit of the operation', async () => {
    const subgraph = await start({ ATTEMPT_TIMEOUT_MS: '29999', OPERATION_TIMEOUT_MS: '30000' });
    subgraph.upstream.fail(first({ status: 503, headers: { 'retry-after': '31' } }));
    expect(codes(await subgraph.ask(LIST))).toEqual(UNAVAILABLE);
    expect(subgraph.upstream.commands()).toEqual([LISTED]);
  });

  it('spends a budget of ten, and of one more for every ten commands', async () => {
    const subgraph = await start({ BREAKER_FAILURES: '10000' });
    subgraph.upstream.fail(() => ({ status: 503 }));
    expect((await subgraph.ask(lists(0, 40))).errors).toHaveLength(40);
    expect(subgraph.upstream.received).toHaveLength(40 + 10 + 4);
  });

  it('of a stale connection spends no budget', async () => {
    const subgraph = await start();
    // The command API resets each connection when the second request arrives.
    const used = new Set<number | undefined>();
    subgraph.upstream.fail(({ connection }, response) => {
      if (used.size < used.add(connection).size) return undefined;
      response.socket?.resetAndDestroy();
      return 'taken';
    });
    for (const name of ['first', 'second']) {
      const answer = await subgraph.ask(lists(0, 30, name));
      // The command API knows none of these residences.
      expect(codes(answer).map(([code]) => code)).toEqual(Array(30).fill('COMMAND_REJECTED'));
    }
    expect(subgraph.upstream.received).toHaveLength(30 + 30 + 30);
  });
});

describe('the circuit breaker', () => {
  const ENV = { BREAKER_FAILURES: '3', BREAKER_OPEN_MS: '60000', MAX_ATTEMPTS: '1' };
  const fail = (status: number, body?: unknown) => () => ({ status, body });

  const cut500: Fault = (_, response) => {
    response.writeHead(500, { 'content-length': 9 }).write('x', () => response.socket?.destroy());
    return 'taken';
  };

  async function ask(subgraph: Subgraph, times: number) {
    for (let time = 0; time < times; time++) await subgraph.ask(LIST);
  }

  it.each<[string, Fault, number, object?]>([
    ['502', fail(502), 3],
    ['503', fail(503), 3],
    ['504', fail(504), 3],
    ['a cut 500', cut500, 3],
    ['a time-out', () => 'taken', 3, { ATTEMPT_TIMEOUT_MS: '150' }],
    ['a reset', (_, response) => (response.socket?.resetAndDestroy() ? 'taken' : undefined), 3],
    ['an unknown host', fail(0), 3, { COMMAND_API_URL: 'https://no-such-host.invalid' }],
    ['500', fail(500), 9],
    ['429', fail(429), 9],
    ['401', fail(401), 9],
    ['400', fail(400, { success: false }), 9],
    ['an invalid reply', fail(200), 9],
    ['503 with other replies between', first(503, 503, 401, 503, 503, 200, 503, 503), 9],
  ])('opens after three failures in a row that show an outage: %s', async (_, fault, sent, env = {}) => {
    const subgraph = await start({ ...ENV, ...env });
    subgraph.upstream.fail(fault);
    await ask(subgraph, 9);
    const refused = subgraph.logs().filter(({ commands }) => JSON.stringify(commands).includes('breaker open'));
    expect(refused).toHaveLength(9 - sent);
  });

  /** Starts a subgraph and opens its breaker. */
  async function startOpen(env: NodeJS.ProcessEnv = {}) {
    const moveClock = stopClock();
    const subgraph = await start({ ...ENV, ...env });
    subgraph.upstream.fail(fail(503));
    await ask(subgraph, 3);
    subgraph.upstream.received.length = 0;
    return { ...subgraph, moveClock };
  }

  it('sends nothing while it is open, and closes after a probe that succeeds', async () => {
    const { moveClock, upstream, ...subgraph } = await startOpen();
    for (let probes = 0; probes < 2; probes++) {
      moveClock(59_999);
      const message = 'The command API is failing; the command was not sent.';
      expect((await subgraph.ask(WRITE)).errors).toMatchObject(notSent(message));
      expect(codes(await subgraph.ask(LIST))).toEqual(UNAVAILABLE);
      expect(upstream.received).toHaveLength(probes);
      // Else every replica would leave its service at once.
      expect((await fetch(`${subgraph.url}/health/ready`)).status).toBe(200);
      moveClock(1);
      if (probes === 1) upstream.fail(undefined);
      await subgraph.ask(LIST);
      expect(upstream.received).toHaveLength(probes + 1);
    }
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    expect(upstream.received).toHaveLength(3);
  });

  it('decides by the first reply to a probe, without a retry', async () => {
    const { moveClock, upstream, ...subgraph } = await startOpen({ MAX_ATTEMPTS: '2' });
    moveClock(60_000);
    upstream.fail(first(429));
    expect(codes(await subgraph.ask(LIST))).toEqual(UNAVAILABLE);
    expect(upstream.received).toHaveLength(1);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
  });

  it('probes again at once when the caller of a probe goes away', async () => {
    const { moveClock, ...subgraph } = await startOpen();
    moveClock(60_000);
    const held = subgraph.upstream.hold();
    for (let probes = 1; probes <= 3; probes++) {
      const leave = subgraph.askAndDisconnect(LIST);
      await until(() => held.length === probes);
      leave();
      await until(() => subgraph.logs().length === 3 + probes);
    }
    subgraph.upstream.fail(undefined);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    expect(subgraph.upstream.received).toHaveLength(5);
  });

  it.each(['fails', 'has no caller any more'])(
    'refuses other commands during a probe and then closes, even if an older command %s',
    async (end) => {
      const moveClock = stopClock();
      const subgraph = await start(ENV);
      const held = new Map<unknown, ServerResponse>();
      subgraph.upstream.fail(({ param }, response) => {
        if (param.residence_id === 'down') return { status: 503 };
        held.set(param.residence_id, response);
        return 'taken';
      });
      const leave = subgraph.askAndDisconnect(list('older'));
      await until(() => held.has('older'));
      for (let time = 0; time < 3; time++) await subgraph.ask(list('down'));
      moveClock(60_000);
      const probe = subgraph.ask(list('probe'));
      await until(() => held.has('probe'));
      if (end === 'fails') held.get('older')?.writeHead(503).end();
      else leave();
      await until(() => subgraph.logs().length === 4);
      expect(codes(await subgraph.ask(list('during')))).toEqual(UNAVAILABLE);
      held.get('probe')?.end('{"success":true,"result":[]}');
      expect((await probe).errors).toEqual([]);
      subgraph.upstream.fail(undefined);
      expect((await subgraph.ask(LIST)).errors).toEqual([]);
    },
  );

  it('does not count a time-out that fires late because the process was busy', async () => {
    const subgraph = await start({ ...ENV, ATTEMPT_TIMEOUT_MS: '150', BREAKER_FAILURES: '1' });
    const held = subgraph.upstream.hold();
    const answer = subgraph.ask(WRITE);
    await until(() => subgraph.upstream.received.length === 1);
    const busyUntil = performance.now() + 500;
    while (performance.now() < busyUntil);
    expect((await answer).errors).toMatchObject([{ extensions: { code: 'UPSTREAM_TIMEOUT', outcome: 'UNKNOWN' } }]);
    held.end();
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
  });
});

it('a fault of our own code is masked, is logged with its stack, and does not open the breaker', async () => {
  const restore = throwInRequest('unlucky');
  const subgraph = await start({ BREAKER_FAILURES: '1' });
  const answer = await subgraph.ask(LIST, { token: 'unlucky' });
  expect(codes(answer)).toEqual([['INTERNAL_SERVER_ERROR', 'maintenances']]);
  const err = { type: 'TypeError', stack: expect.stringMatching(/^at unforeseenError .+\/unforeseen\.ts/) };
  expect(subgraph.logs()[0]).toMatchObject({ level: 50, msg: 'unforeseen error', err });
  expect(JSON.stringify(answer) + subgraph.logText()).not.toMatch(/canary|unlucky/);
  expect((await subgraph.ask(LIST)).errors).toEqual([]);
  restore();
});

describe('commands in flight', () => {
  it('are bounded, as are the commands that wait, and further commands fail at once', async () => {
    const subgraph = await start({ MAX_COMMANDS_IN_FLIGHT: '2', MAX_COMMANDS_QUEUED: '3' });
    const held = subgraph.upstream.hold();
    const asked = [subgraph.ask(lists(0, 5))];
    await until(() => held.length === 2);
    expect(codes(await subgraph.ask(lists(5, 7)))).toEqual([5, 6].map((index) => [CODE, `a${index}`]));
    const message = 'The subgraph has no room for this command now.';
    expect((await subgraph.ask(WRITE)).errors).toMatchObject(notSent(message));
    expect(held).toHaveLength(2);
    // A command that waits takes over the slot of a command that ends.
    held[0]?.release();
    await until(() => held.length === 3);
    asked.push(subgraph.ask(LIST));
    await settle(subgraph.url);
    expect(held).toHaveLength(3);
    await answerAll(held, 6);
    for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
    expect(subgraph.upstream.commands()[5]).toBe(LISTED);
  });

  it('of one operation are 32, so that other operations get their share', async () => {
    const subgraph = await start({ MAX_COMMANDS_IN_FLIGHT: '40', MAX_COMMANDS_QUEUED: '0' });
    const held = subgraph.upstream.hold();
    const asked = [subgraph.ask(lists(0, 50))];
    await until(() => held.length === 32);
    asked.push(subgraph.ask(LIST));
    await until(() => held.length === 33);
    expect(subgraph.upstream.commands()[32]).toBe(LISTED);
    await answerAll(held, 51);
    for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
  });
});

describe('the slots of commands', () => {
  const stay = new AbortController().signal;

  it('lets no aborted command in, and gives its room in the queue to the next command', async () => {
    const { take, count } = createSlots(1, 1);
    await expect(take(AbortSignal.abort('expired'))).rejects.toMatchObject({ outcome: 'NOT_SENT' });
    const slot = await take(stay);
    const time = new AbortController();
    const aborted = take(time.signal);
    time.abort('expired');
    await expect(aborted).rejects.toMatchObject({ kind: 'expired', outcome: 'NOT_SENT' });
    const waiting = take(stay);
    expect(count()).toEqual({ inFlight: 1, queued: 1 });
    slot[Symbol.dispose]();
    (await waiting)[Symbol.dispose]();
    expect(count()).toEqual({ inFlight: 0, queued: 0 });
  });
});

describe('a caller that goes away', () => {
  it('aborts its reads and their retries, which frees their slots and does not open the breaker', async () => {
    const env = { MAX_COMMANDS_IN_FLIGHT: '2', MAX_COMMANDS_QUEUED: '0', BREAKER_FAILURES: '1' };
    const subgraph = await start(env);
    const held = subgraph.upstream.hold();
    const leave = subgraph.askAndDisconnect(LIST);
    await until(() => held.length === 1);
    leave();
    await until(() => held[0]?.isClosed() === true && subgraph.logs().length === 1);

    subgraph.upstream.fail(first({ status: 503, headers: { 'retry-after': '9' } }));
    const leaveAgain = subgraph.askAndDisconnect(LIST);
    await until(() => subgraph.upstream.received.length === 2);
    await settle(subgraph.url);
    leaveAgain();
    await until(() => subgraph.logs().length === 2);
    const line = { commands: [{ detail: 'caller disconnected' }] };
    expect(subgraph.logs()).toMatchObject([line, line]);
    const rejected = ['a0', 'a1'].map((path) => ['COMMAND_REJECTED', path]);
    expect(codes(await subgraph.ask(lists(0, 2)))).toEqual(rejected);
  });

  it('aborts none of its writes, even if they still wait', async () => {
    const subgraph = await start();
    const held = subgraph.upstream.hold();
    const ids = Array.from({ length: 40 }, (_, index) => `"r${index}:m"`);
    const leave = subgraph.askAndDisconnect(`mutation { deleteMaintenances(ids: [${ids}]) { deletedIds } }`);
    await until(() => held.length === 32);
    await leave();
    await settle(subgraph.url);
    expect(held.filter(({ isClosed }) => isClosed())).toEqual([]);
    await answerAll(held, 40);
    await until(() => subgraph.logs().length === 1);
    expect(subgraph.logs()[0]).toMatchObject({ level: 40, codes: ['CALLER_GONE'] });
  });
});

it('requests beyond MAX_REQUESTS_IN_FLIGHT get 503 with Retry-After, except health checks', async () => {
  const subgraph = await start({ MAX_REQUESTS_IN_FLIGHT: '2' });
  const held = subgraph.upstream.hold();
  const served = ['a', 'b'].map((residence) => subgraph.ask(list(residence)));
  await until(() => held.length === 2);
  const refused = await subgraph.ask(LIST);
  const errors = [{ message: expect.any(String), extensions: { code: 'OVERLOADED' } }];
  expect(refused).toMatchObject({ status: 503, data: undefined, errors });
  const headers = ['retry-after', 'content-type'].map((name) => refused.headers.get(name));
  expect(headers).toEqual(['1', 'application/json; charset=utf-8']);
  const paths = ['graphql', 'health/live', 'health/ready'];
  const statuses = paths.map(async (path) => (await fetch(`${subgraph.url}/${path}`)).status);
  // A request without the router secret is refused as such.
  expect(await Promise.all(statuses)).toEqual([401, 200, 200]);
  await answerAll(held, 2);
  for (const { errors } of await Promise.all(served)) expect(errors).toEqual([]);
  subgraph.upstream.fail(undefined);
  expect((await subgraph.ask(LIST)).errors).toEqual([]);
});
