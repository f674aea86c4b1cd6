/**
 * The executable schema, from its file and the resolvers of maintenance/. A wrapper around each resolver adds its value
 * to the size of the response. Fields without a resolver are read by `resolveField`.
 */
import { readFileSync } from 'node:fs';
import { buildSubgraphSchema } from '@apollo/subgraph';
import {
  type GraphQLFieldResolver,
  type GraphQLResolveInfo,
  GraphQLScalarType,
  type GraphQLSchema,
  isNullableType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { gql } from 'graphql-tag';
import { throwFault, tooMany } from '../errors/faults.ts';
import { LIMITS } from '../limits.ts';
import { entities, largestPayloads, readResolvers, writeResolvers } from '../maintenance/resolvers.ts';
import type { Context } from './context.ts';

const SCHEMA_FILE = new URL('../../schema/maintenance.graphql', import.meta.url);

type Resolver = GraphQLFieldResolver<unknown, Context>;
/** The resolvers of a type, as codegen types them. */
type Fields = Readonly<
  Record<string, (source: never, args: never, context: Context, info: GraphQLResolveInfo) => unknown>
>;

/** Wraps a resolver that reads. The wrapped one begins nothing once the operation has ended. */
function wrapResolver(resolve: Resolver): Resolver {
  return async function wrapped(source, args, context, info) {
    context.lifetime.signal.throwIfAborted();
    const value = await resolve(source, args, context, info);
    context.responseSize.addValue(value, info);
    return value;
  };
}

/**
 * Wraps a resolver of a mutation. The wrapped one makes room for the result before the write. It clears the loaders,
 * because even a write that fails may have taken effect. To do so before the write is enough: graphql reads nothing
 * beside it. It begins after the operation has ended, too, because the log says of each write what became of it.
 */
function wrapMutation(resolve: Resolver, largestPayload: (args: never) => object): Resolver {
  return async function wrapped(source, args, context, info) {
    context.responseSize.addValue(largestPayload(args as never), info);
    context.clearLoaders();
    return resolve(source, args, context, info);
  };
}

/**
 * Reads a field that has no resolver. If it could not be decoded, its value is an error, which fails only this field,
 * and only if it is selected: graphql takes a returned error for a thrown one.
 */
export const resolveField: Resolver = (source, _args, _context, info) => {
  const value = (source as Readonly<Record<string, unknown>>)[info.fieldName];
  // Null would hide that a resolver, or a field of a value, is missing.
  if (value === undefined)
    throw new TypeError(`${info.parentType}.${info.fieldName} has neither a resolver nor a value.`);
  return value;
};

const references: ReadonlyMap<unknown, (representation: unknown, context: Context) => unknown> = new Map(
  Object.entries(entities),
);

/** Resolves one representation. */
const resolveReference = wrapResolver((representation, _, context) => {
  const resolve = references.get((representation as { readonly __typename?: unknown } | null)?.__typename);
  const unknownType = { code: 'UNKNOWN', message: 'must be an entity of this subgraph' } as const;
  return resolve ? resolve(representation, context) : throwFault('representations.__typename', unknownType);
});

/**
 * Resolves each representation separately. The library's resolver nulls the whole list for one unknown type, has no
 * limit and creates several promises per representation. It is not wrapped itself: it begins nothing, and each
 * representation has an error of its own.
 *
 * Refuses too many by throwing, and never by a promise: graphql would end the operation at a rejection, without the
 * fields beside it.
 */
const _entities: Resolver = (_, { representations }, context, info) => {
  if (representations.length > LIMITS.representations) throwFault('representations', tooMany(LIMITS.representations));
  context.responseSize.addReferences(representations.length);
  return representations.map((representation: unknown) => resolveReference(representation, {}, context, info));
};

/**
 * A moment in UTC with seconds, `2024-01-16T13:32:45Z`. As input, any text: `momentSchema` of
 * maintenance/argument-schemas.ts reports a malformed time with the other faults of a field.
 */
const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  parseValue: (value) => {
    if (typeof value === 'string') return value;
    throw new TypeError('not a text');
  },
});

/** The SDL has 12 KB, and 99 aliases of it are 1.2 MB, so it counts like any other value. */
const _Service = { sdl: ({ sdl }: { readonly sdl: string }) => sdl };

/** Throws if the resolvers do not fit the schema. */
export function createSchema(): GraphQLSchema {
  const { Query, ...types } = mapValues<Fields, Fields>({ ...readResolvers, _Service }, (fields) =>
    mapValues(fields, (resolve) => wrapResolver(resolve as Resolver)),
  );
  const Mutation = mapValues(writeResolvers as Fields, (resolve, name) =>
    wrapMutation(resolve as Resolver, largestPayloads[name as keyof typeof writeResolvers]),
  );
  const resolvers = { DateTime, ...types, Mutation, Query: { ...Query, _entities } };
  const schema = buildSubgraphSchema([{ typeDefs: gql(readFileSync(SCHEMA_FILE, 'utf8')), resolvers }]);
  checkResolvers(schema, { ...readResolvers, Mutation: writeResolvers }, entities);
  return schema;
}

function mapValues<V, W>(values: Readonly<Record<string, V>>, map: (value: V, key: string) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, map(value, key)]));
}

/** Each entity needs a reference resolver. A resolver needs a field that may be null, so that its error stays there. */
export function checkResolvers(
  schema: GraphQLSchema,
  types: Readonly<Record<string, object>>,
  references: object,
): void {
  const union = schema.getType('_Entity');
  const names = isUnionType(union) ? union.getTypes().map(({ name }) => name) : [];
  for (const name of new Set(names).symmetricDifference(new Set(Object.keys(references))))
    throw new Error(`${name} must be an entity with a reference resolver.`);
  for (const [name, fields] of Object.entries(types)) {
    const type = schema.getType(name);
    for (const field of Object.keys(fields))
      if (!isObjectType(type) || !isNullableType(type.getFields()[field]?.type))
        throw new Error(`${name}.${field} must be a field that may be null.`);
  }
}
