/**
 * The limits of a document that graphql and Apollo Server lack, as a rule of validation. Routers stay within them; a
 * router that does not is named in supergraph/.
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
import { PublicError } from '../errors/public-error.ts';
import { LIMITS } from '../limits.ts';

/** The limits by their names in messages. */
const DOCUMENT_LIMITS = {
  selections: LIMITS.selections,
  aliases: LIMITS.aliases,
  'characters of an alias': LIMITS.aliasCharacters,
  'levels of nesting': LIMITS.levels,
  'levels of lists': LIMITS.listLevels,
};
type Limit = keyof typeof DOCUMENT_LIMITS;

/** Counts each fragment as often as it is spread. */
export function limitDocuments(context: ValidationContext): ASTVisitor {
  // Of all operations so far, because each operation is validated.
  let selections = 0;

  function limitOperation(node: OperationDefinitionNode): false {
    let aliases = 0;
    const exceeded = new Set<Limit>();
    const limit = (what: Limit, value: number) => {
      if (value > DOCUMENT_LIMITS[what]) exceeded.add(what);
    };

    /** Counts the selections at a level and below, up to the limits: a fragment may spread itself. */
    function countSelections(selectionSet: SelectionSetNode | undefined, level: number, mostLevels: number): void {
      if (!selectionSet) return;
      if (level > mostLevels) exceeded.add('levels of nesting');
      if (level > mostLevels) return;
      for (const selection of selectionSet.selections) {
        limit('selections', ++selections);
        if (selections > LIMITS.selections) return;
        const isField = selection.kind === Kind.FIELD;
        if (isField && selection.alias) limit('aliases', ++aliases);
        if (isField) limit('characters of an alias', selection.alias?.value.length ?? 0);
        const isIntrospection = isField && selection.name.value.startsWith('__');
        const inside = selection.kind === Kind.FRAGMENT_SPREAD ? context.getFragment(selection.name.value) : selection;
        countSelections(inside?.selectionSet, level + 1, isIntrospection ? LIMITS.introspectionLevels : mostLevels);
      }
    }

    countSelections(node.selectionSet, 1, LIMITS.levels);
    for (const { type } of node.variableDefinitions ?? []) limit('levels of lists', depthOf(type));
    for (const what of exceeded) {
      const message = `Too many ${what}: at most ${DOCUMENT_LIMITS[what]}.`;
      const originalError = new PublicError('GRAPHQL_VALIDATION_FAILED', message);
      context.reportError(new GraphQLError(message, { nodes: node, originalError }));
    }
    return false;
  }

  return { OperationDefinition: limitOperation };
}

/** Returns how many lists are within each other in a type. */
function depthOf(type: TypeNode): number {
  return type.kind === Kind.NAMED_TYPE ? 0 : depthOf(type.type) + Number(type.kind === Kind.LIST_TYPE);
}
