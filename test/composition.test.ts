/**
 * Our SDL in a supergraph, as both composers make one: with the neighbour that owns `Residence`, and with a third
 * subgraph that refers to repair requests.
 */
import { composeServices as composeApollo } from '@apollo/composition';
import { describe, expect, it } from '@jest/globals';
import { composeServices as composeGuild } from '@theguild/federation-composition';
import { buildSchema } from 'graphql';
import { toServices } from '../dev/supergraph/gateway.ts';
import { RESIDENCES_SDL } from '../dev/supergraph/neighbour.ts';
import { MAINTENANCE_SDL } from './support/use-supergraph.ts';
import { KEYS, visitsSdl } from './support/visits.ts';

const SUBGRAPHS = { maintenance: MAINTENANCE_SDL, residences: RESIDENCES_SDL };
const SUPERGRAPHS: [string, Record<string, string>][] = [
  ['alone', { maintenance: MAINTENANCE_SDL }],
  ['with the neighbour', SUBGRAPHS],
  ...KEYS.map((key): [string, Record<string, string>] => [
    `with one that refers by ${key}`,
    { maintenance: MAINTENANCE_SDL, visits: visitsSdl(key) },
  ]),
  ...KEYS.map((key): [string, Record<string, string>] => [
    `with the neighbour and one that refers by ${key}`,
    { ...SUBGRAPHS, visits: visitsSdl(key) },
  ]),
];
const JOINED = 'join__type(graph: MAINTENANCE, key: "residence { id } maintenanceId")';

const servicesOf = (subgraphs: Record<string, string>) =>
  toServices(Object.entries(subgraphs).map(([name, sdl]) => ({ name, url: `http://${name}.test/graphql`, sdl })));

describe.each(SUPERGRAPHS)('our SDL %s', (_, subgraphs) => {
  it('composes with @apollo/composition, without a hint that is ours', () => {
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
});
