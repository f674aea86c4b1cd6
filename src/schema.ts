/**
 * The executable schema: schema/maintenance.graphql with its resolvers, and `_entities` guarded.
 */
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLFieldResolver, GraphQLSchema } from 'graphql';
import { gql } from 'graphql-tag';
import { badInput, get, take } from './arguments.ts';
import type { Context } from './context.ts';
import { COSTS, countEntryFields, LIMITS } from './limits.ts';
import { resolvers } from './resolvers/index.ts';

const SCHEMA_FILE = new URL('../schema/maintenance.graphql', import.meta.url);
const ENTITIES: ReadonlySet<unknown> = new Set(['Maintenance', 'Residence']);

export function createSchema(): GraphQLSchema {
  const schema = buildSubgraphSchema([{ typeDefs: gql(readFileSync(SCHEMA_FILE, 'utf8')), resolvers }]);
  const entities = schema.getQueryType()?.getFields()._entities;
  if (entities?.resolve) entities.resolve = guardEntities(entities.resolve);
  return schema;
}

/**
 * Resolves each representation by itself. The library resolves them in one go, so that an unknown type or a string among
 * them would null the whole list, and it takes any number of them, as often as there are aliases.
 */
function guardEntities(resolve: GraphQLFieldResolver<unknown, Context>): GraphQLFieldResolver<unknown, Context> {
  return (source, { representations }: { representations: unknown[] }, context, info) => {
    if (representations.length > LIMITS.representations) {
      throw badInput('representations', `must not hold more than ${LIMITS.representations} entries`);
    }
    const cost = representations.length * (COSTS.representation + countEntryFields(info));
    // Those before it have asked for their reads already, and none of the answer will be left.
    if (cost > context.budget.left) context.end(false);
    take(context.budget, cost);
    return representations.map(async (representation) => {
      if (!ENTITIES.has(get(representation, '__typename'))) {
        throw badInput('representations', 'holds no entity of this subgraph');
      }
      const [entity] = (await resolve(source, { representations: [representation] }, context, info)) as unknown[];
      return entity;
    });
  };
}
