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
// Twice as often as is asked for, so that a slow moment does not make it too little.
const EVERY_MS = (WORKERS * 1000) / (2 * REQUESTS_PER_SECOND);
const BODY = JSON.stringify({ query: `{ maintenances(residenceId: "${R}") { id state } }` });
const ANSWER = { data: { maintenances: [{ id: `${R}:${EXAMPLE.maintenanceId}`, state: 'IN_PROGRESS' }] } };

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  killAll();
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp();
});

it('20 replicas are replaced one after the other under load, and no request fails', async () => {
  const upstream = await startUpstream();
  const fleet = await startFleet(upstream.url, { DRAIN_DELAY_MS: '500' });
  // Neither agent nor balancer tries anything again: a router may, but for a write it must not.
  // Each connection in its turn: HTTP has no way to close one that lies idle for longer than a replica drains, and is used in
  // that very moment. A router sees that, and takes another.
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
  const exits = await fleet.replaceUnderLoad(RESTARTS, ask, { workers: WORKERS, everyMs: EVERY_MS });
  const seconds = (performance.now() - start) / 1000;

  expect(failures).toEqual([]);
  expect(exits).toEqual(Array(RESTARTS).fill(0));
  expect(requests).toBeGreaterThanOrEqual(REQUESTS_PER_SECOND * seconds);
}, 120_000);
