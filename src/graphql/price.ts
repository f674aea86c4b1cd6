/**
 * The price of a response, in units of work: of what is selected, and of the texts in it.
 */
import { type GraphQLResolveInfo, type GraphQLSchema, isObjectType, Kind, type SelectionSetNode } from 'graphql';

/**
 * A unit of work takes 20 ns, and a response of so much work at most so many bytes: estimates, see docs/decisions.md.
 */
export const WORK = {
  /** A field of an entry, without its text. */
  field: 50,
  character: 3,
  /** A call of a reference resolver, or of a resolver for an entry of a list. */
  call: 1000,
  /** An entry of a list that is searched. It takes no memory. */
  searched: 20,
};

export type Selected = ReturnType<typeof countSelected>;

/**
 * Adds the characters of an entry, or of a text. Throws for an entry without a size: it would cost nothing, or
 * everything.
 */
export function addSize(sum: number, entry: unknown): number {
  if (typeof entry !== 'object' || entry === null) return sum + String(entry ?? '').length;
  const { size } = entry as { readonly size?: number };
  if (!Number.isFinite(size)) throw new TypeError('An entry has no size.');
  return sum + Number(size);
}

/**
 * Returns what is selected of each entry of a field, skipped or not: the work of all fields, and how often the most
 * selected field of the entry itself is selected.
 */
export function countSelected({ fieldNodes, fragments, schema }: GraphQLResolveInfo) {
  const own = new Map<string, number>();
  let work = 0;

  /** Counts each fragment as often as it is spread. The rule in limits.ts has limited their number. */
  function addWork(selectionSet: SelectionSetNode | undefined, isOwn: boolean): void {
    for (const node of selectionSet?.selections ?? []) {
      const isField = node.kind === Kind.FIELD;
      if (isField) {
        const { value: name } = node.name;
        work += node.selectionSet && isResolved(name, schema) ? WORK.call : WORK.field;
        // graphql copies the lists in the arguments for each entry.
        for (const { value } of node.arguments ?? [])
          if (value.kind === Kind.LIST) work += value.values.length * WORK.field;
        if (isOwn && name !== '__typename') own.set(name, (own.get(name) ?? 0) + 1);
      }
      const inside = node.kind === Kind.FRAGMENT_SPREAD ? fragments[node.name.value] : node;
      addWork(inside?.selectionSet, isOwn && !isField);
    }
  }

  for (const { selectionSet } of fieldNodes) addWork(selectionSet, true);
  return { work, repeats: Math.max(1, ...own.values()) };
}

/** Returns whether a type has a resolver for a field of this name. */
function isResolved(name: string, schema: GraphQLSchema): boolean {
  return Object.values(schema.getTypeMap()).some((type) => isObjectType(type) && type.getFields()[name]?.resolve);
}
