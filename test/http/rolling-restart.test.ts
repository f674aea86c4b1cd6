import { Agent } from 'node:http';
import { afterEach, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { startFleet } from '../support/fleet.ts';
import { request } from '../support/load.ts';
import { killAll } from '../support/process.ts';
import { HEADERS } from '../support/replica.ts';
import { startUpstream } from '../support/upstream.ts';

const RESTARTS = 20;
// The pace sends far more than this. The count has no time in it, so that a slow machine passes too.
const MIN_REQUESTS = 100 * RESTARTS;
const PACE = { workers: 20, everyMs: 50 };
const BODY = JSON.stringify({ query: `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { state } }` });
const ANSWER = JSON.stringify({ data: { maintenances: [{ state: 'IN_PROGRESS' }] } });

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

  const outcomes: unknown[] = [];
  const exits = await fleet.replaceUnderLoad(
    RESTARTS,
    async () => {
      const asked = request(agent, `${fleet.url}/graphql`, { headers: HEADERS, body: BODY });
      outcomes.push(await asked.then(({ status, text }) => `${status} ${text.trim()}`, String));
    },
    PACE,
  );

  expect(outcomes.filter((outcome) => outcome !== `200 ${ANSWER}`)).toEqual([]);
  expect(exits).toEqual(Array(RESTARTS).fill(0));
  expect(outcomes.length).toBeGreaterThanOrEqual(MIN_REQUESTS);
}, 120_000);
