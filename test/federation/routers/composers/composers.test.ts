/** The schema in the supergraphs of Hive's and Cosmo's composer. schema.test.ts has Apollo's, the suite of the routers Grafbase's. */
import { describe, expect, it } from '@jest/globals';
import { composeSchemaContract, composeServices } from '@theguild/federation-composition';
import { federateSubgraphs, ROUTER_COMPATIBILITY_VERSION_ONE } from '@wundergraph/composition';
import { parse } from 'graphql';
import { toServices } from '../../../../dev/supergraph/compose.ts';
import { COMPOSITIONS, MAINTENANCE_SDL, toService } from '../../../support/use-supergraph.ts';

describe.each(COMPOSITIONS)('the schema, with a subgraph that refers by the key: %s', (_, services) => {
  it('composes with @theguild/federation-composition', () => {
    const { supergraphSdl, errors } = composeServices(toServices(services));
    expect(errors).toBeUndefined();
    expect(supergraphSdl).toContain('join__type(graph: MAINTENANCE, key: "residence { id } maintenanceId")');
  });

  it('composes with @wundergraph/composition, without a warning', () => {
    const subgraphs = services.map(({ name, url, sdl }) => ({ name, url, definitions: parse(sdl) }));
    const composed = federateSubgraphs({ subgraphs, version: ROUTER_COMPATIBILITY_VERSION_ONE });
    if (!composed.success) throw new AggregateError(composed.errors);
    expect(composed.warnings).toEqual([]);
    const { configurationDataByTypeName } = composed.subgraphConfigBySubgraphName.get('maintenance') ?? {};
    const keys = configurationDataByTypeName?.get('Maintenance')?.keys?.map(({ selectionSet }) => selectionSet);
    expect(keys?.sort()).toEqual(['id', 'maintenanceId residence { id }']);
  });
});

// schema.test.ts proves that each text has the tag.
it('composes to a contract without the tag `personal-data`', () => {
  const options = { include: new Set<string>(), exclude: new Set(['personal-data']) };
  const alone = toServices([toService('maintenance', MAINTENANCE_SDL)]);
  const { errors, publicSdl } = composeSchemaContract(alone, options);
  expect(errors).toBeUndefined();
  expect(publicSdl).toMatch(/^type Maintenance \{/m);
  expect(publicSdl).not.toMatch(/^ +(contact|description|pictureUrls)\b/m);
});
