/**
 * The executable schema: schema/maintenance.graphql with its resolvers, and `_entities` guarded.
 */
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLField, GraphQLFieldResolver, GraphQLSchema, GraphQLUnionType } from 'graphql';
import { gql } from 'graphql-tag';
import { badInput, get } from './arguments.ts';
import type { Context } from './context.ts';
import { COSTS, countEntryFields, LIMITS } from './limits.ts';
import { resolvers } from './resolvers/index.ts';
import { Maintenance } from './resolvers/maintenance.ts';
import { Residence } from './resolvers/residence.ts';

const SCHEMA_FILE = new URL('../schema/maintenance.graphql', import.meta.url);
const ENTITIES = new Map<unknown, (representation: unknown, context: Context) => Promise<unknown>>([
  ['Maintenance', Maintenance.__resolveReference],
  ['Residence', Residence.__resolveReference],
]);

export function createSchema(): GraphQLSchema {
  const schema = buildSubgraphSchema([{ typeDefs: gql(readFileSync(SCHEMA_FILE, 'utf8')), resolvers }]);
  const query = schema.getQueryType()?.getFields()._entities as GraphQLField<unknown, Context>;
  const entity = schema.getType('_Entity') as GraphQLUnionType;
  query.resolve = resolveEntities;
  entity.resolveType = (value) => (get(value, 'maintenanceId') === undefined ? 'Residence' : 'Maintenance');
  return schema;
}

/**
 * Resolves each representation by itself, in place of the library: that one resolves them in one go, so that an unknown type
 * or a string among them would null the whole list; it takes any number of them, as often as there are aliases; and it makes
 * several promises of each.
 */
const resolveEntities: GraphQLFieldResolver<unknown, Context> = (_, { representations }, context, info) => {
  if (representations.length > LIMITS.representations) {
    throw badInput('representations', `must not hold more than ${LIMITS.representations} entries`);
  }
  if (!context.take(representations.length * (COSTS.representation + countEntryFields(info)))) {
    // Those before it have asked for their reads already, and none of the answer will be left.
    context.end(false);
    throw badInput('representations', 'makes the answer too large: ask for fewer, or for less of each');
  }
  return representations.map(async (representation: unknown) => {
    const resolveReference = ENTITIES.get(get(representation, '__typename'));
    if (!resolveReference) throw badInput('representations', 'holds no entity of this subgraph');
    return resolveReference(representation, context);
  });
};
