/**
 * Builds the executable schema from schema/maintenance.graphql and the resolvers, and wraps the resolver of each field
 * that may be null.
 */
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import type { GraphQLSchema } from 'graphql';
import { gql } from 'graphql-tag';
import { memberOf, parseRepresentations, refuse } from './arguments.ts';
import { guardMutation, guardQuery, type Resolver } from './guard.ts';
import { DateTime, Maintenance, Mutation, Payloads, Query, Residence } from './resolvers.ts';

const SCHEMA_FILE = new URL('../../schema/maintenance.graphql', import.meta.url);

const ENTITIES = new Map<unknown, typeof Maintenance | typeof Residence>(Object.entries({ Maintenance, Residence }));
const _Entity = { __resolveType: (entity: object) => ('maintenanceId' in entity ? 'Maintenance' : 'Residence') };
const _Service = { sdl: ({ sdl }: { sdl: string }) => sdl };

const resolveRepresentation = guardQuery((representation, _, operation) => {
  operation.budget.chargeCall();
  const entity = ENTITIES.get(memberOf(representation, '__typename'));
  if (!entity) return refuse('representations.__typename', 'UNKNOWN', 'must be an entity of this subgraph');
  return entity.__resolveReference(representation, operation);
});

/**
 * Resolves each representation separately. The library's resolver nulls the whole list for one unknown type, has no
 * limit and creates several promises per representation.
 *
 * Refuses too many by throwing, and never by a promise: this field is never null, so graphql would end the operation at a
 * rejection, without the fields beside it.
 */
const _entities: Resolver = (_, { representations }, operation, info) => {
  const all = parseRepresentations(representations);
  const called = operation.budget.waitForCalls(all.length);
  return called.then(() => all.map((one) => resolveRepresentation(one, {}, operation, info)));
};

export function createSchema(): GraphQLSchema {
  const typeDefs = gql(readFileSync(SCHEMA_FILE, 'utf8'));
  const resolvers = {
    DateTime,
    // `_entities` is not wrapped: to refuse a field that is never null would null all data.
    Query: { ...wrap(Query, guardQuery), _entities },
    Mutation: wrap(Mutation, guardMutation),
    ...Object.fromEntries(Object.entries(Payloads).map(([name, payload]) => [name, wrap(payload, guardQuery)])),
    Maintenance: wrap(Maintenance, guardQuery),
    Residence: wrap(Residence, guardQuery),
    _Service: wrap(_Service, guardQuery),
    _Entity,
  };
  return buildSubgraphSchema([{ typeDefs, resolvers }]);
}

/** Wraps the resolvers of the fields of a type. `_entities` calls the reference resolver. */
function wrap(resolvers: object, guard: (resolve: Resolver) => Resolver) {
  const fields = Object.entries(resolvers).filter(([name]) => name !== '__resolveReference');
  return Object.fromEntries(fields.map(([name, resolve]) => [name, guard(resolve)]));
}
