/**
 * Builds the executable schema from schema/maintenance.graphql and the resolvers, and wraps each resolver once.
 */
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLFieldResolver, GraphQLSchema } from 'graphql';
import { gql } from 'graphql-tag';
import { checkRepresentations, get } from './arguments.ts';
import { withBounds } from './bounds.ts';
import type { Context } from './context.ts';
import { BYTES } from './cost.ts';
import { badUserInput } from './errors.ts';
import { Maintenance } from './resolvers/maintenance.ts';
import { CreateMaintenancePayload, Mutation } from './resolvers/mutation.ts';
import { Query } from './resolvers/query.ts';
import { Residence } from './resolvers/residence.ts';
import { DateTime } from './scalars.ts';

const SCHEMA_FILE = new URL('../../schema/maintenance.graphql', import.meta.url);
const ENTITIES = new Map<unknown, typeof Maintenance | typeof Residence>(Object.entries({ Maintenance, Residence }));
const _Service = { sdl: ({ sdl }: { sdl: string }) => sdl };
const _Entity = { __resolveType: (entity: object) => ('maintenanceId' in entity ? 'Maintenance' : 'Residence') };

const resolveRepresentation = withBounds((representation, _, context) => {
  context.response.charge(BYTES.call);
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
  const resolvers = {
    DateTime,
    // Not `_entities`: to refuse a field that is never null would null all data.
    Query: { ...bounded(Query), _entities },
    Mutation: bounded(Mutation, true),
    CreateMaintenancePayload: bounded(CreateMaintenancePayload),
    Residence: bounded({ maintenances: Residence.maintenances }),
    _Service: bounded(_Service),
    _Entity,
  };
  return buildSubgraphSchema([{ typeDefs, resolvers }]);
}

/** Wraps the resolvers of a type. */
function bounded(resolvers: object, isWrite = false) {
  const wrapped = Object.entries(resolvers).map(([name, resolve]) => [name, withBounds(resolve, isWrite)]);
  return Object.fromEntries(wrapped);
}
