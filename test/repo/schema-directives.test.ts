/**
 * What the schema tells the router and the platform team beside types: that it is true, and that it arrives.
 */
import { readFileSync } from 'node:fs';
import { composeServices as composeApollo } from '@apollo/composition';
import { describe, expect, it } from '@jest/globals';
import { composeServices as composeGuild, composeSchemaContract } from '@theguild/federation-composition';
import { buildSchema, type GraphQLOutputType, getNamedType, getNullableType, isListType, parse } from 'graphql';
import { compareSchemas } from '../../dev/schema-changes.ts';
import { EXAMPLE } from '../../dev/seed.ts';
import { directivesOf, SCHEMA, weigh } from '../support/schema.ts';
import { NEW_MAINTENANCE } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const ID = `${R}:${EXAMPLE.maintenanceId}`;
const COMMAND = 10;

const sdl = readFileSync(new URL('../../schema/maintenance.graphql', import.meta.url), 'utf8');
const typeDefs = parse(sdl);
const services = [{ name: 'maintenance', url: 'http://maintenance.test/graphql', typeDefs }];
const subgraph = useSubgraph();

describe('@cost', () => {
  const CREATE = `createMaintenance(input: {
    residenceId: "${R}" startTime: "${NEW_MAINTENANCE.startTime}" finishTime: "${NEW_MAINTENANCE.finishTime}"
    description: "x" contact: "x"
  })`;

  it.each([
    [`{ maintenances(residenceId: "${R}", first: 1) { id residence { id } } }`, 1],
    [`{ maintenance(id: "${ID}") { description residence { id } } }`, 1],
    [
      `{ a: maintenances(residenceId: "${R}") { id } b: maintenances(residenceId: "r2ff987d62ff28dea559ee2c4614064e1") { id } }`,
      2,
    ],
    [`mutation { ${CREATE} { id } }`, 1],
    [`mutation { ${CREATE} { id maintenance { state } } }`, 2],
    [`mutation { deleteMaintenance(id: "${ID}") { id residence { id } } }`, 1],
    ['{ __typename }', 0],
  ])('is what the operation sends: %s', async (operation, commands) => {
    expect(weigh(operation)).toBe(commands * COMMAND);
    expect((await subgraph.ask(operation)).errors).toEqual([]);
    expect(subgraph.upstream.commands()).toHaveLength(commands);
  });

  it('of a batch is one command’s, and a little for each id, which may be another residence’s', () => {
    expect(weigh('mutation { deleteMaintenances(ids: []) { deletedIds } }')).toBe(COMMAND + 1);
  });
});

function isListOfEntities(type: GraphQLOutputType): boolean {
  return isListType(getNullableType(type)) && directivesOf(getNamedType(type).astNode).includes('@key');
}

describe('@listSize', () => {
  const lists = Object.values(SCHEMA.getTypeMap()).flatMap((type) =>
    'getFields' in type
      ? Object.values(type.getFields())
          .filter(({ type: answers }) => isListOfEntities(answers))
          .map((field) => [type.name, field] as const)
      : [],
  );

  it.each(lists)(
    'of a list of entities in %s goes by `first` where it is given, and asks for none',
    (_, { astNode }) => {
      expect(directivesOf(astNode)).toBe(
        '@listSize(assumedSize: 20, slicingArguments: ["first"], requireOneSlicingArgument: false)',
      );
    },
  );

  it('finds lists of entities', () => {
    expect(lists.length).toBeGreaterThan(1);
  });
});

describe('in the supergraph', () => {
  it.each([
    ['@apollo/composition', composeApollo],
    ['@theguild/federation-composition', composeGuild],
  ])('all of them arrive by %s', async (_, compose) => {
    const { errors, supergraphSdl } = compose(services);
    expect(errors).toBeUndefined();
    const changes = await compareSchemas(sdl, String(supergraphSdl));
    expect(changes.filter(({ message }) => /@(cost|listSize|tag)\(/.test(message))).toEqual([]);
    const told = (text: string) =>
      text.match(/@(cost\(weight: \d|listSize\([^)$]*\bassumedSize: \d|tag\(name: ")/g)?.length;
    expect(told(String(supergraphSdl))).toBe(told(sdl));
  });
});

describe('@tag', () => {
  it('makes a contract without personal data that composes and leaves nothing behind', () => {
    const composed = composeSchemaContract(services, { include: new Set(), exclude: new Set(['personal-data']) });
    expect(composed.errors).toBeUndefined();
    const left = buildSchema(String(composed.publicSdl));
    const fields = (name: string) => {
      const type = left.getType(name);
      return type && 'getFields' in type ? Object.keys(type.getFields()).sort() : undefined;
    };
    expect(fields('Maintenance')).toEqual(
      ['id', 'maintenanceId', 'residence', 'startTime', 'finishTime', 'createdTime', 'state'].sort(),
    );
    expect(fields('Mutation')).toEqual(['deleteMaintenance', 'deleteMaintenances']);
  });
});
