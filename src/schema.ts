/**
 * The executable schema: schema/maintenance.graphql with its resolvers, and `_entities` guarded.
 */
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLFieldResolver, GraphQLSchema, GraphQLUnionType } from 'graphql';
import { gql } from 'graphql-tag';
import { badInput, get, take } from './arguments.ts';
import type { Context } from './context.ts';
import { COSTS, countEntryFields, LIMITS } from './limits.ts';
import { resolvers } from './resolvers/index.ts';

const SCHEMA_FILE = new URL('../schema/maintenance.graphql', import.meta.url);
const { Maintenance, Residence } = resolvers;
const REFERENCES = new Map<unknown, unknown>([
  ['Maintenance', Maintenance?.__resolveReference],
  ['Residence', Residence?.__resolveReference],
]);

export function createSchema(): GraphQLSchema {
  const schema = buildSubgraphSchema([{ typeDefs: gql(readFileSync(SCHEMA_FILE, 'utf8')), resolvers }]);
  const entities = schema.getQueryType()?.getFields()._entities;
  const entity = schema.getType('_Entity') as GraphQLUnionType;
  if (entities) entities.resolve = resolveEntities;
  entity.resolveType = (value) => (get(value, 'maintenanceId') === undefined ? 'Residence' : 'Maintenance');
  return schema;
}

/**
 * Resolves each representation by itself, in place of the library: that one resolves them in one go, so that an unknown type
 * or a string among them would null the whole list, and it takes any number of them, as often as there are aliases.
 */
const resolveEntities: GraphQLFieldResolver<unknown, Context> = (_, { representations }, context, info) => {
  if (representations.length > LIMITS.representations) {
    throw badInput('representations', `must not hold more than ${LIMITS.representations} entries`);
  }
  const cost = representations.length * (COSTS.representation + countEntryFields(info));
  // Those before it have asked for their reads already, and none of the answer will be left.
  if (cost > context.budget.left) context.end(false);
  take(context.budget, cost);
  return representations.map(async (representation: unknown) => {
    const resolveReference = REFERENCES.get(get(representation, '__typename'));
    if (typeof resolveReference !== 'function') throw badInput('representations', 'holds no entity of this subgraph');
    return resolveReference(representation, context, info);
  });
};
