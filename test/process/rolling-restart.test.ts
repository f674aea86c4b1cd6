import { Agent } from 'node:http';
import { afterAll, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { startFleet } from '../support/fleet.ts';
import { request } from '../support/load.ts';
import { killAll } from '../support/process.ts';
import { HEADERS } from '../support/replica.ts';
import { startUpstream } from '../support/upstream.ts';

// Both first replicas, and a replica that has started under load.
const RESTARTS = 3;
// Few workers and a long drain: even on a busy machine, each connection is used during the drain.
const PACE = { workers: 8, everyMs: 50 };
const DRAIN_DELAY_MS = '1000';
// The pace sends far more than this. The count has no time in it, so that a slow machine passes too.
const MIN_REQUESTS = 100 * RESTARTS;
const BODY = JSON.stringify({ query: `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { state } }` });
const ANSWER = JSON.stringify({ data: { maintenances: [{ state: 'IN_PROGRESS' }] } });

const cleanups: (() => unknown)[] = [killAll];
afterAll(async () => {
  for (const cleanUp of cleanups) await cleanUp();
});

it('a rolling restart of 3 replicas under load fails no request', async () => {
  const upstream = await startUpstream();
  const fleet = await startFleet(upstream.url, { DRAIN_DELAY_MS });
  // FIFO uses every connection during the drain, so that each response can close its own. Neither agent nor balancer retries.
  const agent = new Agent({ keepAlive: true, scheduling: 'fifo' });
  cleanups.push(() => agent.destroy(), fleet.stop, upstream.stop);

  const outcomes: unknown[] = [];
  const ask = async () => {
    const asked = request(agent, `${fleet.url}/graphql`, { headers: HEADERS, body: BODY });
    outcomes.push(await asked.then(({ status, text }) => `${status} ${text.trim()}`, String));
  };
  const exits = await fleet.replaceUnderLoad(RESTARTS, ask, PACE);

  expect(outcomes.filter((outcome) => outcome !== `200 ${ANSWER}`)).toEqual([]);
  expect(exits).toEqual(Array(RESTARTS).fill(0));
  expect(outcomes.length).toBeGreaterThanOrEqual(MIN_REQUESTS);
});
