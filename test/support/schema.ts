/**
 * The schema that ships, as tests walk through it.
 */
import { type ASTNode, OperationTypeNode, parse, print, TypeInfo, visit, visitWithTypeInfo } from 'graphql';
import { createSchema } from '../../src/graphql/schema.ts';

export const SCHEMA = createSchema();

/** Every field of `Query` and `Mutation` but federation's own. */
export const ROOT_FIELDS = [OperationTypeNode.QUERY, OperationTypeNode.MUTATION].flatMap((operation) =>
  Object.values(SCHEMA.getRootType(operation)?.getFields() ?? {})
    .filter(({ name }) => !name.startsWith('_'))
    .map((field) => ({ operation, field, name: field.name })),
);

/** Returns the directives on an element, a line each. */
export const directivesOf = (node: ASTNode | null | undefined) =>
  node && 'directives' in node ? (node.directives ?? []).map(print).join('\n') : '';

/** Returns what an operation weighs by `@cost`, without the sizes of lists. */
export function weigh(operation: string): number {
  const types = new TypeInfo(SCHEMA);
  let weight = 0;
  const add = (definition: { astNode?: ASTNode | null | undefined } | null | undefined) => {
    weight += Number(/@cost\(weight: (\d+)\)$/m.exec(directivesOf(definition?.astNode))?.[1] ?? 0);
  };
  visit(
    parse(operation),
    visitWithTypeInfo(types, {
      Field: () => add(types.getFieldDef()),
      Argument: () => add(types.getArgument()),
    }),
  );
  return weight;
}
