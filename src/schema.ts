/**
 * The executable schema: schema/maintenance.graphql with its resolvers, and `_entities` guarded.
 */
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLFieldResolver, GraphQLSchema } from 'graphql';
import { gql } from 'graphql-tag';
import { badInput, get } from './arguments.ts';
import type { Context } from './context.ts';
import { countEntryFields, LIMITS, take } from './limits.ts';
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
    const refuse = (reason: string) => {
      // Those before it have asked for their reads already, and none of the answer will be left.
      context.end(false);
      throw badInput('representations', reason);
    };
    if (!take(context.spent, 'representationsTogether', representations.length)) {
      refuse(`must not hold more than ${LIMITS.representationsTogether} entries in all of an operation`);
    }
    if (!take(context.spent, 'representedFields', representations.length * countEntryFields(info))) {
      refuse(`must not be asked for more than ${LIMITS.representedFields} fields, where a list counts as a hundred`);
    }
    return representations.map(async (representation) => {
      if (!ENTITIES.has(get(representation, '__typename'))) {
        throw badInput('representations', 'holds no entity of this subgraph');
      }
      const [entity] = (await resolve(source, { representations: [representation] }, context, info)) as unknown[];
      return entity;
    });
  };
}
