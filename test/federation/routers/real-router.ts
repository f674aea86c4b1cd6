import { Agent } from 'node:http';
import { afterAll, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../../dev/seed.ts';
import { RESIDENCES_SDL, startNeighbour } from '../../../dev/supergraph/neighbour.ts';
import { ROUTERS, type RouterName, startRouter } from '../../../dev/supergraph/routers.ts';
import { askAt, ROUTER_SECRET } from '../../support/ask.ts';
import { startFleet } from '../../support/fleet.ts';
import { request } from '../../support/load.ts';
import { killAll, run } from '../../support/process.ts';
import { HEADERS } from '../../support/replica.ts';
import { startUpstream } from '../../support/upstream.ts';
import { MAINTENANCE_SDL, type StartGateway, useSupergraph } from '../../support/use-supergraph.ts';
import { itUnless } from './skip.ts';
import { describeBehind, type Quirks } from './suite.ts';

const FREE = { host: '127.0.0.1', port: 0 } as const;
const NOWHERE = 'http://127.0.0.1:9';
const RESTARTS = 6;
const PACE = { workers: 10, everyMs: 50 };

/** Starts a router before the subgraph and the neighbor at these origins. */
export function startBefore(
  name: RouterName,
  { maintenance = NOWHERE, residences = NOWHERE, collector }: Partial<Record<string, string>> = {},
) {
  const subgraphs = [
    { name: 'maintenance', url: `${maintenance}/graphql`, sdl: MAINTENANCE_SDL },
    { name: 'residences', url: `${residences}/graphql`, sdl: RESIDENCES_SDL },
  ];
  return startRouter(name, { subgraphs, secret: ROUTER_SECRET, collector, ...FREE });
}

/** Runs the suite behind a real router. If the machine lacks the router, one skipped test says why. */
export function describeRealRouter(name: RouterName, quirks: Quirks = {}) {
  const { name: title, executable, missing } = ROUTERS[name];
  if (!executable) return itUnless(missing, `the tests behind ${title}`, () => {});
  const start: StartGateway = (subgraphs, { host, port }) =>
    startRouter(name, { subgraphs, secret: ROUTER_SECRET, host, port });
  const cleanups: (() => unknown)[] = [];
  afterAll(async () => {
    killAll();
    for (const cleanUp of cleanups.reverse()) await cleanUp();
  });

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

  it(`npm run supergraph -- --router ${name} serves the supergraph behind ${title}, passes on TOKEN_HEADER and ends with Ctrl-C`, async () => {
    const { APOLLO_ROUTER, HIVE_ROUTER, PATH } = process.env;
    const env = { APOLLO_ROUTER, HIVE_ROUTER, PATH, PORT: '0', TOKEN_HEADER: 'x-token' };
    const { until, child, exit } = run('dev/supergraph.ts', env, ['--router', name]);
    const [, url = ''] = await until(new RegExp(`${title} +(http://localhost:\\d+/graphql)\n`));
    const headers = { 'x-token': EXAMPLE.token };
    const query = '{ residences { name maintenances(first: 1) { id } } }';
    const { data, errors } = await askAt(url, query, { token: 'identity', headers });
    expect(errors).toEqual([]);
    const maintenances = [{ id: `${EXAMPLE.residenceId}:${EXAMPLE.maintenanceId}` }];
    expect(data.residences[0]).toEqual({ name: expect.any(String), maintenances });
    child.kill('SIGINT');
    expect(await exit).toBe(0);
  });

  it(`behind ${title}, a rolling restart under load fails no request`, async () => {
    const upstream = await startUpstream();
    const fleet = await startFleet(upstream.url, { DRAIN_DELAY_MS: '1000' });
    const neighbour = await startNeighbour(FREE);
    const agent = new Agent({ keepAlive: true });
    cleanups.push(upstream.stop, fleet.stop, neighbour.stop, () => agent.destroy());
    const router = await startBefore(name, { maintenance: fleet.url, residences: neighbour.url });
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
}
