/**
 * The executable schema, from its file and the resolvers of maintenance/. A wrapper around each resolver charges its
 * value, and makes every error public. Fields without a resolver are read by `resolveField`.
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
import { NOT_SENT, outcomeOf, throwIfEnded } from '../command-api/failures.ts';
import { throwFault, tooMany } from '../errors/faults.ts';
import { entities, reads, writes } from '../maintenance/resolvers.ts';
import { LIMITS } from './limits.ts';
import type { Operation } from './operation.ts';

const SCHEMA_FILE = new URL('../../schema/maintenance.graphql', import.meta.url);

type Resolver = GraphQLFieldResolver<unknown, Operation>;
/** The resolvers of a type, as codegen types them. */
type Fields = Readonly<
  Record<string, (source: never, args: never, context: Operation, info: GraphQLResolveInfo) => unknown>
>;

/**
 * Wraps a resolver that reads. The wrapped one begins nothing once the operation has ended. It charges the value, which
 * waits for its turn if it is large. Without room for errors, the field is null.
 */
function wrapResolver(resolve: Resolver): Resolver {
  return async function wrapped(source, args, operation, info) {
    const { budget, errors, scope } = operation;
    if (!errors.hasRoom()) return null;
    try {
      throwIfEnded(scope.signal);
      const value = await resolve(source, args, operation, info);
      await budget.chargeValue(value, info);
      return value;
    } catch (error) {
      // graphql takes a returned error for a thrown one.
      return errors.publish(error);
    }
  };
}

/**
 * Wraps a resolver of a mutation. The wrapped one charges the result before the write, and its error always tells what
 * became of the write. It clears the loaders, because even a write that fails may have taken effect. To do so before
 * the write is enough: graphql reads nothing beside it.
 */
export function wrapMutation(resolve: Resolver): Resolver {
  return async function wrapped(source, args, operation, info) {
    const { budget, records, errors, clearLoaders } = operation;
    const recordsBefore = records.length;
    try {
      budget.chargeWrite(args, info);
      clearLoaders();
      return await resolve(source, args, operation, info);
    } catch (error) {
      const hasBegun = records.length > recordsBefore;
      return errors.publish(error, hasBegun ? outcomeOf(error) : NOT_SENT);
    }
  };
}

/**
 * Reads a field that has no resolver. If it could not be decoded, its value is an error, which fails only this field,
 * and only if it is selected. Beyond the limit of errors, it is null.
 */
export const resolveField: Resolver = (source, _, { errors }, info) => {
  const value = (source as Readonly<Record<string, unknown>>)[info.fieldName];
  // Null would hide that a resolver, or a field of a value, is missing.
  if (value === undefined)
    throw new TypeError(`${info.parentType}.${info.fieldName} has neither a resolver nor a value.`);
  return value instanceof Error ? errors.publish(value) : value;
};

const references: ReadonlyMap<unknown, (representation: unknown, operation: Operation) => unknown> = new Map(
  Object.entries(entities),
);

/** Resolves one representation, and charges the call. */
const resolveReference = wrapResolver((representation, _, operation) => {
  operation.budget.chargeCall();
  const resolve = references.get((representation as { readonly __typename?: unknown } | null)?.__typename);
  const unknownType = { code: 'UNKNOWN', message: 'must be an entity of this subgraph' } as const;
  return resolve ? resolve(representation, operation) : throwFault('representations.__typename', unknownType);
});

/**
 * Resolves each representation separately. The library's resolver nulls the whole list for one unknown type, has no
 * limit and creates several promises per representation. It is not wrapped itself: to refuse a field that is never null
 * would null all data.
 *
 * Refuses too many by throwing, and never by a promise: graphql would end the operation at a rejection, without the
 * fields beside it.
 */
const _entities: Resolver = (_, { representations }, operation, info) => {
  const resolve = (representation: unknown) => resolveReference(representation, {}, operation, info);
  if (representations.length > LIMITS.representations) throwFault('representations', tooMany(LIMITS.representations));
  return operation.budget.waitForCalls(representations.length).then(() => representations.map(resolve));
};

/**
 * A moment in UTC with seconds, `2024-01-16T13:32:45Z`. As input, any text: `momentSchema` of errors/faults.ts reports
 * a malformed time with the other faults of a field.
 */
const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  parseValue: (value) => {
    if (typeof value === 'string') return value;
    throw new TypeError('not a text');
  },
});

/** The SDL has 12 KB, and 99 aliases of it are 1.2 MB, so it is charged like any other value. */
const _Service = { sdl: ({ sdl }: { readonly sdl: string }) => sdl };

/** Throws if the resolvers do not fit the schema. */
export function createSchema(): GraphQLSchema {
  const wrapped = Object.entries<Fields>({ ...reads, _Service }).map(([type, fields]) => [
    type,
    wrapAll(fields, wrapResolver),
  ]);
  const { Query, ...types } = Object.fromEntries(wrapped);
  const resolvers = { DateTime, ...types, Mutation: wrapAll(writes, wrapMutation), Query: { ...Query, _entities } };
  const schema = buildSubgraphSchema([{ typeDefs: gql(readFileSync(SCHEMA_FILE, 'utf8')), resolvers }]);
  checkResolvers(schema, { ...reads, Mutation: writes }, entities);
  return schema;
}

function wrapAll(fields: Fields, wrap: (resolve: Resolver) => Resolver) {
  return Object.fromEntries(Object.entries(fields).map(([name, resolve]) => [name, wrap(resolve as Resolver)]));
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
