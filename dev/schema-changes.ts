/**
 * Compares two versions of a subgraph's schema, for clients (by graphql-inspector) and for other teams' subgraphs, which
 * depend on federation's directives.
 */
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildASTSchema, type ConstDirectiveNode, type DocumentNode, Kind, parse, print, visit } from 'graphql';

/** `breaking` breaks a client or subgraph, `dangerous` may break it, and `safe` does not. */
export type Level = 'breaking' | 'dangerous' | 'safe';

export interface Change {
  readonly level: Level;
  /** Names the element and its change. The same change always has the same message. */
  readonly message: string;
  /** The coordinate of the element, such as `Type.field`. Undefined if no operation can depend on the change. */
  readonly path?: string | undefined;
}

const LEVELS: Readonly<Record<CriticalityLevel, Level>> = {
  [CriticalityLevel.Breaking]: 'breaking',
  [CriticalityLevel.Dangerous]: 'dangerous',
  [CriticalityLevel.NonBreaking]: 'safe',
};

const WORST_FIRST: readonly Level[] = ['breaking', 'dangerous', 'safe'];

// Directives by which other subgraphs refer to a type or share a field, or that hide an element from callers. The effect of
// other directives is unknown here: a weight may push an operation over a limit, a tag may hide a field.
const REMOVED: Readonly<Record<string, Level>> = { key: 'breaking', shareable: 'breaking' };
const ADDED: Readonly<Record<string, Level>> = {
  key: 'safe',
  shareable: 'safe',
  inaccessible: 'breaking',
  authenticated: 'breaking',
  requiresScopes: 'breaking',
  policy: 'breaking',
};

/** Returns all changes, the worst first. Rejects if a text is not a schema. */
export async function compareSchemas(before: string, after: string): Promise<Change[]> {
  const [old, current] = [parse(before), parse(after)];
  const found = await diff(build(old), build(current));
  const changes = [
    // graphql-inspector compares repeated directives by name only, and misses a removed @key if another remains.
    ...found
      .filter(({ type }) => !type.startsWith('DIRECTIVE_USAGE_'))
      .map(({ criticality, message, path }) => ({ level: LEVELS[criticality.level], message, path })),
    ...compareDirectives(readDirectives(old), readDirectives(current)),
  ];
  return changes.sort((a, b) => WORST_FIRST.indexOf(a.level) - WORST_FIRST.indexOf(b.level));
}

// Skips the validation of the document: federation's directives have no definition in it.
const build = (document: DocumentNode) => buildASTSchema(document, { assumeValidSDL: true });

/** Returns the directives of each element, by its path. */
type Directives = ReadonlyMap<string, readonly ConstDirectiveNode[]>;

function readDirectives(document: DocumentNode): Directives {
  const found = new Map<string, readonly ConstDirectiveNode[]>();
  const path: string[] = [];
  visit(document, {
    enter(node) {
      if (node.kind === Kind.DIRECTIVE_DEFINITION) return false;
      if (!('directives' in node)) return undefined;
      path.push('name' in node && node.name ? node.name.value : 'schema');
      const element = path.join('.');
      found.set(element, [...(found.get(element) ?? []), ...((node.directives ?? []) as ConstDirectiveNode[])]);
      return undefined;
    },
    leave(node) {
      if ('directives' in node) path.pop();
    },
  });
  return found;
}

function compareDirectives(old: Directives, current: Directives): Change[] {
  return [...old].flatMap(([element, before]) => {
    // The change of the element itself includes its directives.
    const after = current.get(element);
    if (!after) return [];
    return [
      ...missing(before, after).map(([name, text]) => ({
        level: REMOVED[name] ?? 'dangerous',
        message: `Directive '${text}' was removed from '${element}'`,
      })),
      ...missing(after, before).map(([name, text]) => ({
        level: ADDED[name] ?? 'dangerous',
        message: `Directive '${text}' was added to '${element}'`,
        path: element,
      })),
    ];
  });
}

/** Returns name and text of the directives that only the first list has. */
function missing(these: readonly ConstDirectiveNode[], those: readonly ConstDirectiveNode[]): [string, string][] {
  const texts = new Set(those.map(write));
  // graphql-inspector reports deprecations.
  return these
    .filter((one) => one.name.value !== 'deprecated' && !texts.has(write(one)))
    .map((one) => [one.name.value, write(one)]);
}

/** Returns a directive as text, independent of the order and the spaces of its arguments. */
function write(directive: ConstDirectiveNode): string {
  const sorted = [...(directive.arguments ?? [])].sort((a, b) => (a.name.value < b.name.value ? -1 : 1));
  return print({ ...directive, arguments: sorted }).replace(/\s+/g, ' ');
}
