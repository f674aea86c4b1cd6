/**
 * The limits of one operation. Routers stay within them, although they merge up to a hundred `_entities` under aliases;
 * a router that does not is named in supergraph/.
 */
import {
  type ASTVisitor,
  GraphQLError,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type TypeNode,
  type ValidationContext,
} from 'graphql';

export const LIMITS = {
  tokens: 15_000,
  /** Entries of `Query._entities(representations:)`. */
  representations: 1000,
  /** Commands of one operation. */
  reads: 1000,
  writes: 100,
  /** See response-budget.ts. */
  responseUnits: 15_000_000,
  /** Errors of one response. */
  errors: 1000,
  /** Validation errors of one document. */
  validationErrors: 5,
} as const;

/**
 * Limits of the shape of an operation, and of the selections of all operations together, by their names in messages.
 */
const SHAPE_LIMITS = {
  selections: 10_000,
  aliases: 100,
  // Of one, which each entry and the path of each error repeat. Routers add a dozen.
  'characters of an alias': 128,
  // Of fields and fragments. A cycle of fragments would overflow the stack.
  'levels of nesting': 30,
  'levels of lists': 1,
};
type Limit = keyof typeof SHAPE_LIMITS;

/** Introspection may have more levels, for which graphql has a limit too. Its standard query has 15. */
const INTROSPECTION_LEVELS = 500;

/** A document beyond a limit of this file. Clients receive its message. */
export class ExceededLimit extends GraphQLError {}

/** Validation rule for limits that graphql and Apollo Server lack. Counts each fragment as often as it is spread. */
export function limitOperations(context: ValidationContext): ASTVisitor {
  // Of all operations so far, because each operation is validated.
  let selections = 0;

  function limitOperation(node: OperationDefinitionNode): false {
    let aliases = 0;
    const exceeded = new Set<Limit>();
    const limit = (what: Limit, value: number) => {
      if (value > SHAPE_LIMITS[what]) exceeded.add(what);
    };

    /** Counts the selections at a level and below, up to the limits: a fragment may spread itself. */
    function countSelections(selectionSet: SelectionSetNode | undefined, level: number): void {
      if (!selectionSet) return;
      limit('levels of nesting', level);
      if (level > SHAPE_LIMITS['levels of nesting']) return;
      for (const selection of selectionSet.selections) {
        limit('selections', ++selections);
        if (selections > SHAPE_LIMITS.selections) return;
        const isField = selection.kind === Kind.FIELD;
        if (isField && selection.alias) limit('aliases', ++aliases);
        if (isField) limit('characters of an alias', selection.alias?.value.length ?? 0);
        const isIntrospection = isField && selection.name.value.startsWith('__');
        const inside = selection.kind === Kind.FRAGMENT_SPREAD ? context.getFragment(selection.name.value) : selection;
        countSelections(inside?.selectionSet, isIntrospection ? level - INTROSPECTION_LEVELS : level + 1);
      }
    }

    countSelections(node.selectionSet, 1);
    for (const { type } of node.variableDefinitions ?? []) limit('levels of lists', depthOf(type));
    for (const what of exceeded)
      context.reportError(new ExceededLimit(`Too many ${what}: at most ${SHAPE_LIMITS[what]}.`, { nodes: node }));
    return false;
  }

  return { OperationDefinition: limitOperation };
}

/**
 * Returns how many lists are within each other in the type of a variable. There is a limit, because graphql wraps each
 * entry in as many lists, and because a variable within a representation may have any type.
 */
function depthOf(type: TypeNode): number {
  return type.kind === Kind.NAMED_TYPE ? 0 : depthOf(type.type) + Number(type.kind === Kind.LIST_TYPE);
}
