/** The schema in the supergraphs of Hive's, Cosmo's and Grafbase's composer. test/federation/schema.test.ts has Apollo's. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { composeSchemaContract, composeServices } from '@theguild/federation-composition';
import { federateSubgraphs, ROUTER_COMPATIBILITY_VERSION_ONE } from '@wundergraph/composition';
import { buildSchema, type GraphQLObjectType, type GraphQLSchema, isObjectType, Kind, parse } from 'graphql';
import { type Service, toServices } from '../../../../dev/supergraph/compose.ts';
import { ROUTERS } from '../../../../dev/supergraph/routers.ts';
import { directivesOf } from '../../../support/schema.ts';
import { COMPOSITIONS, MAINTENANCE_SDL, toService } from '../../../support/use-supergraph.ts';
import { itUnless } from '../skip.ts';

const { executable, missing } = ROUTERS.grafbase;
const ALONE = [toService('maintenance', MAINTENANCE_SDL)];

function composeCosmo(services: readonly Service[]) {
  const subgraphs = services.map(({ name, url, sdl }) => ({ name, url, definitions: parse(sdl) }));
  const composed = federateSubgraphs({ subgraphs, version: ROUTER_COMPATIBILITY_VERSION_ONE });
  if (!composed.success) throw new AggregateError(composed.errors);
  return composed;
}

/** Returns the supergraph. Throws with Grafbase's messages if the schemas do not compose. */
function composeGrafbase(services: readonly Service[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'grafbase-'));
  const tables = services.map(({ name, url, sdl }) => {
    writeFileSync(join(folder, `${name}.graphql`), sdl);
    return `[subgraphs.${name}]\nurl = "${url}"\nschema_path = "${name}.graphql"\n`;
  });
  writeFileSync(join(folder, 'grafbase.toml'), tables.join(''));
  const options = { cwd: folder, env: { HOME: folder }, encoding: 'utf8' } as const;
  const supergraph = execFileSync(String(executable), ['compose', '--config', 'grafbase.toml'], options);
  rmSync(folder, { recursive: true });
  return supergraph;
}

describe.each(COMPOSITIONS)('the schema, with a subgraph that refers by the key: %s', (_, services) => {
  const KEY = 'join__type(graph: MAINTENANCE, key: "residence { id } maintenanceId")';

  it('composes with @theguild/federation-composition', () => {
    const { supergraphSdl, errors } = composeServices(toServices(services));
    expect(errors).toBeUndefined();
    expect(supergraphSdl).toContain(KEY);
  });

  it('composes with @wundergraph/composition, without a warning', () => {
    const { warnings, subgraphConfigBySubgraphName } = composeCosmo(services);
    expect(warnings).toEqual([]);
    const { configurationDataByTypeName } = subgraphConfigBySubgraphName.get('maintenance') ?? {};
    const keys = configurationDataByTypeName?.get('Maintenance')?.keys?.map(({ selectionSet }) => selectionSet);
    expect(keys?.sort()).toEqual(['id', 'maintenanceId residence { id }']);
  });

  itUnless(executable ? undefined : missing, 'composes with grafbase compose', () => {
    expect(composeGrafbase(services)).toContain(KEY);
  });
});

it.each<[composer: string, api: () => GraphQLSchema]>([
  ['@theguild/federation-composition', () => buildSchema(String(composeServices(toServices(ALONE)).publicSdl))],
  ['@wundergraph/composition', () => composeCosmo(ALONE).federatedGraphClientSchema],
])('only entities have a field `id` in the API schema of %s', (_, api) => {
  const types = Object.values(api().getTypeMap()).filter((type) => isObjectType(type));
  expect(
    types
      .filter((type) => type.getFields().id)
      .map(String)
      .sort(),
  ).toEqual(['Maintenance', 'Residence']);
});

it('a contract without the tag `personal-data` has all other fields', () => {
  const options = { include: new Set<string>(), exclude: new Set(['personal-data']) };
  const contract = buildSchema(String(composeSchemaContract(toServices(ALONE), options).publicSdl));
  for (const definition of parse(MAINTENANCE_SDL).definitions) {
    if (definition.kind !== Kind.OBJECT_TYPE_DEFINITION) continue;
    const type = contract.getType(definition.name.value) as GraphQLObjectType | undefined;
    // Without its mutation, a payload is not in the contract.
    if (!type && definition.name.value.endsWith('Payload')) continue;
    const untagged =
      definition.fields?.filter((field) => !/personal-data|@inaccessible/.test(directivesOf(field))) ?? [];
    expect(Object.keys(type?.getFields() ?? {}).sort()).toEqual(untagged.map(({ name }) => name.value).sort());
  }
});
