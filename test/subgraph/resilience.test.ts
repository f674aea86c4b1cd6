import type { ServerResponse } from 'node:http';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { freePort } from '../../dev/command-api.ts';
import { EXAMPLE } from '../../dev/seed.ts';
import { createQueue } from '../../src/command-api/admission.ts';
import { codes, NEW_MAINTENANCE, ROUTER_SECRET, type Subgraph, startSubgraph } from '../support/subgraph.ts';
import type { Answer, Fault } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';

const R = EXAMPLE.residenceId;
const LIST = `{ maintenances(residenceId: "${R}") { id } }`;
const WRITE = `mutation { deleteMaintenance(id: "${R}:${EXAMPLE.maintenanceId}") { id } }`;
const LISTED = `get_maintenance_list ${R}`;

/** Answers the first commands with these in turn, and lets the others pass; a text resets the connection. */
function first(...faults: (Answer | 'reset')[]): Fault {
  return (_, response) => {
    const fault = faults.shift();
    if (fault !== 'reset') return fault;
    response.socket?.resetAndDestroy();
    return 'taken';
  };
}

/** Holds every command and tells when one of them is given up. */
function holdAll(subgraph: Subgraph) {
  const commands: { name: string; closed: Promise<void>; isClosed: boolean; answer: () => void }[] = [];
  subgraph.upstream.fail(({ command }, response) => {
    const one = {
      name: command,
      isClosed: false,
      closed: new Promise<void>((resolve) =>
        response.once('close', () => {
          one.isClosed = true;
          resolve();
        }),
      ),
      answer: () => response.end('{"success":true,"result":{}}'),
    };
    commands.push(one);
    return 'taken';
  });
  return commands;
}

const running: Subgraph[] = [];
async function start(env: NodeJS.ProcessEnv) {
  const subgraph = await startSubgraph(env);
  running.push(subgraph);
  return subgraph;
}

afterEach(async () => {
  jest.restoreAllMocks();
  await Promise.all(running.splice(0).map((subgraph) => subgraph.stop()));
});

