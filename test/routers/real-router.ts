import { Agent } from 'node:http';
import { afterAll, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { RESIDENCES_SDL, startNeighbour } from '../../dev/supergraph/neighbour.ts';
import { ROUTERS, type RouterName, startRouter } from '../../dev/supergraph/routers.ts';
import { startFleet } from '../support/fleet.ts';
import { request } from '../support/load.ts';
import { killAll, start as startProcess, watch } from '../support/process.ts';
import { HEADERS } from '../support/replica.ts';
import { askAt, ROUTER_SECRET } from '../support/subgraph.ts';
import { startUpstream } from '../support/upstream.ts';
import { MAINTENANCE_SDL, type StartGateway, useSupergraph } from '../support/use-supergraph.ts';
import { describeBehind, type Quirks } from './suite.ts';

const FREE = { host: '127.0.0.1', port: 0 } as const;
const [RESTARTS, WORKERS, EVERY_MS] = [6, 10, 50];

/** Runs the suite behind a real router. If the machine lacks the router, one skipped test says why. */
export function describeRealRouter(name: RouterName, quirks: Quirks = {}): void {
  const { name: title, executable, missing } = ROUTERS[name];
  if (!executable) {
    // jest prints nothing about a file whose tests are all skipped.
    process.stderr.write(`Skipped: the tests behind ${title}. ${missing}\n`);
    it.skip(`behind ${title}. Skipped: ${missing}`, () => {});
    return;
  }
  const start: StartGateway = (subgraphs, { host, port }) =>
    startRouter(name, { subgraphs, secret: ROUTER_SECRET, host, port });

  describeBehind(title, start, quirks);

  describe(`behind ${title}, a subgraph that hangs`, () => {
    const supergraph = useSupergraph(start);

    it('costs no data of the neighbor', async () => {
      supergraph.before.maintenance.fail(() => {});
      const { data, errors } = await supergraph.ask('{ residences { name maintenances { id } } }');
      expect(data.residences[0]).toEqual({ name: expect.any(String), maintenances: null });
      expect(errors).not.toEqual([]);
    });
  });

  it(`npm run supergraph -- --router ${name} serves the supergraph behind ${title} and ends with Ctrl-C`, async () => {
    const program = ['--import', './check-node.mjs', 'dev/supergraph.ts', '--router', name];
    const { APOLLO_ROUTER, HIVE_ROUTER, PATH } = process.env;
    const supergraph = watch(startProcess(process.execPath, program, { APOLLO_ROUTER, HIVE_ROUTER, PATH, PORT: '0' }));
    try {
      const [, url = ''] = await supergraph.until(new RegExp(`${title} +(http://localhost:\\d+/graphql)\n`));
      const { data, errors } = await askAt(url, '{ residences { name maintenances(first: 1) { id } } }');
      expect(errors).toEqual([]);
      const maintenances = [{ id: `${EXAMPLE.residenceId}:${EXAMPLE.maintenanceId}` }];
      expect(data.residences[0]).toEqual({ name: expect.any(String), maintenances });
    } finally {
      supergraph.child.kill('SIGINT');
    }
    expect(await supergraph.exit).toBe(0);
  });

  describe(`behind ${title}`, () => {
    const cleanups: (() => unknown)[] = [];
    afterAll(async () => {
      killAll();
      for (const cleanUp of cleanups.reverse()) await cleanUp();
    });

    it('a rolling restart under load fails no request', async () => {
      const upstream = await startUpstream();
      const fleet = await startFleet(upstream.url, { DRAIN_DELAY_MS: '1000' });
      const neighbour = await startNeighbour(FREE);
      const agent = new Agent({ keepAlive: true });
      cleanups.push(upstream.stop, fleet.stop, neighbour.stop, () => agent.destroy());
      const maintenance = { name: 'maintenance', url: `${fleet.url}/graphql`, sdl: MAINTENANCE_SDL };
      const residences = { name: 'residences', url: `${neighbour.url}/graphql`, sdl: RESIDENCES_SDL };
      const router = await start([maintenance, residences], FREE);
      cleanups.push(router.stop);

      const query = `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { maintenanceId } }`;
      const body = JSON.stringify({ query });
      const answer = JSON.stringify({ maintenances: [{ maintenanceId: EXAMPLE.maintenanceId }] });
      const failures: unknown[] = [];
      let requests = 0;
      const ask = async () => {
        requests++;
        const sent = request(agent, `${router.url}/graphql`, { headers: HEADERS, body });
        const { text } = await sent.catch((error) => ({ text: String(error) }));
        if (!text.includes(answer) || text.includes('"errors"')) failures.push(text);
      };
      const exits = await fleet.replaceUnderLoad(RESTARTS, ask, { workers: WORKERS, everyMs: EVERY_MS });

      expect(failures).toEqual([]);
      expect(exits).toEqual(Array(RESTARTS).fill(0));
      expect(requests).toBeGreaterThan(RESTARTS * WORKERS);
    }, 120_000);
  });
}
