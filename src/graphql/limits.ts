/**
 * The limits of one operation. Routers stay within them: they merge up to a hundred `_entities` under aliases.
 * docs/federation.md has the exceptions.
 */
import {
  type ASTVisitor,
  GraphQLError,
  Kind,
  type SelectionSetNode,
  type TypeNode,
  type ValidationContext,
} from 'graphql';

const STATES = { entries: 100 } as const;

/**
 * The largest arguments, by their coordinates in the schema. Characters are UTF-16 units. `npm run codegen` writes them to
 * docs/reliability.md.
 */
export const SIZES = {
  'Query._entities(representations:)': { entries: 1000 },
  'Query.maintenances(states:)': STATES,
  'Residence.maintenances(states:)': STATES,
  'CreateMaintenanceInput.description': { characters: 10_000 },
  'CreateMaintenanceInput.contact': { characters: 1000 },
  'CreateMaintenanceInput.pictureFilenames': { entries: 20, characters: 256 },
  'Mutation.deleteMaintenances(ids:)': { entries: 500, residences: 100 },
} as const;

export const LIMITS = {
  tokens: 15_000,
  /** Commands of one operation. */
  reads: 1000,
  writes: 100,
  /** Work of a response, in units of 20 ns; see budget.ts. */
  responseWork: 15_000_000,
  /** Errors of one response. */
  errors: 1000,
  /** Undecodable members of one reply that are errors. */
  memberErrors: 20,
  /** Validation errors of one document. */
  validationErrors: 5,
  /** Faults of arguments in one error. */
  argumentFaults: 20,
} as const;

/** Limits of an operation, and of the selections of all operations together, by their names in messages. */
const OPERATION = {
  selections: 10_000,
  aliases: 100,
  // Of one, which each entry and the path of each error repeat. Routers add a dozen.
  'characters of an alias': 128,
  'levels of depth': 12,
  // Only nested fragments are so deep within the other limits. A cycle of fragments would overflow the stack.
  'levels of nesting': 500,
  'levels of lists': 1,
};
type Counts = typeof OPERATION;

/** A document beyond a limit of ours. Clients receive its message. */
export class ExceededLimit extends GraphQLError {}

/** Validation rule for limits that graphql and Apollo Server lack. Counts each fragment as often as it is spread. */
export function limitOperations(context: ValidationContext): ASTVisitor {
  // The selections of all operations so far, because each operation is validated.
  let counted = 0;

  /**
   * Adds up the selections at `depth` and below. Stops at the limits of selections and nesting, as in a cycle of fragments.
   */
  function count({ selections }: SelectionSetNode, depth: number, nesting: number, sum: Counts): void {
    sum['levels of nesting'] = Math.max(sum['levels of nesting'], nesting);
    if (nesting > OPERATION['levels of nesting']) return;
    for (const selection of selections) {
      if (++sum.selections > OPERATION.selections) return;
      const isField = selection.kind === Kind.FIELD;
      // graphql has its own limit for the depth of introspection. The standard introspection query has 15 levels.
      const own = isField && selection.name.value.startsWith('__') ? Number.NEGATIVE_INFINITY : depth;
      if (isField) {
        const { length } = selection.alias?.value ?? '';
        if (length > 0) sum.aliases++;
        sum['characters of an alias'] = Math.max(sum['characters of an alias'], length);
        sum['levels of depth'] = Math.max(sum['levels of depth'], own);
      }
      const inside = selection.kind === Kind.FRAGMENT_SPREAD ? context.getFragment(selection.name.value) : selection;
      if (inside?.selectionSet) count(inside.selectionSet, isField ? own + 1 : own, nesting + 1, sum);
    }
  }

  return {
    OperationDefinition(node) {
      const lists = node.variableDefinitions?.map(({ type }) => depthOf(type)) ?? [];
      const sum = {
        selections: counted,
        aliases: 0,
        'characters of an alias': 0,
        'levels of depth': 0,
        'levels of nesting': 0,
        'levels of lists': Math.max(0, ...lists),
      };
      count(node.selectionSet, 1, 0, sum);
      counted = sum.selections;
      for (const [what, most] of Object.entries(OPERATION)) {
        if (sum[what as keyof Counts] > most)
          context.reportError(new ExceededLimit(`Too many ${what}: at most ${most}.`, { nodes: node }));
      }
      return false;
    },
  };
}

/**
 * Returns how many lists are within each other in the type of a variable. graphql wraps each entry in as many lists, and a
 * variable within a representation may have any type.
 */
function depthOf(type: TypeNode): number {
  return type.kind === Kind.NAMED_TYPE ? 0 : depthOf(type.type) + Number(type.kind === Kind.LIST_TYPE);
}