describe('a read is sent again', () => {
  let subgraph: Subgraph;
  // One for each test: the budget for retries is soon spent.
  beforeEach(async () => {
    subgraph = await start({});
  });

  it.each<[string, Answer | 'reset']>([
    ['429', { status: 429 }],
    ['502', { status: 502 }],
    ['503', { status: 503 }],
    ['503 in a coding that nobody can undo', { status: 503, headers: { 'content-encoding': 'br' } }],
    ['504', { status: 504 }],
    ['a reset', 'reset'],
  ])('after %s, under the same command id, on another connection', async (_, fault) => {
    subgraph.upstream.fail(first(fault, fault));
    const { data, errors } = await subgraph.ask(LIST);
    expect(errors).toEqual([]);
    expect(data.maintenances).toHaveLength(1);
    const { received } = subgraph.upstream;
    expect(received.map(({ command }) => command)).toEqual(Array(3).fill('get_maintenance_list'));
    expect(new Set(received.map(({ body }) => body)).size).toBe(1);
    expect(new Set(received.map(({ connection }) => connection)).size).toBe(3);
  });

  it.each<[string, Answer | 'reset', string]>([
    ['503', { status: 503 }, 'UPSTREAM_UNAVAILABLE'],
    ['a reset', 'reset', 'UPSTREAM_UNAVAILABLE'],
  ])('twice at most: %s', async (_, fault, code) => {
    subgraph.upstream.fail(first(fault, fault, fault, fault));
    expect(codes(await subgraph.ask(LIST))).toEqual([[code, 'maintenances']]);
    expect(subgraph.upstream.commands()).toEqual([LISTED, LISTED, LISTED]);
  });

  it.each<[string, Answer, string]>([
    ['400', { status: 400, body: { success: false } }, 'COMMAND_REJECTED'],
    ['401', { status: 401 }, 'UNAUTHENTICATED'],
    ['403', { status: 403 }, 'FORBIDDEN'],
    ['500', { status: 500 }, 'UPSTREAM_UNAVAILABLE'],
    ['501', { status: 501 }, 'UPSTREAM_UNAVAILABLE'],
    ['success: false', { body: { success: false } }, 'COMMAND_REJECTED'],
    ['nonsense', { body: 'nonsense' }, 'UPSTREAM_INVALID_RESPONSE'],
    ['a redirect', { status: 302, headers: { location: '/' } }, 'UPSTREAM_INVALID_RESPONSE'],
  ])('but not after %s', async (_, fault, code) => {
    subgraph.upstream.fail(first(fault));
    expect(codes(await subgraph.ask(LIST))).toEqual([[code, 'maintenances']]);
    expect(subgraph.upstream.commands()).toEqual([LISTED]);
  });

  it('nor after a time-out', async () => {
    const impatient = await start({ ATTEMPT_TIMEOUT_MS: '200' });
    impatient.upstream.fail(() => 'taken');
    expect(codes(await impatient.ask(LIST))).toEqual([['UPSTREAM_TIMEOUT', 'maintenances']]);
    expect(impatient.upstream.commands()).toEqual([LISTED]);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    [
      'a body that is cut off',
      (response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"success":true', () => response.socket?.end());
      },
    ],
    [
      'a body that a reset cuts off',
      (response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('{"success":true', () => response.socket?.resetAndDestroy());
      },
    ],
    [
      'a chunked body that is cut off',
      (response) => {
        response.writeHead(200);
        response.write('{"success":true', () => response.socket?.destroy());
      },
    ],
  ])('after %s', async (_, cut) => {
    let isCut = false;
    subgraph.upstream.fail((_, response) => {
      if (isCut) return undefined;
      isCut = true;
      cut(response);
      return 'taken';
    });
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    expect(subgraph.upstream.commands()).toEqual([LISTED, LISTED]);
  });

  it('nor after a 401 whose body is cut off', async () => {
    subgraph.upstream.fail((_, response) => {
      response.writeHead(401, { 'content-length': '100' });
      response.write('x', () => response.socket?.destroy());
      return 'taken';
    });
    expect(codes(await subgraph.ask(LIST))).toEqual([['UNAUTHENTICATED', 'maintenances']]);
    expect(subgraph.upstream.commands()).toEqual([LISTED]);
  });

  it('after as long as the command API asks', async () => {
    const sentAt: number[] = [];
    const faults = first({ status: 503, headers: { 'retry-after': '1' } });
    subgraph.upstream.fail((...exchange) => {
      sentAt.push(performance.now());
      return faults(...exchange);
    });
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    const [a = 0, b = 0] = sentAt;
    expect(b - a).toBeGreaterThanOrEqual(1000);
  });

  it('never, where that is longer than the operation may take', async () => {
    subgraph.upstream.fail(first({ status: 503, headers: { 'retry-after': '11' } }));
    expect(codes(await subgraph.ask(LIST))).toEqual([['UPSTREAM_UNAVAILABLE', 'maintenances']]);
    expect(subgraph.upstream.commands()).toEqual([LISTED]);
  });

  it('after a pause that is random, from nothing to a bound that doubles', async () => {
    const random = jest.spyOn(Math, 'random').mockReturnValue(0);
    subgraph.upstream.fail(first({ status: 503 }, { status: 503 }));
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    random.mockReturnValue(1);
    const sentAt: number[] = [];
    const faults = first({ status: 503 }, { status: 503 });
    subgraph.upstream.fail((...exchange) => {
      sentAt.push(performance.now());
      return faults(...exchange);
    });
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    const [a = 0, b = 0, c = 0] = sentAt;
    expect(b - a).toBeGreaterThanOrEqual(99);
    expect(c - b).toBeGreaterThanOrEqual(199);
    // A share of the bound: of one so large, nothing is left that the operation has time for.
    random.mockReturnValue(1000);
    subgraph.upstream.reset();
    subgraph.upstream.fail(first({ status: 503 }));
    expect(codes(await subgraph.ask(LIST))).toEqual([['UPSTREAM_UNAVAILABLE', 'maintenances']]);
    expect(subgraph.upstream.commands()).toEqual([LISTED]);
  });

  it('as often as MAX_ATTEMPTS says', async () => {
    const once = await start({ MAX_ATTEMPTS: '1' });
    once.upstream.fail(first({ status: 503 }));
    expect(codes(await once.ask(LIST))).toEqual([['UPSTREAM_UNAVAILABLE', 'maintenances']]);
    expect(once.upstream.commands()).toEqual([LISTED]);
  });
});

