/**
 * Estimates what a response costs, in bytes: entries × selected fields, and the lengths of texts. Limits it by a budget.
 * docs/reliability.md says how the charges were measured.
 */
import {
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLResolveInfo,
  getNamedType,
  isObjectType,
  Kind,
  responsePathAsArray,
  type SelectionSetNode,
} from 'graphql';
import type { MemoryAccount } from '../memory.ts';
import { PublicError } from './errors.ts';
import { LIMITS } from './limits.ts';

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
/** The characters of a path that cost as much as a field once more if the response has an inline trace. */
const TRACED_PATH = 50;
const LONGEST_LIST = 1000;

/** What is selected for one entry, skipped or not, up to fields that charge their own values. */
export interface Selected {
  /** The cost without texts. Counts one entry of each list in the entry. */
  cost: number;
  /** The fields that are read from the entry, by name: how often, and what is selected beneath. */
  readonly fields: Map<string, { count: number; readonly beneath: Selected | undefined }>;
}

type Selecting = { readonly selectionSet?: SelectionSetNode | undefined };

// graphql passes the same array of nodes for all entries of a list.
const measured = new WeakMap<readonly FieldNode[], Selected>();

/** Returns what is selected beneath the current field. */
export function selectedBeneath({ fieldNodes, fragments, returnType, schema }: GraphQLResolveInfo): Selected {
  const known = measured.get(fieldNodes);
  if (known) return known;

  /** Adds up selections, with each fragment as often as it is spread. The rule in limits.ts has limited their number. */
  function measure({ selectionSet }: Selecting, type: GraphQLNamedType | undefined, sum: Selected): void {
    for (const node of selectionSet?.selections ?? []) {
      if (node.kind === Kind.FIELD)
        measureField(node, isObjectType(type) ? type.getFields()[node.name.value] : undefined, sum);
      else {
        const inside = node.kind === Kind.FRAGMENT_SPREAD ? fragments[node.name.value] : node;
        const condition = inside?.typeCondition?.name.value;
        measure(inside ?? {}, condition ? schema.getType(condition) : type, sum);
      }
    }
  }

  function measureField(node: FieldNode, field: GraphQLField<unknown, unknown> | undefined, sum: Selected): void {
    sum.cost += COSTS.field + costOfText(node.alias?.value);
    // Not by `resolve`, which Apollo Server gives every field for inline traces. graphql copies the lists in the arguments
    // of such a field for each entry.
    if (field?.extensions.isBounded) {
      sum.cost += COSTS.call + COSTS.field * countValues(node);
      return;
    }
    const beneath = node.selectionSet && { cost: 0, fields: new Map() };
    const read = sum.fields.get(node.name.value) ?? { count: 0, beneath };
    sum.fields.set(node.name.value, read);
    read.count++;
    const before = read.beneath?.cost ?? 0;
    if (read.beneath) measure(node, field && getNamedType(field.type), read.beneath);
    sum.cost += (read.beneath?.cost ?? 0) - before;
  }

  const selected: Selected = { cost: 0, fields: new Map() };
  for (const node of fieldNodes) measure(node, getNamedType(returnType), selected);
  measured.set(fieldNodes, selected);
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
    // Longer lists are refused by the check of the arguments.
    const list = Array.isArray(value) ? value.slice(0, LONGEST_LIST) : undefined;
    entries += list?.length ?? 0;
    if (typeof value === 'object' && value !== null) Object.values(list ?? value).forEach(add);
  }
  add(args);
  return Math.max(1, entries) * selected.cost + texts * countScalars(selected);
}

function countScalars({ fields }: Selected): number {
  return fields.values().reduce((sum, { count, beneath }) => sum + (beneath ? countScalars(beneath) : count), 0);
}

type Path = GraphQLResolveInfo['path'];

/** Creates the budget of one operation's response. An inline trace multiplies its cost: it repeats the path of each field. */
export function createResponseBudget(operationMemory: MemoryAccount, isTraced: boolean) {
  let left: number = LIMITS.responseCost;
  let errorsLeft: number = LIMITS.errors;

  function toCost(bytes: number, path: Path | undefined): number {
    return isTraced ? bytes * (COSTS.trace + Math.floor(textOf(path).length / TRACED_PATH)) : bytes;
  }

  return {
    /** Charges `bytes` at a path. Throws a `PublicError` if the response has no room. */
    charge(bytes: number, path?: Path): void {
      const cost = toCost(bytes, path);
      if (cost > left) throw new PublicError('BAD_USER_INPUT', 'The response would be too large. Request less.');
      if (!operationMemory.reserve(cost, 'answer'))
        throw new PublicError('UPSTREAM_UNAVAILABLE', 'Not enough memory for this response.');
      left -= cost;
    },

    /** Charges errors at a path. Returns whether to show them: if they fit, or if they are the first that do not. */
    chargeErrors(path: Path, count: number): boolean {
      if (left < 0 || count > errorsLeft) {
        errorsLeft = 0;
        return false;
      }
      const cost = toCost(count * (COSTS.error + costOfText(textOf(path))), path);
      errorsLeft -= count;
      left -= cost;
      operationMemory.hold(cost);
      return true;
    },

    /** Returns whether no further error fits. */
    isFull: () => left < 0 || errorsLeft === 0,
  };
}

function textOf(path: Path | undefined): string {
  return responsePathAsArray(path).join('');
}
