/**
 * Builds the executable schema from schema/maintenance.graphql and the resolvers. Replaces the library's `_entities`
 * and charges for `_service`.
 */
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLField, GraphQLSchema, GraphQLUnionType } from 'graphql';
import { gql } from 'graphql-tag';
import { COSTS, selectedBeneath } from './answer.ts';
import { get } from './arguments.ts';
import type { Context } from './context.ts';
import { resolveEntities } from './resolvers/entities.ts';
import { resolvers } from './resolvers/index.ts';

const SCHEMA_FILE = new URL('../../schema/maintenance.graphql', import.meta.url);

export function createSchema(): GraphQLSchema {
  const schema = buildSubgraphSchema([{ typeDefs: gql(readFileSync(SCHEMA_FILE, 'utf8')), resolvers }]);
  const query = schema.getQueryType()?.getFields() as Record<'_entities' | '_service', GraphQLField<unknown, Context>>;
  const entity = schema.getType('_Entity') as GraphQLUnionType;
  query._entities.resolve = resolveEntities;
  entity.resolveType = (value) => (get(value, 'maintenanceId') === undefined ? 'Residence' : 'Maintenance');
  const { resolve: resolveService = () => undefined } = query._service;
  query._service.resolve = async (source, args, context, info) => {
    const service = await resolveService(source, args, context, info);
    const count = selectedBeneath(info).members.get('sdl') ?? 0;
    context.answer.charge(count * COSTS.character * String(get(service, 'sdl')).length, info.path);
    return service;
  };
  return schema;
}
