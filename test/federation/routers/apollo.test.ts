import { execFileSync } from 'node:child_process';
import { Agent } from 'node:http';
import { afterAll, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../../dev/seed.ts';
import { startNeighbour } from '../../../dev/supergraph/neighbour.ts';
import { ROUTERS } from '../../../dev/supergraph/routers.ts';
import { ROUTER_SECRET } from '../../support/ask.ts';
import { startFleet } from '../../support/fleet.ts';
import { request } from '../../support/load.ts';
import { HEADERS } from '../../support/replica.ts';
import { startUpstream } from '../../support/upstream.ts';
import { describeRealRouter, FREE, startBefore } from './real-router.ts';

const { executable } = ROUTERS.apollo;
const RESTARTS = 6;
const PACE = { workers: 10, everyMs: 50 };

describeRealRouter('apollo');

(executable ? describe : describe.skip)('supergraph/apollo/router.yaml', () => {
  const cleanups: (() => unknown)[] = [];
  afterAll(async () => {
    for (const cleanUp of cleanups.reverse()) await cleanUp();
  });

  it.each(['router.yaml', 'router.dev.yaml'])('and its folder pass `router config validate`: %s', (file) => {
    const args = ['config', 'validate', `supergraph/apollo/${file}`];
    expect(execFileSync(String(executable), args, { env: { ROUTER_SECRET }, encoding: 'utf8' })).toContain('is valid!');
  });

  it('causes no warning at the start of the router', async () => {
    const router = await startBefore('apollo');
    const lines = router.output().split('\n');
    await router.stop();
    expect(lines).not.toEqual([]);
    const warnings = lines.filter((line) => /"level":"(WARN|ERROR)"/.test(line));
    // The router always warns about its metric.
    expect(warnings.filter((line) => !line.includes('apollo.router.session.count.active'))).toEqual([]);
  });

  it('lets a rolling restart under load fail no request', async () => {
    const upstream = await startUpstream();
    const fleet = await startFleet(upstream.url, { DRAIN_DELAY_MS: '1000' });
    const neighbour = await startNeighbour(FREE);
    const agent = new Agent({ keepAlive: true });
    cleanups.push(upstream.stop, fleet.stop, neighbour.stop, () => agent.destroy());
    const router = await startBefore('apollo', { maintenance: fleet.url, residences: neighbour.url });
    cleanups.push(router.stop);

    const query = `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { maintenanceId } }`;
    const sending = { headers: HEADERS, body: JSON.stringify({ query }) };
    const outcomes: string[] = [];
    const ask = async () => {
      const sent = request(agent, `${router.url}/graphql`, sending);
      outcomes.push(await sent.then(({ text }) => text, String));
    };
    const exits = await fleet.replaceUnderLoad(RESTARTS, ask, PACE);

    const data = JSON.stringify({ maintenances: [{ maintenanceId: EXAMPLE.maintenanceId }] });
    expect(outcomes.filter((text) => !text.includes(data) || text.includes('"errors"'))).toEqual([]);
    expect(exits).toEqual(Array(RESTARTS).fill(0));
    expect(outcomes.length).toBeGreaterThan(RESTARTS * PACE.workers);
  });
});
