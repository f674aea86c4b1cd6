import { describe, expect, it } from '@jest/globals';
import { startGateway } from '../../dev/supergraph/gateway.ts';
import { describeBehind } from '../routers/suite.ts';
import { useSupergraph } from '../support/use-supergraph.ts';
import { idOf } from '../support/visits.ts';

const FLAT = idOf('1-101');

describeBehind('@apollo/gateway', startGateway);

describe('behind @apollo/gateway, a neighbor that hangs', () => {
  const supergraph = useSupergraph(startGateway, { residencesTimeoutMs: 500 });

  it('costs our list nothing', async () => {
    supergraph.before.residences.fail(() => {});
    const { data, errors } = await supergraph.ask(
      `{ maintenances(residenceId: "${FLAT}") { state residence { name } } }`,
    );
    expect(data.maintenances).toEqual(Array(3).fill({ state: expect.any(String), residence: { name: null } }));
    expect(errors).not.toEqual([]);
  });
});

describe('behind @apollo/gateway, the query plan', () => {
  const supergraph = useSupergraph(startGateway);
  const PLAN = { 'apollo-query-plan-experimental': 'true' };

  it.each([
    ['of a list', `{ maintenances(residenceId: "${FLAT}") { id residence { name } } }`, 1],
    ['of lists of residences', '{ residences { maintenances { id } } }', 1],
    ['of lists in two places', '{ residences { maintenances { id } } visits { maintenance { state } } }', 2],
    ['there and back', '{ visits { maintenance { residence { name maintenances { id residence { name } } } } } }', 1],
    ['of data of the neighbor alone', '{ residences { id name } }', 0],
  ])('%s has as many steps of this subgraph as fetches reach it', async (_, query, steps) => {
    const { errors, extensions } = await supergraph.ask(query, { headers: PLAN });
    expect(errors).toEqual([]);
    const fetches = String(extensions?.__queryPlanExperimental).match(/Fetch\(service: "maintenance"\)/g) ?? [];
    expect(fetches).toHaveLength(steps);
    expect(supergraph.before.maintenance.fetches).toHaveLength(steps);
  });
});
