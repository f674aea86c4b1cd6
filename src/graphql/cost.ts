/**
 * Estimates what a response costs, in bytes: entries × selected fields, and the lengths of texts. docs/reliability.md
 * says how the charges were measured.
 */
import {
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLResolveInfo,
  getNamedType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';

export const COSTS = {
  /** A field of an entry, or a text in a list. Includes an alias of 16 characters and a text of 16. */
  field: 50,
  character: 3,
  /** A call of a resolver for an entry, or for a representation. */
  call: 1000,
  /** An entry of a list from which a resolver selects. */
  scanned: 20,
  /** Without the names in its path, which cost as characters. */
  error: 3000,
  /** The factor if the response has an inline trace (`ftv1`). */
  trace: 6,
} as const;
const FREE_CHARACTERS = 16;

/** What is selected for one entry, skipped or not, up to fields that charge their own values. */
export interface Selected {
  /** The cost without texts. Counts one entry of each list in the entry. */
  bytes: number;
  /** The fields that are read from the entry, by name: how often, and what is selected beneath. */
  readonly fields: Map<string, { count: number; readonly beneath: Selected | undefined }>;
}

/** The fields that charge their own values. Apollo Server gives every other field a resolver too, for inline traces. */
export const BOUNDED = new WeakSet<GraphQLField<unknown, unknown>>();

// The document of a repeated operation is parsed once, and its nodes are measured once.
const measured = new WeakMap<FieldNode, Selected>();

/** Returns what is selected beneath the current field. */
export function selectedBeneath({ fieldNodes, fragments, returnType, schema }: GraphQLResolveInfo): Selected {
  const [first] = fieldNodes as [FieldNode];
  const known = fieldNodes.length === 1 && measured.get(first);
  if (known) return known;

  /** Adds up selections, with each fragment as often as it is spread. The rule in limits.ts has limited their number. */
  function measure({ selections }: SelectionSetNode, type: GraphQLNamedType | undefined, sum: Selected): void {
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) {
        measureField(selection, type, sum);
        continue;
      }
      const inside = selection.kind === Kind.FRAGMENT_SPREAD ? fragments[selection.name.value] : selection;
      const condition = inside?.typeCondition?.name.value;
      if (inside) measure(inside.selectionSet, condition ? schema.getType(condition) : type, sum);
    }
  }

  function measureField(node: FieldNode, type: GraphQLNamedType | undefined, sum: Selected): void {
    const { alias, name, selectionSet } = node;
    const field = isObjectType(type) ? type.getFields()[name.value] : undefined;
    sum.bytes += COSTS.field + costOfText(alias?.value);
    if (field && BOUNDED.has(field)) {
      // graphql copies the lists in its arguments for each entry.
      sum.bytes += COSTS.call + COSTS.field * countValues(node);
      return;
    }
    const beneath = selectionSet && { bytes: 0, fields: new Map() };
    const read = sum.fields.get(name.value) ?? { count: 0, beneath };
    read.count++;
    sum.fields.set(name.value, read);
    if (!selectionSet || !read.beneath) return;
    const before = read.beneath.bytes;
    measure(selectionSet, field && getNamedType(field.type), read.beneath);
    sum.bytes += read.beneath.bytes - before;
  }

  const selected: Selected = { bytes: 0, fields: new Map() };
  for (const { selectionSet } of fieldNodes)
    if (selectionSet) measure(selectionSet, getNamedType(returnType), selected);
  if (fieldNodes.length === 1) measured.set(first, selected);
  return selected;
}

/** Counts the values of list literals in the arguments of a field. */
function countValues({ arguments: given = [] }: FieldNode): number {
  return given.reduce((sum, { value }) => sum + (value.kind === Kind.LIST ? value.values.length : 0), 0);
}

/** Returns the cost of a text in addition to its field. Other values are free. */
export function costOfText(value: unknown): number {
  return typeof value === 'string' ? COSTS.character * Math.max(0, value.length - FREE_CHARACTERS) : 0;
}

/**
 * Returns the highest cost of the result of a write, before the write: what is selected for each entry of the lists in
 * the arguments, and the texts of the arguments in each selected scalar.
 */
export function costOfWrite(args: object, selected: Selected): number {
  let [entries, texts] = [0, 0];
  function add(value: unknown): void {
    texts += costOfText(value);
    if (Array.isArray(value)) entries += value.length;
    if (typeof value === 'object' && value !== null) Object.values(value).forEach(add);
  }
  add(args);
  return Math.max(1, entries) * selected.bytes + texts * countScalars(selected);
}

function countScalars({ fields }: Selected): number {
  return fields.values().reduce((sum, { count, beneath }) => sum + (beneath ? countScalars(beneath) : count), 0);
}
