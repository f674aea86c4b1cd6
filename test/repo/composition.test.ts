/** The schema in the supergraphs of three composers. test/routers/ runs Grafbase's composer with its router. */
import { composeServices as composeApollo } from '@apollo/composition';
import { describe, expect, it } from '@jest/globals';
import { composeServices as composeGuild } from '@theguild/federation-composition';
import { federateSubgraphs, ROUTER_COMPATIBILITY_VERSION_ONE } from '@wundergraph/composition';
import { buildSchema } from 'graphql';
import { toServices } from '../../dev/supergraph/gateway.ts';
import { RESIDENCES_SDL } from '../../dev/supergraph/neighbour.ts';
import { MAINTENANCE_SDL } from '../support/use-supergraph.ts';
import { KEYS, visitsSdl } from '../support/visits.ts';

const JOINED = 'join__type(graph: MAINTENANCE, key: "residence { id } maintenanceId")';

describe.each<[string, Record<string, string>]>([
  ['alone', {}],
  ['with the neighbor', { residences: RESIDENCES_SDL }],
  ...KEYS.map((key): [string, Record<string, string>] => [
    `with the neighbor and a subgraph that refers by ${key}`,
    { residences: RESIDENCES_SDL, visits: visitsSdl(key) },
  ]),
])('the schema %s', (_, others) => {
  const sdls = Object.entries({ maintenance: MAINTENANCE_SDL, ...others });
  const services = toServices(sdls.map(([name, sdl]) => ({ name, url: `http://${name}.test/graphql`, sdl })));

  it.each([
    ['@apollo/composition', composeApollo],
    ['@theguild/federation-composition', composeGuild],
  ])('composes with %s, without a hint', (_, compose) => {
    const { supergraphSdl, errors, hints } = { hints: [], ...compose(services) };
    expect({ errors, hints }).toEqual({ errors: undefined, hints: [] });
    expect(supergraphSdl).toContain(JOINED);
    expect(() => buildSchema(String(supergraphSdl), { assumeValidSDL: true })).not.toThrow();
  });

  it('composes with @wundergraph/composition, without a warning', () => {
    const composed = federateSubgraphs({
      subgraphs: services.map(({ name, url, typeDefs }) => ({ name, url, definitions: typeDefs })),
      version: ROUTER_COMPATIBILITY_VERSION_ONE,
    });
    if (!composed.success) throw new AggregateError(composed.errors);
    expect(composed.warnings).toEqual([]);
    const { configurationDataByTypeName } = composed.subgraphConfigBySubgraphName.get('maintenance') ?? {};
    const keys = configurationDataByTypeName?.get('Maintenance')?.keys?.map(({ selectionSet }) => selectionSet);
    expect(keys?.sort()).toEqual(['id', 'maintenanceId residence { id }']);
  });
});
