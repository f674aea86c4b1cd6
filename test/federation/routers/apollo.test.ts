import { execFileSync } from 'node:child_process';
import { describe, expect, it } from '@jest/globals';
import { startRouter } from '../../../dev/supergraph/routers.ts';
import { askAt, ROUTER_SECRET } from '../../support/ask.ts';
import { startFleet } from '../../support/fleet.ts';
import { loadWhile } from '../../support/load.ts';
import { LIST, M, R } from '../../support/maintenance/requests.ts';
import { startUpstream } from '../../support/upstream.ts';
import { useMany } from '../../support/use-subgraph.ts';
import { MAINTENANCE_SDL } from '../../support/use-supergraph.ts';
import { describeRealRouter } from './real-router.ts';

const executable = process.env.APOLLO_ROUTER;
const RESTARTS = 6;
const PACE = { workers: 10, everyMs: 50 };

describeRealRouter('apollo');

// Without it, the suite above says why.
if (executable)
  describe('supergraph/apollo/router.yaml', () => {
    const start = useMany(startUpstream);
    const route = useMany(startRouter);

    it.each(['router.yaml', 'router.dev.yaml'])('and its folder pass `router config validate`: %s', (file) => {
      const args = ['config', 'validate', `supergraph/apollo/${file}`];
      expect(execFileSync(executable, args, { env: { ROUTER_SECRET }, encoding: 'utf8' })).toContain('is valid!');
    });

    it('lets a rolling restart under load fail no request', async () => {
      const upstream = await start();
      const fleet = await startFleet(upstream.url, { DRAIN_DELAY_MS: '1000' });
      const subgraphs = [{ name: 'maintenance', url: `${fleet.url}/graphql`, sdl: MAINTENANCE_SDL }];
      const router = await route('apollo', { subgraphs, secret: ROUTER_SECRET, host: '127.0.0.1', port: 0 });
      const ask = () =>
        askAt(`${router.url}/graphql`, LIST).then(({ data, errors }) => JSON.stringify({ data, errors }));
      const { result: exits, outcomes } = await loadWhile(() => fleet.replaceAll(RESTARTS), ask, PACE);
      const data = { maintenances: [{ id: `${R}:${M}` }] };
      expect([...new Set(outcomes)]).toEqual([JSON.stringify({ data, errors: [] })]);
      expect(exits).toEqual(Array(RESTARTS).fill(0));
      fleet.stop();
      expect(outcomes.length).toBeGreaterThan(RESTARTS * PACE.workers);
    });
  });
