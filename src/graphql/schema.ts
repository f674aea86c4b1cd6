/**
 * The executable schema: schema/maintenance.graphql with its resolvers, and `_entities` guarded.
 */
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLField, GraphQLFieldResolver, GraphQLSchema, GraphQLUnionType } from 'graphql';
import { gql } from 'graphql-tag';
import { COSTS, selectedBeneath, withinBudget } from './answer.ts';
import { badInput, get } from './arguments.ts';
import type { Context } from './context.ts';
import { LIMITS } from './limits.ts';
import { resolvers } from './resolvers/index.ts';
import { Maintenance } from './resolvers/maintenance.ts';
import { Residence } from './resolvers/residence.ts';

const SCHEMA_FILE = new URL('../../schema/maintenance.graphql', import.meta.url);
const ENTITIES = new Map<unknown, typeof Maintenance | typeof Residence>(Object.entries({ Maintenance, Residence }));

export function createSchema(): GraphQLSchema {
  const schema = buildSubgraphSchema([{ typeDefs: gql(readFileSync(SCHEMA_FILE, 'utf8')), resolvers }]);
  const query = schema.getQueryType()?.getFields() as Record<'_entities' | '_service', GraphQLField<unknown, Context>>;
  const entity = schema.getType('_Entity') as GraphQLUnionType;
  query._entities.resolve = resolveEntities;
  const { resolve: resolveService = () => undefined } = query._service;
  query._service.resolve = async (source, args, context, info) => {
    const service = await resolveService(source, args, context, info);
    const count = selectedBeneath(info).members.get('sdl') ?? 0;
    context.answer.charge(count * COSTS.character * String(get(service, 'sdl')).length, info.path);
    return service;
  };
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
  return representations.map((representation: unknown) =>
    withinBudget(context, info, () => {
      const entity = ENTITIES.get(get(representation, '__typename'));
      if (!entity) throw badInput('representations', 'holds no entity of this subgraph');
      return entity.__resolveReference(representation, context, info);
    }),
  );
};
