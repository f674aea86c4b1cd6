/**
 * Builds the executable schema from schema/maintenance.graphql and the resolvers, and wraps each resolver once.
 */
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { type GraphQLFieldResolver, type GraphQLSchema, getNamedType, isNonNullType, isObjectType } from 'graphql';
import { gql } from 'graphql-tag';
import { checkRepresentations, get } from './arguments.ts';
import { withBounds } from './bounds.ts';
import type { Context } from './context.ts';
import { COSTS } from './cost.ts';
import { badUserInput } from './errors.ts';
import { Maintenance } from './resolvers/maintenance.ts';
import { Mutation, readBack } from './resolvers/mutation.ts';
import { Query } from './resolvers/query.ts';
import { Residence } from './resolvers/residence.ts';
import { DateTime } from './scalars.ts';

const SCHEMA_FILE = new URL('../../schema/maintenance.graphql', import.meta.url);
const ENTITIES = new Map<unknown, typeof Maintenance | typeof Residence>(Object.entries({ Maintenance, Residence }));
const _Service = { sdl: ({ sdl }: { sdl: string }) => sdl };
const _Entity = { __resolveType: (entity: object) => ('maintenanceId' in entity ? 'Maintenance' : 'Residence') };

const resolveRepresentation = withBounds((representation, _, context, info) => {
  context.response.charge(COSTS.call, info.path);
  const entity = ENTITIES.get(get(representation, '__typename'));
  if (!entity) throw badUserInput({ 'representations.__typename': 'must be an entity of this subgraph' });
  return entity.__resolveReference(representation, context);
}, false);

/**
 * Resolves each representation separately. The library's resolver nulls the whole list for one unknown type, has no
 * limit and creates several promises per representation.
 */
const _entities: GraphQLFieldResolver<unknown, Context> = (_, { representations }, context, info) => {
  checkRepresentations(representations);
  return representations.map((representation: unknown) => resolveRepresentation(representation, {}, context, info));
};

export function createSchema(): GraphQLSchema {
  const typeDefs = gql(readFileSync(SCHEMA_FILE, 'utf8'));
  const roots = { Query: { ...Query, _entities }, Mutation };
  const resolvers = { DateTime, ...roots, Maintenance, Residence, _Entity, _Service };
  const schema = buildSubgraphSchema([{ typeDefs, resolvers }]);
  for (const { type } of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    const payload = getNamedType(type);
    const { maintenance } = isObjectType(payload) ? payload.getFields() : {};
    if (maintenance) maintenance.resolve = readBack;
  }
  for (const type of Object.values(schema.getTypeMap())) {
    const isWrite = type === schema.getMutationType();
    for (const field of isObjectType(type) ? Object.values(type.getFields()) : []) {
      // Not `_service` and `_entities`: to refuse a field that is never null would null all data.
      if (!field.resolve || isNonNullType(field.type)) continue;
      field.resolve = withBounds(field.resolve, isWrite);
      field.extensions = { ...field.extensions, isBounded: true };
    }
  }
  return schema;
}