describe('retries', () => {
  it('spend a budget: ten, and one more for every ten commands', async () => {
    const subgraph = await start({ BREAKER_FAILURES: '10000' });
    subgraph.upstream.fail(() => ({ status: 503 }));
    const residences = Array.from(
      { length: 40 },
      (_, index) => `a${index}: maintenances(residenceId: "r${index}") { id }`,
    );
    expect((await subgraph.ask(`{ ${residences.join(' ')} }`)).errors).toHaveLength(40);
    expect(subgraph.upstream.received).toHaveLength(40 + 10 + 4);
  });

  it('of stale connections spend none', async () => {
    const subgraph = await start({});
    // A server that closes a connection as the second request comes in on it, before any byte of an answer.
    const used = new Map<number | undefined, number>();
    subgraph.upstream.fail(({ connection }, response) => {
      const times = (used.get(connection) ?? 0) + 1;
      used.set(connection, times);
      if (times === 1) return undefined;
      response.socket?.resetAndDestroy();
      return 'taken';
    });
    const lists = (name: string) =>
      `{ ${Array.from({ length: 30 }, (_, index) => `a${index}: maintenances(residenceId: "${name}${index}") { id }`).join(' ')} }`;
    const opened = await subgraph.ask(lists('first'));
    expect(new Set(codes(opened).map(([code]) => code))).toEqual(new Set(['COMMAND_REJECTED']));
    const again = await subgraph.ask(lists('second'));
    // Each was replayed on a connection of its own and reached the command API, which knows none of these residences.
    expect(new Set(codes(again).map(([code]) => code))).toEqual(new Set(['COMMAND_REJECTED']));
    expect(subgraph.upstream.received).toHaveLength(30 + 30 + 30);
  });
});

