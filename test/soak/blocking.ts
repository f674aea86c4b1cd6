import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { load, request } from '../support/load.ts';
import { HEADERS, type Replica, startReplica } from '../support/replica.ts';
import { call } from './call.ts';
import { atMost, type Figure, noted } from './figures.ts';
import { HOSTILE } from './hostile.ts';
import { generateRequests, type HostileRequest } from './matrix.ts';
import { startVendor } from './vendor.ts';

const BOUND_MS = 250;
const RUNS = 3;
// A gap far from the bound on either side needs no second run.
const UNCLEAR_MS = { above: BOUND_MS / 2, below: 4 * BOUND_MS };
const WORST = 15;
// Requests that take longer are aborted, and the replica is replaced.
const PATIENCE_MS = 10_000;
const MAX_BODY_BYTES = 1024 * 1024;
const TRACED = { 'apollo-federation-include-trace': 'ftv1' };

/** Hostile requests: how long each keeps the server from answering a health check on another connection. */
export async function blocking(): Promise<Figure[]> {
  const requests: HostileRequest[] = [
    ...HOSTILE.map(([name, body]) => ({ name, body, reply: 'small' as const })),
    ...generateRequests(),
  ];
  for (const { name, body } of requests) {
    if (Buffer.byteLength(body) > MAX_BODY_BYTES) throw new Error(`${name} is larger than a body may be`);
  }
  const vendor = await startVendor();
  const start = async () => {
    const replica = await startReplica(vendor.url);
    await warmUp(replica);
    return replica;
  };
  let replica = await start();
  const baseline = await measureGap(replica, () => delay(500));
  const gaps: [string, number, string][] = [];
  for (const { name, body, reply, traced } of requests) {
    const sending = { body, reply, ...(traced && { headers: TRACED }) };
    let answer = '';
    const send = async () => {
      answer = await call(replica.url, 'blocking', sending, AbortSignal.timeout(PATIENCE_MS));
    };
    const gap = await measureGap(replica, send);
    const hasDied = /no answer: [Ec]/.test(answer);
    gaps.push([name, hasDied ? Number.POSITIVE_INFINITY : gap, answer]);
    if (!answer.startsWith('no answer')) continue;
    replica.kill();
    replica = await start();
  }
  replica.kill();
  await vendor.stop();
  gaps.sort(([, one], [, other]) => (one < other ? 1 : -1));
  return [
    noted('nothing, for comparison', baseline, ' ms'),
    noted('requests', gaps.length),
    ...gaps
      .map(([name, gap, answer]) => atMost(`${name}: ${answer}`, gap, BOUND_MS, ' ms'))
      .filter(({ kept }, index) => !kept || index < WORST),
  ];
}

/** Returns the median of three runs, so that a busy moment of the machine does not count. A clear first run suffices. */
async function measureGap(replica: Replica, act: () => Promise<unknown>): Promise<number> {
  const first = await longestGap(replica, act);
  if (first < UNCLEAR_MS.above || first > UNCLEAR_MS.below) return first;
  const gaps = [first];
  while (gaps.length < RUNS) gaps.push(await longestGap(replica, act));
  return gaps.sort((one, other) => one - other)[1] ?? first;
}

/** Returns the longest wait of a health check while `act` ran, in milliseconds. A separate connection checks every 10 ms. */
async function longestGap({ url }: Replica, act: () => Promise<unknown>): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let longest = 0;
  let over = false;
  const end = performance.now() + 2 * PATIENCE_MS;
  const polling = load(
    async () => {
      const start = performance.now();
      const check = request(agent, `${url}/health/live`).catch(() => {});
      await Promise.race([check, delay(PATIENCE_MS, undefined, { ref: false })]);
      longest = Math.max(longest, performance.now() - start);
    },
    { workers: 1, everyMs: 10, isOver: () => over || performance.now() > end },
  );
  await delay(50);
  await act();
  over = true;
  await polling;
  agent.destroy();
  return longest;
}

/** Sends the first requests of a process, which are slow because its code is not compiled yet. */
async function warmUp({ url }: Replica): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const body = JSON.stringify({ query: '{ maintenances(residenceId: "warm") { id state description } }' });
  const headers = { ...HEADERS, authorization: 'Bearer small.warm' };
  for (let count = 0; count < 200; count++) await request(agent, `${url}/graphql`, { headers, body });
  agent.destroy();
}
