/**
 * How much one request may ask for. What a router makes of its clients' operations stays within: a few dozen aliased
 * `_entities`, thirty aliased root fields.
 */
import type { ASTVisitor, SelectionSetNode, ValidationContext } from 'graphql';
import { GraphQLError, Kind } from 'graphql';

export const LIMITS = {
  bodyBytes: 1024 * 1024,
  tokens: 15_000,
  aliases: 100,
  rootFields: 50,
  depth: 12,
  /** Selections of an operation, each fragment as often as it is spread. */
  selections: 10_000,
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
  /** Undecodable members of a list that are errors. Further ones are null. */
  memberErrors: 20,
  /** What the answer of one operation may cost in bytes; see answer.ts. */
  answer: 15_000_000,
  /** Errors that are told of one document. */
  errors: 5,
  /** Errors that are told of one set of variables: graphql writes out the whole input for each, which takes its time. */
  variableErrors: 2,
} as const;

const NOTHING = { fields: 0, aliases: 0, depth: 0 };
/** All counts with each fragment as often as it is spread; `fields` are those of the first of `depth` levels. */
type Extent = typeof NOTHING;

/** The validation rule for what graphql and Apollo Server do not limit. */
export function limitOperations(context: ValidationContext): ASTVisitor {
  // Each fragment is measured once: one that doubles the next, thirty times, would block for good otherwise.
  const fragments = new Map<string, Extent>();

  function measure({ selections }: SelectionSetNode): Extent {
    let { fields, aliases, depth } = NOTHING;
    for (const selection of selections) {
      let inner = NOTHING;
      if (selection.kind === Kind.FRAGMENT_SPREAD) inner = measureFragment(selection.name.value);
      else if (selection.selectionSet) inner = measure(selection.selectionSet);
      aliases += inner.aliases;
      if (selection.kind === Kind.FIELD) {
        fields += 1;
        aliases += selection.alias ? 1 : 0;
        // graphql has a rule of its own for how deep an introspection goes; the standard one goes 15 deep.
        depth = Math.max(depth, selection.name.value.startsWith('__') ? 0 : inner.depth + 1);
      } else {
        fields += inner.fields;
        depth = Math.max(depth, inner.depth);
      }
    }
    return { fields, aliases, depth };
  }

  function measureFragment(name: string): Extent {
    const known = fragments.get(name);
    if (known) return known;
    // What a cycle meets; that there is one, graphql's own rule says.
    fragments.set(name, NOTHING);
    const fragment = context.getFragment(name);
    const extent = fragment ? measure(fragment.selectionSet) : NOTHING;
    fragments.set(name, extent);
    return extent;
  }

  return {
    OperationDefinition(node) {
      const { fields, aliases, depth } = measure(node.selectionSet);
      const check = (what: string, value: number, most: number) => {
        if (value > most) context.reportError(new GraphQLError(`Too many ${what}: at most ${most}.`, { nodes: node }));
      };
      check('aliases', aliases, LIMITS.aliases);
      check('root fields', fields, LIMITS.rootFields);
      check('levels of depth', depth, LIMITS.depth);
      return false;
    },
  };
}
