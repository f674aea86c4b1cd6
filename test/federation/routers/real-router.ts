import { afterAll, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../../dev/maintenance/seed.ts';
import { describeMissing, ROUTERS, type RouterName, startRouter } from '../../../dev/supergraph/routers.ts';
import { askAt, ROUTER_SECRET } from '../../support/ask.ts';
import { killAll, run } from '../../support/process.ts';
import { itUnless } from '../../support/skip.ts';
import { type StartGateway, useSupergraph } from '../../support/use-supergraph.ts';
import { until } from '../../support/wait.ts';
import { CREATE, describeBehind, type Quirks } from './suite.ts';

/** Runs the suite behind a real router. If the machine lacks the router, one skipped test says why. */
export function describeRealRouter(name: RouterName, quirks: Quirks = {}) {
  const { name: title } = ROUTERS[name];
  const missing = describeMissing(name);
  if (missing) return itUnless(missing, `the tests behind ${title}`, () => {});
  const start: StartGateway = (subgraphs, { host, port }) =>
    startRouter(name, { subgraphs, secret: ROUTER_SECRET, host, port });
  afterAll(killAll);

  describeBehind(title, start, quirks);

  describe(`behind ${title}, a subgraph that hangs`, () => {
    const supergraph = useSupergraph(start);

    it('costs only its own data, not the `createdId` of a write that reads it', async () => {
      const { maintenance, residences } = supergraph.before;
      maintenance.fail(() => {});
      const reading = supergraph.ask('{ residences { name maintenances { id } } }');
      await until(() => maintenance.fetches.length > 0);
      maintenance.reset();
      residences.fail(() => {});
      const written = await supergraph.ask(CREATE.replace('createdId', 'createdId maintenance { residence { name } }'));
      const read = await reading;
      expect(read.data.residences[0]).toEqual({ name: expect.any(String), maintenances: null });
      expect(read.errors).not.toEqual([]);
      expect(written.data.createMaintenance.createdId).toEqual(expect.any(String));
      // Hive Router has the path in the extensions, Cosmo Router by its source in the message.
      const told = JSON.stringify(written.errors).replaceAll('","', '.');
      expect(told).toContain('createMaintenance.maintenance.residence');
    });
  });

  it(`npm run supergraph -- --router ${name} serves the supergraph behind ${title}, passes on TOKEN_HEADER and ends with Ctrl-C`, async () => {
    const executables = ROUTERS[name].executables.map((variable) => [variable, process.env[variable]]);
    const { PATH } = process.env;
    const env = { ...Object.fromEntries(executables), PATH, PORT: '0', TOKEN_HEADER: 'x-token' };
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
}
