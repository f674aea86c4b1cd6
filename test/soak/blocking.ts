import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { load, request } from '../support/load.ts';
import { HEADERS, type Replica, startReplica } from '../support/replica.ts';
import { startUpstream } from '../support/upstream.ts';
import { atMost, type Figure, noted } from './figures.ts';
import { fillLarge, HOSTILE } from './hostile.ts';

const BOUND_MS = 250;
const RUNS = 3;
// Whatever takes longer is given up, and the server with it.
const PATIENCE_MS = 10_000;
const MAX_BODY_BYTES = 1024 * 1024;

/** Hostile bodies: how long each keeps the server from answering a health check on another connection. */
export async function blocking(): Promise<Figure[]> {
  for (const [name, body] of HOSTILE) {
    if (Buffer.byteLength(body) > MAX_BODY_BYTES) throw new Error(`${name} is larger than a body may be`);
  }
  const upstream = await startUpstream();
  fillLarge(upstream.store);
  const start = async () => {
    const replica = await startReplica(upstream.url, { LOG_LEVEL: 'info' });
    await warmUp(replica);
    return replica;
  };
  let replica = await start();
  const baseline = median(await repeat(() => longestGap(replica, () => delay(500))));
  const gaps: [string, number, string][] = [];
  for (const [name, body] of HOSTILE) {
    let answer = '';
    const send = async () => {
      const agent = new Agent({ keepAlive: false });
      const sent = request(agent, `${replica.url}/graphql`, { headers: HEADERS, body }).then(
        ({ status, text }) => `${status} ${/"code":"(\w+)"/.exec(text)?.[1] ?? 'data'}`,
        (error) => String(error.code),
      );
      answer = await Promise.race([sent, delay(PATIENCE_MS, 'no answer', { ref: false })]);
      agent.destroy();
    };
    const measured = [];
    for (let run = 0; run < RUNS && answer !== 'no answer' && answer !== 'ECONNRESET'; run++) {
      measured.push(await longestGap(replica, send));
    }
    gaps.push([name, median(measured), answer]);
    if (/^\d/.test(answer)) continue;
    replica.kill();
    replica = await start();
  }
  replica.kill();
  await upstream.stop();
  gaps.sort(([, one], [, other]) => other - one);
  return [
    noted('nothing, for comparison', baseline, ' ms'),
    ...gaps.map(([name, gap, answer]) => atMost(`${name}: ${answer}`, gap, BOUND_MS, ' ms')),
  ];
}

/** The longest that a health check, asked every 10 ms on a connection of its own, waited while `act` ran. */
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

/** The first requests of a process are slow because its code is not compiled yet; that is not what is measured. */
async function warmUp({ url }: Replica): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const body = JSON.stringify({ query: '{ maintenances(residenceId: "warm") { id state description } }' });
  for (let count = 0; count < 200; count++) await request(agent, `${url}/graphql`, { headers: HEADERS, body });
  agent.destroy();
}

async function repeat(measure: () => Promise<number>): Promise<number[]> {
  const measured = [];
  for (let run = 0; run < RUNS; run++) measured.push(await measure());
  return measured;
}

/** The one in the middle: a moment in which the machine had other things to do does not count. */
function median(values: number[]): number {
  return values.sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
