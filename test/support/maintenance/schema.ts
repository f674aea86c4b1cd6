/** The schema of the subgraph, and its fields. */
import { type GraphQLObjectType, getNamedType, isObjectType } from 'graphql';
import { createSchema } from '../../../src/graphql/schema.ts';

export const SCHEMA = createSchema();

/** The fields of `Query` and `Mutation`. */
export const ROOT_FIELDS = (['query', 'mutation'] as const).flatMap((operation) => {
  const type = operation === 'query' ? SCHEMA.getQueryType() : SCHEMA.getMutationType();
  const fields = Object.values(type?.getFields() ?? {});
  return fields.map((field) => ({ operation, field, name: field.name, type: getNamedType(field.type) }));
});

/** Each field of the types of the schema, with its coordinate. */
export const FIELDS = Object.values(SCHEMA.getTypeMap())
  .filter((type) => isObjectType(type))
  .filter(({ name }) => !name.startsWith('__'))
  .flatMap((owner) =>
    Object.values(owner.getFields()).map((field) => ({ at: `${owner}.${field.name}`, owner, field })),
  );

/** Returns the root field with this name. Throws if the schema has none. */
export function rootField(name: string) {
  const found = ROOT_FIELDS.find((root) => root.name === name);
  if (!found) throw new Error(`schema/maintenance.graphql has no root field ${name}`);
  return found;
}

/** Returns a selection for each field of a type, at most `depth` fields deep. */
export function fieldsOf(type: string, depth = 2): string[] {
  return Object.values((SCHEMA.getType(type) as GraphQLObjectType).getFields()).flatMap(({ name, type }) => {
    const inner = getNamedType(type);
    if (!isObjectType(inner)) return name;
    return depth === 1 ? [] : `${name} { ${fieldsOf(inner.name, depth - 1).join(' ')} }`;
  });
}