describe('a write', () => {
  const subgraph = useSubgraph({ ATTEMPT_TIMEOUT_MS: '300' });

  it.each<[string, Fault, string, string]>([
    ['429', first({ status: 429 }), 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
    ['500', first({ status: 500 }), 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
    ['502', first({ status: 502 }), 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
    ['503', first({ status: 503 }), 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
    ['504', first({ status: 504 }), 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
    ['a reset', first('reset'), 'UPSTREAM_UNAVAILABLE', 'UNKNOWN'],
    ['a time-out', () => 'taken', 'UPSTREAM_TIMEOUT', 'UNKNOWN'],
    ['401', first({ status: 401 }), 'UNAUTHENTICATED', 'REJECTED'],
    ['success: false', first({ body: { success: false } }), 'COMMAND_REJECTED', 'REJECTED'],
  ])('that was sent is not sent again: %s', async (_, fault, code, outcome) => {
    subgraph.upstream.fail(fault);
    const { errors } = await subgraph.ask(WRITE);
    expect(errors).toMatchObject([{ extensions: { code, outcome } }]);
    expect(subgraph.upstream.received).toHaveLength(1);
  });

  it('goes out on a connection of its own', async () => {
    const create = `mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }`;
    await subgraph.ask(LIST);
    await subgraph.ask(create, { variables: { input: NEW_MAINTENANCE } });
    await subgraph.ask(create, { variables: { input: NEW_MAINTENANCE } });
    await subgraph.ask(LIST);
    const [read, ...others] = subgraph.upstream.received.map(({ connection }) => connection);
    expect(others[2]).toBe(read);
    expect(new Set(others).size).toBe(3);
    expect(subgraph.upstream.received[1]?.headers.connection).toBe('close');
  });

  it('that was refused a connection is sent once there is one', async () => {
    const port = await freePort();
    const refused = await start({ COMMAND_API_URL: `http://127.0.0.1:${port}` });
    const target = new URL(refused.upstream.url);
    const forward = net.createServer((socket) => {
      socket.pipe(net.connect(Number(target.port), target.hostname)).pipe(socket);
    });
    jest.spyOn(Math, 'random').mockReturnValue(1);
    const answer = refused.ask(WRITE);
    await delay(20);
    await new Promise<void>((resolve) => forward.listen(port, '127.0.0.1', resolve));
    expect((await answer).data).toEqual({ deleteMaintenance: { id: `${R}:${EXAMPLE.maintenanceId}` } });
    expect(refused.upstream.commands()).toEqual([`delete_maintenance_info ${R} ${EXAMPLE.maintenanceId}`]);
    forward.close();
  });
});

describe('the circuit breaker', () => {
  const ENV = { BREAKER_FAILURES: '3', BREAKER_OPEN_MS: '300', MAX_ATTEMPTS: '1', ATTEMPT_TIMEOUT_MS: '150' };

  async function ask(subgraph: Subgraph, times: number) {
    for (let time = 0; time < times; time++) await subgraph.ask(LIST);
  }

  it.each<[string, Fault]>([
    ['502', () => ({ status: 502 })],
    ['503', () => ({ status: 503 })],
    ['504', () => ({ status: 504 })],
    ['time-outs', () => 'taken'],
  ])('opens after %s in a row, sends nothing then, and closes when a probe succeeds', async (_, fault) => {
    const subgraph = await start(ENV);
    subgraph.upstream.fail(fault);
    await ask(subgraph, 3);
    expect(subgraph.upstream.received).toHaveLength(3);
    const write = await subgraph.ask(WRITE);
    expect(write.errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE', outcome: 'NOT_SENT' } }]);
    expect(codes(await subgraph.ask(LIST))).toEqual([['UPSTREAM_UNAVAILABLE', 'maintenances']]);
    expect(subgraph.upstream.received).toHaveLength(3);
    // It says nothing of readiness: else every replica would leave at once.
    expect((await fetch(`${subgraph.url}/health/ready`)).status).toBe(200);

    await delay(300);
    await ask(subgraph, 2);
    expect(subgraph.upstream.received).toHaveLength(4);
    await delay(300);
    subgraph.upstream.fail(undefined);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    expect(subgraph.upstream.received).toHaveLength(6);
  });

  it('opens where nothing can be reached', async () => {
    const subgraph = await start({ ...ENV, COMMAND_API_URL: 'https://no-such-host.invalid' });
    await ask(subgraph, 4);
    const details = subgraph.logs().map(({ commands }) => (commands as { detail: string }[])[0]?.detail);
    expect(details).toEqual([
      ...Array(3).fill(expect.stringMatching(/: E(NOTFOUND|AI_AGAIN)$/)),
      'get_maintenance_list: breaker open',
    ]);
  });

  /** A subgraph whose breaker is ready to be closed by a probe. */
  async function startHalfOpen() {
    const subgraph = await start({ ...ENV, ATTEMPT_TIMEOUT_MS: '3000' });
    subgraph.upstream.fail(() => ({ status: 503 }));
    await ask(subgraph, 3);
    await delay(300);
    subgraph.upstream.reset();
    return subgraph;
  }

  it('lets one command probe, and the others fail at once meanwhile', async () => {
    const subgraph = await startHalfOpen();
    const release = subgraph.upstream.hold();
    const probe = subgraph.ask('{ maintenances(residenceId: "a") { id } }');
    await until(() => subgraph.upstream.received.length === 1);
    expect(codes(await subgraph.ask('{ maintenances(residenceId: "b") { id } }'))).toEqual([
      ['UPSTREAM_UNAVAILABLE', 'maintenances'],
    ]);
    release();
    expect((await probe).errors).toEqual([]);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    expect(subgraph.upstream.received).toHaveLength(2);
  });

  it('has a probe whose caller goes away replaced by the next command at once', async () => {
    const subgraph = await startHalfOpen();
    const commands = holdAll(subgraph);
    // Longer than the breaker stays open, were it to open again.
    for (let time = 1; time <= 3; time++) {
      const leave = subgraph.askAndLeave(LIST);
      await until(() => commands.length === time);
      leave();
      await commands[time - 1]?.closed;
      await until(() => subgraph.logs().length === 3 + time);
    }
    subgraph.upstream.fail(undefined);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
    expect(subgraph.upstream.received).toHaveLength(5);
  });

  it('does not heed a wall clock that is set back', async () => {
    const subgraph = await startHalfOpen();
    jest.spyOn(Date, 'now').mockReturnValue(0);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
  });

  it.each([
    ['runs out of time', 1500],
    ['is given up by its caller', 9999],
  ])('closes by its probe, also where an older command %s meanwhile', async (_, attemptMs) => {
    const subgraph = await start({
      ...ENV,
      BREAKER_FAILURES: '2',
      BREAKER_OPEN_MS: '50',
      ATTEMPT_TIMEOUT_MS: String(attemptMs),
    });
    const held = new Map<unknown, () => void>();
    subgraph.upstream.fail(({ param }, response) => {
      if (param.residence_id === 'fails') return { status: 503 };
      held.set(param.residence_id, () => response.end('{"success":true,"result":[]}'));
      return 'taken';
    });
    const list = (residenceId: string) => `{ maintenances(residenceId: "${residenceId}") { id } }`;
    const leave = subgraph.askAndLeave(list('older'));
    await until(() => held.has('older'));
    // So that the probe has time left when the older one has none.
    if (attemptMs === 1500) await delay(750);
    await subgraph.ask(list('fails'));
    await subgraph.ask(list('fails'));
    await delay(50);
    const probe = subgraph.ask(list('probe'));
    await until(() => held.has('probe'));
    if (attemptMs > 1500) await leave();
    await until(() => subgraph.logs().length === 3);
    held.get('probe')?.();
    expect((await probe).errors).toEqual([]);
    subgraph.upstream.fail(undefined);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
  });

  it('does not count an attempt whose time-out fires late, because this process was busy', async () => {
    const subgraph = await start({ ...ENV, BREAKER_FAILURES: '1' });
    const release = subgraph.upstream.hold();
    const answer = subgraph.ask(LIST);
    await until(() => subgraph.upstream.received.length === 1);
    const busyUntil = performance.now() + 500;
    while (performance.now() < busyUntil);
    expect(codes(await answer)).toEqual([['UPSTREAM_TIMEOUT', 'maintenances']]);
    release();
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
  });

  it('is not opened by one large operation that runs out of time', async () => {
    const subgraph = await start({ ATTEMPT_TIMEOUT_MS: '500', OPERATION_TIMEOUT_MS: '600' });
    // Each list that settles an info begins late, so that the operation ends before the attempt is out of time.
    subgraph.upstream.fail(({ command }, response) => {
      if (command === 'get_maintenance_info') setTimeout(() => response.end('{"success":false}'), 300);
      return 'taken';
    });
    const details = Array.from({ length: 32 }, (_, index) => `a${index}: maintenance(id: "r${index}:m") { id }`);
    expect((await subgraph.ask(`{ ${details.join(' ')} }`)).errors).toHaveLength(32);
    expect(subgraph.upstream.received).toHaveLength(64);
    subgraph.upstream.fail(undefined);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
  });

  it.each<[string, Answer]>([
    ['400', { status: 400, body: { success: false } }],
    ['401', { status: 401 }],
    ['403', { status: 403 }],
    ['429', { status: 429 }],
    ['500', { status: 500 }],
    ['success: false', { body: { success: false } }],
    ['nonsense', { body: 'nonsense' }],
  ])('does not count %s', async (_, fault) => {
    const subgraph = await start(ENV);
    subgraph.upstream.fail(() => fault);
    await ask(subgraph, 6);
    expect(subgraph.upstream.received).toHaveLength(6);
  });

  it('counts only failures in a row', async () => {
    const subgraph = await start(ENV);
    subgraph.upstream.fail(first(...[503, 503, 401, 503, 503, 200, 503, 503].map((status) => ({ status }))));
    await ask(subgraph, 9);
    expect(subgraph.upstream.received).toHaveLength(9);
  });
});

describe('commands in flight', () => {
  /** Holds each command until it is released, oldest first. */
  function hold(subgraph: Pick<Subgraph, 'upstream'>) {
    const held: (() => void)[] = [];
    subgraph.upstream.fail((_, response) => {
      held.push(() => response.end('{"success":true,"result":[]}'));
      return 'taken';
    });
    return held;
  }
  const lists = (from: number, to: number) =>
    `{ ${Array.from({ length: to - from }, (_, index) => `a${from + index}: maintenances(residenceId: "r${from + index}") { id }`).join(' ')} }`;

  it('are bounded; a bounded number waits, and what is beyond fails at once', async () => {
    const subgraph = await start({ MAX_COMMANDS_IN_FLIGHT: '2', MAX_COMMANDS_QUEUED: '3' });
    const held = hold(subgraph);
    const waiting = subgraph.ask(lists(0, 5));
    await until(() => held.length === 2);
    const refused = await subgraph.ask(lists(5, 7));
    expect(codes(refused)).toEqual([
      ['UPSTREAM_UNAVAILABLE', 'a5'],
      ['UPSTREAM_UNAVAILABLE', 'a6'],
    ]);
    const write = await subgraph.ask(WRITE);
    expect(write.errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE', outcome: 'NOT_SENT' } }]);
    expect(held).toHaveLength(2);
    for (let index = 0; index < 5; index++) {
      await until(() => held.length > index);
      held[index]?.();
    }
    expect((await waiting).errors).toEqual([]);
    expect(subgraph.upstream.received).toHaveLength(5);
  });

  it('stay bounded when a place goes on to the next', async () => {
    const subgraph = await start({ MAX_COMMANDS_IN_FLIGHT: '1' });
    const held = hold(subgraph);
    const asked = ['a', 'b'].map((id) => subgraph.ask(`{ maintenances(residenceId: "${id}") { id } }`));
    await until(() => held.length === 1);
    await settle(subgraph.url);
    held[0]?.();
    await until(() => held.length === 2);
    asked.push(subgraph.ask(LIST));
    await settle(subgraph.url);
    expect(held).toHaveLength(2);
    held[1]?.();
    await until(() => held.length === 3);
    held[2]?.();
    for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
  });

  it('that wait in vain fail in time, say that they were not sent, and never are', async () => {
    const { takeTurn } = createQueue(32, Number.POSITIVE_INFINITY);
    const release: (() => void)[] = [];
    const running = Array.from({ length: 32 }, () =>
      takeTurn(new AbortController().signal, () => new Promise<void>((resolve) => release.push(resolve))),
    );
    const run = jest.fn(async () => undefined);
    const time = new AbortController();
    const waiting = takeTurn(time.signal, run);
    time.abort(new DOMException('', 'TimeoutError'));
    await expect(waiting).rejects.toMatchObject({ reason: 'timeout', outcome: 'NOT_SENT' });
    for (const one of release) one();
    await Promise.all(running);
    await takeTurn(new AbortController().signal, async () => undefined);
    expect(run).not.toHaveBeenCalled();
  });

  it('that are given up leave their place in the queue to others', async () => {
    const { takeTurn } = createQueue(1, 1);
    const stay = new AbortController().signal;
    let release = () => {};
    const running = takeTurn(stay, () => new Promise<void>((resolve) => (release = resolve)));
    const time = new AbortController();
    const leaving = takeTurn(time.signal, async () => 'left');
    const refused = { message: 'queue full', outcome: 'NOT_SENT' };
    await expect(takeTurn(stay, async () => 'refused')).rejects.toMatchObject(refused);
    time.abort();
    await expect(leaving).rejects.toMatchObject({ message: 'the caller has gone' });
    const waiting = takeTurn(stay, async () => 'waited');
    release();
    await running;
    await expect(waiting).resolves.toBe('waited');
    await expect(takeTurn(stay, async () => 'next')).resolves.toBe('next');
  });

  it('that are asked for too late are given up like those that wait, and never sent', async () => {
    const run = jest.fn(async () => undefined);
    await expect(createQueue(1, 0).takeTurn(AbortSignal.abort(), run)).rejects.toMatchObject({
      message: 'the caller has gone',
      outcome: 'NOT_SENT',
    });
    expect(run).not.toHaveBeenCalled();
  });

  it('of one operation are 32, so that the others get theirs', async () => {
    const subgraph = await start({ MAX_COMMANDS_IN_FLIGHT: '40', MAX_COMMANDS_QUEUED: '0' });
    const held = hold(subgraph);
    const big = subgraph.ask(lists(0, 50));
    await until(() => held.length === 32);
    const other = subgraph.ask(LIST);
    await until(() => held.length === 33);
    expect(subgraph.upstream.commands()[32]).toBe(LISTED);
    for (let index = 0; index < 51; index++) {
      await until(() => held.length > index);
      held[index]?.();
    }
    expect((await big).errors).toEqual([]);
    expect((await other).errors).toEqual([]);
  });
});
describe('when the caller goes away', () => {
  it('its reads are aborted, also those that were to be sent again, and their places are free', async () => {
    const subgraph = await start({ MAX_COMMANDS_IN_FLIGHT: '2', MAX_COMMANDS_QUEUED: '0' });
    const commands = holdAll(subgraph);
    const leave = subgraph.askAndLeave(LIST);
    await until(() => commands.length === 1);
    leave();
    await commands[0]?.closed;

    subgraph.upstream.fail(first({ status: 503, headers: { 'retry-after': '9' } }));
    const leaveAgain = subgraph.askAndLeave(LIST);
    await until(() => subgraph.upstream.received.length === 2);
    await fetch(`${subgraph.url}/health/live`);
    leaveAgain();
    await until(() => subgraph.logs().length === 2);
    expect(subgraph.logs()[1]).toMatchObject({ commands: [{ detail: 'get_maintenance_list: the caller has gone' }] });
    expect(
      (
        await subgraph.ask('{ a: maintenances(residenceId: "a") { id } b: maintenances(residenceId: "b") { id } }')
      ).errors.map(({ extensions }) => extensions.code),
    ).toEqual(['COMMAND_REJECTED', 'COMMAND_REJECTED']);
  });

  it('its writes are not', async () => {
    const subgraph = await start({});
    const commands = holdAll(subgraph);
    const leave = subgraph.askAndLeave(WRITE);
    await until(() => commands.length === 1);
    await leave();
    // The subgraph has noticed by the time that it has answered another caller.
    await fetch(`${subgraph.url}/health/live`);
    expect(commands[0]?.isClosed).toBe(false);
    commands[0]?.answer();
    await until(() => subgraph.logs().length === 1);
    expect(subgraph.logs()[0]).toMatchObject({ level: 30, commands: [{ name: 'delete_maintenance_info' }] });
  });

  it('nor are those that wait for their turn', async () => {
    const subgraph = await start({});
    const commands = holdAll(subgraph);
    const ids = Array.from({ length: 40 }, (_, index) => `"r${index}:m"`);
    const leave = subgraph.askAndLeave(`mutation { deleteMaintenances(ids: [${ids}]) { deletedIds } }`);
    await until(() => commands.length === 32);
    await leave();
    await fetch(`${subgraph.url}/health/live`);
    for (let index = 0; index < 40; index++) {
      await until(() => commands.length > index);
      commands[index]?.answer();
    }
    await until(() => subgraph.logs().length === 1);
    expect(subgraph.logs()[0]).toMatchObject({ level: 30, codes: [] });
  });

  it('opens no breaker', async () => {
    const subgraph = await start({ BREAKER_FAILURES: '2' });
    const commands = holdAll(subgraph);
    for (let time = 0; time < 4; time++) {
      const leave = subgraph.askAndLeave(LIST);
      await until(() => commands.length === time + 1);
      leave();
      await commands[time]?.closed;
    }
    subgraph.upstream.fail(undefined);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
  });
});

describe('more requests than there is room for', () => {
  it('are refused at once with 503 and Retry-After; health checks are not', async () => {
    const subgraph = await start({ MAX_REQUESTS_IN_FLIGHT: '2' });
    const held: (() => void)[] = [];
    subgraph.upstream.fail((_, response) => {
      held.push(() => response.end('{"success":true,"result":[]}'));
      return 'taken';
    });
    const served = ['a', 'b'].map((residence) => subgraph.ask(`{ maintenances(residenceId: "${residence}") { id } }`));
    await until(() => held.length === 2);
    const refused = await fetch(`${subgraph.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'router-authorization': ROUTER_SECRET },
      body: JSON.stringify({ query: LIST }),
    });
    expect([refused.status, refused.headers.get('retry-after'), refused.headers.get('content-type')]).toEqual([
      503,
      '1',
      'application/json; charset=utf-8',
    ]);
    expect(await refused.json()).toEqual({
      errors: [{ message: expect.any(String), extensions: { code: 'OVERLOADED' } }],
    });
    const noSecret = await fetch(`${subgraph.url}/graphql`, { method: 'POST' });
    expect(noSecret.status).toBe(401);
    for (const probe of ['live', 'ready']) {
      expect((await fetch(`${subgraph.url}/health/${probe}`)).status).toBe(200);
    }
    for (const release of held) release();
    for (const answer of await Promise.all(served)) expect(answer.errors).toEqual([]);
    subgraph.upstream.fail(undefined);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
  });
});
