/** The circuit breaker: which failures open it, what happens while it is open, and what closes it. */
import type { ServerResponse } from 'node:http';
import { expect, it } from '@jest/globals';
import { codes } from '../support/ask.ts';
import { stopClock } from '../support/clock.ts';
import { DELETE, LIST, R } from '../support/maintenance/requests.ts';
import { scrape, writeSample } from '../support/scrape.ts';
import { act, type Fault, inTurn } from '../support/upstream.ts';
import { type Subgraph, startSubgraph, useMany } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const list = (residenceId: string) => LIST.replace(R, residenceId);
const UNAVAILABLE = [['UPSTREAM_UNAVAILABLE', 'maintenances']];

const start = useMany(startSubgraph);

const ENV = { BREAKER_FAILURES: '3', BREAKER_OPEN_MS: '60000', MAX_ATTEMPTS: '1' };
const fail = (status: number, body?: unknown) => () => ({ status, body });

const cut = (status: number) =>
  act((response) => response.writeHead(status, { 'content-length': 9 }).write('x', () => response.socket?.destroy()));

async function ask(subgraph: Subgraph, times: number) {
  for (let time = 0; time < times; time++) await subgraph.ask(LIST);
}

it.each<[string, Fault, number, object?]>([
  ['503', fail(503), 3],
  ['a cut 500', cut(500), 3],
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

it('sends nothing while it is open, then one probe without a retry, and closes if its reply shows no outage', async () => {
  const { moveClock, upstream, ...subgraph } = await startOpen({ MAX_ATTEMPTS: '2' });
  for (const [probes, status] of [503, 429].entries()) {
    moveClock(59_999);
    const { errors } = await subgraph.ask(DELETE);
    const message = 'The command API is failing; the command was not sent.';
    expect(errors).toMatchObject([{ message, extensions: { code: 'UPSTREAM_UNAVAILABLE', outcome: 'NOT_SENT' } }]);
    expect(codes(await subgraph.ask(LIST))).toEqual(UNAVAILABLE);
    expect(upstream.received).toHaveLength(probes);
    // Else every replica would leave its service at once.
    expect((await fetch(`${subgraph.url}/health/ready`)).status).toBe(200);
    moveClock(1);
    upstream.fail(inTurn(status));
    expect(codes(await subgraph.ask(LIST))).toEqual(UNAVAILABLE);
    expect(upstream.received).toHaveLength(probes + 1);
  }
  expect((await subgraph.ask(LIST)).errors).toEqual([]);
  expect(upstream.received).toHaveLength(3);
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

it('refuses other commands during a probe and then closes, even if an older command fails, as the metric shows', async () => {
  const moveClock = stopClock();
  const subgraph = await start(ENV);
  const states = async () => {
    const samples = await scrape(subgraph.url);
    const names = ['closed', 'open', 'half_open'].map((state) => writeSample('maintenance_breaker_state', { state }));
    return names.map((name) => samples.get(name));
  };
  expect(await states()).toEqual([1, 0, 0]);
  const held = new Map<unknown, ServerResponse>();
  subgraph.upstream.fail(({ param }, response) => {
    if (param.residence_id === 'down') return { status: 503 };
    held.set(param.residence_id, response);
    return 'taken';
  });
  const older = subgraph.ask(list('older'));
  await until(() => held.has('older'));
  for (let time = 0; time < 3; time++) await subgraph.ask(list('down'));
  expect(await states()).toEqual([0, 1, 0]);
  moveClock(60_000);
  const probe = subgraph.ask(list('probe'));
  await until(() => held.has('probe'));
  held.get('older')?.writeHead(503).end();
  expect(codes(await older)).toEqual(UNAVAILABLE);
  expect(await states()).toEqual([0, 0, 1]);
  expect(codes(await subgraph.ask(list('during')))).toEqual(UNAVAILABLE);
  held.get('probe')?.end('{"success":true,"result":[]}');
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
  const busyUntil = performance.now() + 1500;
  while (performance.now() < busyUntil);
  expect((await answer).errors).toMatchObject([{ extensions: { code: 'UPSTREAM_TIMEOUT', outcome: 'UNKNOWN' } }]);
  held.end();
  expect((await subgraph.ask(LIST)).errors).toEqual([]);
});
