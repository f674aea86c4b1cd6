/**
 * Builds the executable schema from the file and the resolvers of the domain, and guards each resolver.
 */
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { type GraphQLResolveInfo, type GraphQLSchema, isNullableType, isObjectType, isUnionType } from 'graphql';
import { gql } from 'graphql-tag';
import { DateTime, memberOf, throwFault, tooMany } from './faults.ts';
import { guardMutation, guardQuery, type Resolver } from './guard.ts';
import { LIMITS } from './limits.ts';
import type { Operation, ReadContext, WriteContext } from './operation.ts';

/** The resolvers of a type, as codegen types them. Fields without a resolver are read from the value. */
type Fields<Context> = Readonly<
  Record<string, (source: never, args: never, context: Context, info: GraphQLResolveInfo) => unknown>
>;

/**
 * A schema with its resolvers. Each object that a resolver of `reads` or `entities` returns has its characters as
 * `size`; an entity also has its `__typename`.
 */
interface Definition<Loaders> {
  readonly schemaFile: URL;
  /** By type. */
  readonly reads: Readonly<Record<string, Fields<ReadContext<Loaders>>>>;
  /** Those of `Mutation`. */
  readonly writes: Fields<WriteContext>;
  /** The reference resolvers, by entity. */
  readonly entities: Readonly<Record<string, Reference<Loaders>>>;
}

type Reference<Loaders> = (representation: unknown, context: ReadContext<Loaders>) => unknown;

const _Service = { sdl: ({ sdl }: { sdl: string }) => sdl };

/** Throws if the resolvers do not fit the schema. */
export function createSchema<Loaders>({ schemaFile, reads, writes, entities }: Definition<Loaders>): GraphQLSchema {
  const references = new Map<unknown, Reference<Loaders>>(Object.entries(entities));

  const resolveRepresentation = guardQuery((representation, _, operation) => {
    operation.budget.chargeCall();
    const resolve = references.get(memberOf(representation, '__typename'));
    if (!resolve) return throwFault('representations.__typename', 'UNKNOWN', 'must be an entity of this subgraph');
    return resolve(representation, operation as Operation & ReadContext<Loaders>);
  });

  /**
   * Resolves each representation separately. The library's resolver nulls the whole list for one unknown type, has no
   * limit and creates several promises per representation.
   *
   * Refuses too many by throwing, and never by a promise: this field is never null, so graphql would end the operation
   * at a rejection, without the fields beside it.
   */
  const _entities: Resolver = (_, { representations }, operation, info) => {
    if (representations.length > LIMITS.representations)
      throwFault('representations', 'TOO_MANY', tooMany(LIMITS.representations));
    const called = operation.budget.waitForCalls(representations.length);
    return called.then(() => representations.map((one: unknown) => resolveRepresentation(one, {}, operation, info)));
  };

  const wrapped = Object.entries({ ...reads, _Service }).map(([type, fields]) => [type, wrap(fields, guardQuery)]);
  const { Query, ...types } = Object.fromEntries(wrapped);
  const resolvers = {
    DateTime,
    ...types,
    Mutation: wrap(writes, guardMutation),
    // `_entities` is not wrapped: to refuse a field that is never null would null all data.
    Query: { ...Query, _entities },
  };
  const schema = buildSubgraphSchema([{ typeDefs: gql(readFileSync(schemaFile, 'utf8')), resolvers }]);
  checkResolvers(schema, { ...reads, Mutation: writes }, entities);
  return schema;
}

/** Throws if the resolvers do not fit the schema. */
function checkResolvers(schema: GraphQLSchema, types: Readonly<Record<string, object>>, entities: object): void {
  const union = schema.getType('_Entity');
  const names = isUnionType(union) ? union.getTypes().map(({ name }) => name) : [];
  for (const name of new Set(names).symmetricDifference(new Set(Object.keys(entities))))
    throw new Error(`${name} must be an entity with a reference resolver.`);
  for (const [name, fields] of Object.entries(types)) {
    const type = schema.getType(name);
    for (const field of Object.keys(fields))
      if (!isObjectType(type) || !isNullableType(type.getFields()[field]?.type))
        throw new Error(`${name}.${field} must be a field that may be null.`);
  }
}

function wrap(fields: object, guard: (resolve: Resolver) => Resolver) {
  return Object.fromEntries(Object.entries(fields).map(([name, resolve]) => [name, guard(resolve)]));
}
