import { Agent } from 'node:http';
import { afterEach, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { startFleet } from '../support/fleet.ts';
import { request } from '../support/load.ts';
import { killAll } from '../support/process.ts';
import { HEADERS } from '../support/replica.ts';
import { startUpstream } from '../support/upstream.ts';

const R = EXAMPLE.residenceId;
const RESTARTS = 20;
const REQUESTS_PER_SECOND = 200;
const WORKERS = 20;
// Aim at twice the rate, so that a slow machine still reaches it.
const PACE = { workers: WORKERS, everyMs: (WORKERS * 1000) / (2 * REQUESTS_PER_SECOND) };
const BODY = JSON.stringify({ query: `{ maintenances(residenceId: "${R}") { id state } }` });
const ANSWER = { data: { maintenances: [{ id: `${R}:${EXAMPLE.maintenanceId}`, state: 'IN_PROGRESS' }] } };

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  killAll();
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

it('a rolling restart of 20 replicas under load fails no request', async () => {
  const upstream = await startUpstream();
  const fleet = await startFleet(upstream.url, { DRAIN_DELAY_MS: '500' });
  // FIFO uses every connection during the drain, so that each response can close its own. Neither agent nor balancer retries.
  const agent = new Agent({ keepAlive: true, scheduling: 'fifo' });
  cleanups.push(upstream.stop, fleet.stop, () => agent.destroy());

  const failures: unknown[] = [];
  let requests = 0;
  const ask = async () => {
    requests++;
    try {
      const { status, text } = await request(agent, `${fleet.url}/graphql`, { headers: HEADERS, body: BODY });
      if (status !== 200 || text.trim() !== JSON.stringify(ANSWER)) failures.push({ status, text });
    } catch (error) {
      failures.push(error);
    }
  };
  const start = performance.now();
  const exits = await fleet.replaceUnderLoad(RESTARTS, ask, PACE);
  const seconds = (performance.now() - start) / 1000;

  expect(failures).toEqual([]);
  expect(exits).toEqual(Array(RESTARTS).fill(0));
  expect(requests).toBeGreaterThanOrEqual(REQUESTS_PER_SECOND * seconds);
}, 120_000);
