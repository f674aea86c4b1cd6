/** Compares two versions of a subgraph's schema by graphql-inspector, and rates the directives of federation. */
import { type Change, CriticalityLevel, diff, type Rule } from '@graphql-inspector/core';
import { buildASTSchema, type DirectiveNode, parse, print, visit } from 'graphql';

// Other subgraphs refer to a type by its key, and define a shareable field too.
const OFFERS = /^@(key|shareable)\b/;
const HIDES = /^@(inaccessible|authenticated|requiresScopes|policy)\b/;
const MEMBERS = /^(TYPE|FIELD|FIELD_ARGUMENT|INPUT_FIELD|ENUM_VALUE)_(ADDED|REMOVED|TYPE_CHANGED)$/;

/** Returns all changes, the worst first. The same change always has the same message. Rejects if a text is not a schema. */
export async function compareSchemas(before: string, after: string): Promise<Change[]> {
  const changes = await diff(build(before), build(after), [rateDirectives]);
  // BREAKING, DANGEROUS, NON_BREAKING.
  return changes.sort((a, b) => a.criticality.level.localeCompare(b.criticality.level));
}

/** Returns the names of added, removed and retyped fields, arguments and enum values, without those in a new type or field. */
export function listMembers(changes: readonly Change[]): string[] {
  const paths = changes.filter(({ type }) => MEMBERS.test(type)).map(({ path = '' }) => path);
  const outer = paths.filter((path) => !paths.some((other) => path.startsWith(`${other}.`)));
  // A type has no dot.
  return [...new Set(outer.flatMap((path) => /\.(\w+)$/.exec(path)?.[1] ?? []))];
}

/** Other directives stay dangerous: a tag may hide a field. */
const rateDirectives: Rule = ({ changes }) =>
  changes
    // graphql-inspector reports the reason of a deprecation twice.
    .filter(({ type }) => !/^DIRECTIVE_USAGE_ARGUMENT_(ADDED|REMOVED)$/.test(type))
    .map((change) => {
      const { addedDirectiveName: added = '', removedDirectiveName: removed = '', addedToNewType: isNew } = change.meta;
      const rated = (level: CriticalityLevel) => ({ ...change, criticality: { level } });
      if (OFFERS.test(removed) || (HIDES.test(added) && !isNew)) return rated(CriticalityLevel.Breaking);
      return OFFERS.test(added) ? rated(CriticalityLevel.NonBreaking) : change;
    });

/** Returns a schema. No document is validated: federation's directives have no definition in it. */
const build = (sdl: string) =>
  buildASTSchema(visit(parse(sdl), { Directive: { leave: nameByText } }), { assumeValidSDL: true });

/**
 * Returns the directive with its text as its name. graphql-inspector compares directives by name: it takes a new order of two keys
 * for changed keys, and its messages omit their fields.
 */
function nameByText(node: DirectiveNode): DirectiveNode | undefined {
  // These have a meaning for graphql and graphql-inspector.
  if (['deprecated', 'oneOf'].includes(node.name.value)) return undefined;
  return { ...node, name: { ...node.name, value: print(node).replace(/\s+/g, ' ') }, arguments: [] };
}
