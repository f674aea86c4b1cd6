/**
 * Builds the executable schema from schema/maintenance.graphql and the resolvers. Replaces the library's `_entities`
 * and charges for `_service`.
 */
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLResolveInfo, GraphQLSchema } from 'graphql';
import { gql } from 'graphql-tag';
import { COSTS } from './answer.ts';
import type { Context } from './context.ts';
import { resolveEntities } from './resolvers/entities.ts';
import { Maintenance } from './resolvers/maintenance.ts';
import { CreateMaintenancePayload, Mutation } from './resolvers/mutation.ts';
import { Query } from './resolvers/query.ts';
import { Residence } from './resolvers/residence.ts';
import { DateTime } from './scalars.ts';

const SCHEMA_FILE = new URL('../../schema/maintenance.graphql', import.meta.url);

/** What federation adds to the schema. It replaces the library's resolvers. */
const FEDERATION = {
  _Entity: { __resolveType: (entity: object) => ('maintenanceId' in entity ? 'Maintenance' : 'Residence') },
  _Service: {
    sdl({ sdl }: { sdl: string }, _: unknown, { answer }: Context, { path }: GraphQLResolveInfo) {
      answer.charge(COSTS.character * sdl.length, path);
      return sdl;
    },
  },
};

export function createSchema(): GraphQLSchema {
  const typeDefs = gql(readFileSync(SCHEMA_FILE, 'utf8'));
  const types = { DateTime, Mutation, Maintenance, Residence, CreateMaintenancePayload, ...FEDERATION };
  return buildSubgraphSchema([{ typeDefs, resolvers: { ...types, Query: { ...Query, _entities: resolveEntities } } }]);
}
