/**
 * Our SDL in a supergraph, as each composer makes one: with the neighbor that owns `Residence`, and with a third subgraph
 * that refers to repair requests. Grafbase's composer runs with its router in test/routers/.
 */
import { composeServices as composeApollo } from '@apollo/composition';
import { describe, expect, it } from '@jest/globals';
import { composeServices as composeGuild } from '@theguild/federation-composition';
import { federateSubgraphs, ROUTER_COMPATIBILITY_VERSION_ONE } from '@wundergraph/composition';
import { buildSchema, parse } from 'graphql';
import { toServices } from '../../dev/supergraph/gateway.ts';
import { RESIDENCES_SDL } from '../../dev/supergraph/neighbour.ts';
import { MAINTENANCE_SDL } from '../support/use-supergraph.ts';
import { KEYS, visitsSdl } from '../support/visits.ts';

const SUBGRAPHS = { maintenance: MAINTENANCE_SDL, residences: RESIDENCES_SDL };
const SUPERGRAPHS: [string, Record<string, string>][] = [
  ['alone', { maintenance: MAINTENANCE_SDL }],
  ['with the neighbor', SUBGRAPHS],
  ...KEYS.map((key): [string, Record<string, string>] => [
    `with a subgraph that refers by ${key}`,
    { maintenance: MAINTENANCE_SDL, visits: visitsSdl(key) },
  ]),
  ...KEYS.map((key): [string, Record<string, string>] => [
    `with the neighbor and a subgraph that refers by ${key}`,
    { ...SUBGRAPHS, visits: visitsSdl(key) },
  ]),
];
const JOINED = 'join__type(graph: MAINTENANCE, key: "residence { id } maintenanceId")';

const servicesOf = (subgraphs: Record<string, string>) =>
  toServices(Object.entries(subgraphs).map(([name, sdl]) => ({ name, url: `http://${name}.test/graphql`, sdl })));

describe.each(SUPERGRAPHS)('our SDL %s', (_, subgraphs) => {
  it('composes with @apollo/composition, without a hint about it', () => {
    const { errors, supergraphSdl, hints } = composeApollo(servicesOf(subgraphs));
    expect(errors).toBeUndefined();
    expect(supergraphSdl).toContain(JOINED);
    expect(hints).toEqual([]);
  });

  it('composes with @theguild/federation-composition', () => {
    const { errors, supergraphSdl } = composeGuild(servicesOf(subgraphs));
    expect(errors).toBeUndefined();
    expect(supergraphSdl).toContain(JOINED);
    expect(() => buildSchema(String(supergraphSdl), { assumeValidSDL: true })).not.toThrow();
  });

  it('composes with @wundergraph/composition, without a warning', () => {
    const composed = federateSubgraphs({
      subgraphs: servicesOf(subgraphs).map(({ name, url, typeDefs }) => ({ name, url, definitions: typeDefs })),
      version: ROUTER_COMPATIBILITY_VERSION_ONE,
    });
    if (!composed.success) throw new AggregateError(composed.errors);
    expect(composed.warnings).toEqual([]);
    const { keys } =
      composed.subgraphConfigBySubgraphName.get('maintenance')?.configurationDataByTypeName.get('Maintenance') ?? {};
    expect(keys?.map(({ selectionSet }) => selectionSet).sort()).toEqual(['id', 'maintenanceId residence { id }']);
  });
});

it('our SDL describes none of the root types of the supergraph', () => {
  const { definitions } = parse(String(composeApollo(servicesOf(SUBGRAPHS)).supergraphSdl));
  const described = definitions.filter((one) => 'description' in one && one.description);
  const roots = described.filter((one) => !('name' in one) || /^(Query|Mutation)$/.test(String(one.name?.value)));
  expect(described).not.toEqual([]);
  expect(roots).toEqual([]);
});
