/**
 * The limits of one request. Routers usually stay within them: a few dozen aliased `_entities`, thirty aliased root
 * fields. docs/for-platform-teams.md has the exceptions.
 */
import type { BaseContext, GraphQLRequestContext } from '@apollo/server';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import type { ASTVisitor, SelectionSetNode, ValidationContext } from 'graphql';
import { GraphQLError, Kind } from 'graphql';

export const LIMITS = {
  bodyBytes: 1024 * 1024,
  tokens: 15_000,
  representations: 1000,
  ids: 500,
  residences: 100,
  description: 10_000,
  contact: 1000,
  pictureFilenames: 20,
  pictureFilename: 256,
  states: 100,
  /** Commands of one operation. */
  reads: 1000,
  writes: 100,
  /** Undecodable members of a list that become errors. Further members are null. */
  memberErrors: 20,
  /** Cost of a response in bytes; see answer.ts. */
  answer: 15_000_000,
  /** Validation errors of one document. */
  errors: 5,
  /** Faults of arguments in one error. */
  argumentFaults: 20,
  /** Errors of one set of variables. graphql prints the whole input for each of them, which is slow. */
  variableErrors: 2,
} as const;

/** Limits of an operation, and of the selections of all operations together, by their names in messages. */
const OPERATION = { selections: 10_000, aliases: 100, 'root fields': 50, 'levels of depth': 12 };
type Counts = typeof OPERATION;
// Only nested fragments are so deep within the other limits. A cycle of fragments would overflow the stack.
const MAX_NESTING = 500;

/** Validation rule for limits that graphql and Apollo Server lack. Counts each fragment as often as it is spread. */
export function limitOperations(context: ValidationContext): ASTVisitor {
  // The selections of all operations so far, because each operation is validated.
  let counted = 0;

  /**
   * Adds up the selections at `depth` and below. Stops at the limit of selections, for example in a cycle of fragments.
   */
  function count({ selections }: SelectionSetNode, depth: number, nesting: number, sum: Counts): void {
    if (nesting > MAX_NESTING) sum.selections = OPERATION.selections;
    for (const selection of selections) {
      if (++sum.selections > OPERATION.selections) return;
      const isField = selection.kind === Kind.FIELD;
      // graphql has its own limit for the depth of introspection. The standard introspection query has 15 levels.
      const own = isField && selection.name.value.startsWith('__') ? Number.NEGATIVE_INFINITY : depth;
      sum.aliases += isField && selection.alias ? 1 : 0;
      sum['root fields'] += isField && depth === 1 ? 1 : 0;
      if (isField) sum['levels of depth'] = Math.max(sum['levels of depth'], own);
      const inside = selection.kind === Kind.FRAGMENT_SPREAD ? context.getFragment(selection.name.value) : selection;
      if (inside?.selectionSet) count(inside.selectionSet, isField ? own + 1 : own, nesting + 1, sum);
    }
  }

  return {
    OperationDefinition(node) {
      const sum = { selections: counted, aliases: 0, 'root fields': 0, 'levels of depth': 0 };
      count(node.selectionSet, 1, 0, sum);
      counted = sum.selections;
      for (const [what, most] of Object.entries(OPERATION)) {
        if (sum[what as keyof Counts] > most)
          context.reportError(new GraphQLError(`Too many ${what}: at most ${most}.`, { nodes: node }));
      }
      return false;
    },
  };
}

/** Types of variables that are used where null is not allowed: in `@include` and `@skip`, and in the list `states`. */
const NEVER_NULL: readonly string[] = ['Boolean', 'MaintenanceState'];

/**
 * Refuses null for such a variable. A default makes this null valid, and graphql would report an error for each object
 * of the response.
 */
export async function refuseNulls({ operation, request }: GraphQLRequestContext<BaseContext>) {
  for (const { type, variable } of operation?.variableDefinitions ?? []) {
    const isNeverNull = type.kind === Kind.NAMED_TYPE && NEVER_NULL.includes(type.name.value);
    if (!isNeverNull || request.variables?.[variable.name.value] !== null) continue;
    const extensions = { code: ApolloServerErrorCode.BAD_USER_INPUT, http: { status: 200 } };
    throw new GraphQLError(`Variable "$${variable.name.value}" must not be null.`, { extensions });
  }
}
