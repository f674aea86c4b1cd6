/**
 * The schema in the supergraphs of three composers. test/federation/routers/ runs Grafbase's composer with its router. And what the
 * benchmarks compose and send: only `npm run bench` and test/federation/routers/ run them.
 */
import { composeServices as composeApollo } from '@apollo/composition';
import { describe, expect, it } from '@jest/globals';
import { composeServices as composeGuild } from '@theguild/federation-composition';
import { federateSubgraphs, ROUTER_COMPATIBILITY_VERSION_ONE } from '@wundergraph/composition';
import { buildSchema, type GraphQLSchema, isObjectType, parse, validate } from 'graphql';
import { readConnectors } from '../../bench/connectors.ts';
import * as operations from '../../bench/operations.ts';
import { VISITS } from '../../bench/router.ts';
import { composeSupergraph, toServices } from '../../dev/supergraph/compose.ts';
import { RESIDENCES_SDL } from '../../dev/supergraph/neighbour.ts';
import { readSchemaWithOldIds } from '../support/documents.ts';
import { SCHEMA } from '../support/schema.ts';
import { MAINTENANCE_SDL } from '../support/use-supergraph.ts';
import { KEYS, visitsSdl } from '../support/visits.ts';

describe.each(['none', ...KEYS] as const)('the schema, with a subgraph that refers by the key: %s', (key) => {
  const others = key === 'none' ? {} : { residences: RESIDENCES_SDL, visits: visitsSdl(key) };
  const servicesOf = (maintenance: string) =>
    toServices(
      Object.entries({ maintenance, ...others }).map(([name, sdl]) => ({ name, url: `http://${name}.test`, sdl })),
    );

  it.each([
    ['@apollo/composition', composeApollo],
    ['@theguild/federation-composition', composeGuild],
  ])('composes with %s, without a hint', (_, compose) => {
    const { supergraphSdl, errors, hints } = { hints: [], ...compose(servicesOf(MAINTENANCE_SDL)) };
    expect({ errors, hints }).toEqual({ errors: undefined, hints: [] });
    expect(supergraphSdl).toContain('join__type(graph: MAINTENANCE, key: "residence { id } maintenanceId")');
    expect(() => buildSchema(String(supergraphSdl), { assumeValidSDL: true })).not.toThrow();
  });

  it('composes with @wundergraph/composition, without a warning', () => {
    const { warnings, subgraphConfigBySubgraphName } = composeCosmo(servicesOf(MAINTENANCE_SDL));
    expect(warnings).toEqual([]);
    const { configurationDataByTypeName } = subgraphConfigBySubgraphName.get('maintenance') ?? {};
    const keys = configurationDataByTypeName?.get('Maintenance')?.keys?.map(({ selectionSet }) => selectionSet);
    expect(keys?.sort()).toEqual(['id', 'maintenanceId residence { id }']);
  });

  // test/federation/routers/suite.ts has Grafbase's composer.
  describe.each<[composer: string, compose: (services: Services) => GraphQLSchema | undefined]>([
    ['@apollo/composition', (services) => composeApollo(services).schema?.toAPISchema().toGraphQLJSSchema()],
    ['@theguild/federation-composition', (services) => buildSchema(String(composeGuild(services).publicSdl))],
    ['@wundergraph/composition', (services) => composeCosmo(services).federatedGraphClientSchema],
  ])('in the API schema of %s', (_, compose) => {
    const typesWithId = (sdl: string) => {
      const types = Object.values(compose(servicesOf(sdl))?.getTypeMap() ?? {}).filter((type) => isObjectType(type));
      return types
        .filter((type) => type.getFields().id && SCHEMA.getType(type.name))
        .map(String)
        .sort();
    };
    const entities = ['Maintenance', 'Residence'];

    it('only entities have a field `id`', () => expect(typesWithId(MAINTENANCE_SDL)).toEqual(entities));

    it('payloads have their old `id` too, by the line of docs/federation.md', () => {
      const payloads = ['CreateMaintenancePayload', 'DeleteMaintenanceFailure', 'DeleteMaintenancePayload'];
      expect(typesWithId(readSchemaWithOldIds())).toEqual([...payloads, ...entities].sort());
    });
  });
});

type Services = ReturnType<typeof toServices>;

function composeCosmo(services: Services) {
  const subgraphs = services.map(({ name, url, typeDefs }) => ({ name, url, definitions: typeDefs }));
  const composed = federateSubgraphs({ subgraphs, version: ROUTER_COMPATIBILITY_VERSION_ONE });
  if (!composed.success) throw new AggregateError(composed.errors);
  return composed;
}

it('the operations of the benchmarks are valid', () => {
  const ids = operations.residence(20, 0, 'a');
  const { list, one, entities, create } = operations;
  for (const { query } of [list(ids), one(ids), entities(100, [ids]), create(ids)])
    expect(validate(SCHEMA, parse(query))).toEqual([]);
});

it.each(['lean', 'complete', 'byBatch'] as const)('Connectors compose with the neighbor: %s', async (form) => {
  const { subgraphs } = await readConnectors(form, 'http://vendor.test');
  const visits = { name: 'visits', url: 'http://visits.test', sdl: VISITS };
  expect(composeSupergraph([...subgraphs, visits]).supergraphSdl).toContain('http://vendor.test');
});
