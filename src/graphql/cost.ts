/**
 * Estimates what a response costs. A cost of 1 is a byte that the response holds until it is sent, or about 20 ns of
 * work. docs/reliability.md says how the costs were measured.
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
import type { MemoryAccount } from '../memory.ts';
import { PublicError } from './errors.ts';
import { LIMITS, SIZES } from './limits.ts';

export const COSTS = {
  bytes: {
    /** A field of an entry, or a text in a list. Includes an alias of 16 characters and a text of 16. */
    field: 50,
    character: 3,
    /** A call of a resolver for an entry, or for a representation. */
    call: 1000,
    /** An error, without the names in its path, which cost as characters. */
    error: 1000,
  },
  /** Work that holds no memory. */
  time: {
    /** An entry of a list from which a resolver selects, or in which a loader searches. */
    scanned: 20,
    error: 2000,
  },
} as const;
const FREE_CHARACTERS = 16;
/** Longer lists are refused by the check of the arguments. */
const LONGEST_LIST = Math.max(...Object.values(SIZES).map((size) => ('entries' in size ? size.entries : 0)));

/** What is selected for one entry, skipped or not, up to fields that charge their own values. */
interface Selected {
  /** The cost without texts. Counts one entry of each list in the entry. */
  cost: number;
  /** The fields that are read from the entry: how often, and what is selected beneath. Each entry is read by them. */
  readonly fields: { readonly name: string; count: number; readonly beneath: Selected | undefined }[];
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
    sum.cost += COSTS.bytes.field + costOfText(node.alias?.value);
    // graphql copies the lists in the arguments for each entry.
    if (field?.resolve) {
      sum.cost += COSTS.bytes.call + COSTS.bytes.field * countValues(node);
      return;
    }
    const { value: name } = node.name;
    const known = sum.fields.find((read) => read.name === name);
    const read = known ?? { name, count: 0, beneath: node.selectionSet && { cost: 0, fields: [] } };
    if (!known) sum.fields.push(read);
    read.count++;
    const before = read.beneath?.cost ?? 0;
    if (read.beneath) measure(node, field && getNamedType(field.type), read.beneath);
    sum.cost += (read.beneath?.cost ?? 0) - before;
  }

  const selected: Selected = { cost: 0, fields: [] };
  for (const node of fieldNodes) measure(node, getNamedType(returnType), selected);
  measured.set(fieldNodes, selected);
  return selected;
}

/** Counts the values of list literals in the arguments of a field. */
function countValues({ arguments: given = [] }: FieldNode): number {
  return given.reduce((sum, { value }) => sum + (value.kind === Kind.LIST ? value.values.length : 0), 0);
}

/** Returns the cost of a text in addition to its field. Other values are free. */
function costOfText(value: unknown): number {
  return typeof value === 'string' ? COSTS.bytes.character * Math.max(0, value.length - FREE_CHARACTERS) : 0;
}

/** Returns the cost of the texts of a value, each as often as it is selected, and of the entries of lists in it. */
export function costOfTexts(value: unknown, selected: Selected): number {
  if (typeof value !== 'object' || value === null) return costOfText(value);
  let cost = 0;
  for (const { name, count, beneath } of selected.fields) {
    const member = (value as Record<string, unknown>)[name];
    if (Array.isArray(member)) {
      for (const entry of member) cost += count * ((beneath?.cost ?? COSTS.bytes.field) + costOfText(entry));
    } else if (beneath) cost += costOfTexts(member, beneath);
    else cost += count * costOfText(member);
  }
  return cost;
}

/**
 * Returns the highest cost of the result of a write, before the write: what is selected for each entry of the lists in
 * the arguments, and the texts of the arguments in each selected scalar.
 */
export function costOfWrite(args: object, selected: Selected): number {
  let [entries, texts] = [0, 0];
  function add(value: unknown): void {
    texts += costOfText(value);
    const list = Array.isArray(value) ? value.slice(0, LONGEST_LIST) : undefined;
    entries += list?.length ?? 0;
    if (typeof value === 'object' && value !== null) Object.values(list ?? value).forEach(add);
  }
  add(args);
  return Math.max(1, entries) * selected.cost + texts * countScalars(selected);
}

function countScalars({ fields }: Selected): number {
  return fields.reduce((sum, { count, beneath }) => sum + (beneath ? countScalars(beneath) : count), 0);
}

/** Creates the budget of one operation's response. */
export function createResponseBudget(operationMemory: MemoryAccount) {
  let left: number = LIMITS.responseCost;
  let errorsLeft: number = LIMITS.errors;
  /** The undecodable members that are shown, by the error that all of one reply share. */
  const members = new Map<Error, Set<string>>();

  return {
    /** Charges bytes, and time that holds no memory. Throws a `PublicError` if the response has no room. */
    charge(bytes: number, time = 0): void {
      if (bytes + time > left)
        throw new PublicError('BAD_USER_INPUT', 'The response would be too large. Request less.');
      if (!operationMemory.reserve(bytes, 'response'))
        throw new PublicError('UPSTREAM_UNAVAILABLE', 'Not enough memory for this response.');
      left -= bytes + time;
    },

    /** Charges an error at a path. Returns whether to show it: if it fits, or if it is the first that does not. */
    chargeError(path: GraphQLResolveInfo['path']): boolean {
      if (left < 0 || errorsLeft === 0) return false;
      errorsLeft--;
      const bytes = COSTS.bytes.error + COSTS.bytes.character * Math.max(0, lengthOf(path) - FREE_CHARACTERS);
      left -= bytes + COSTS.time.error;
      operationMemory.hold(bytes);
      return true;
    },

    /** Charges an undecodable member at a path. Returns whether to show its error. */
    chargeMember(error: Error, member: string, path: GraphQLResolveInfo['path']): boolean {
      const shown = members.get(error) ?? new Set();
      members.set(error, shown);
      if (shown.size < LIMITS.memberErrors) shown.add(member);
      return shown.has(member) && this.chargeError(path);
    },

    /** Returns the cost that was charged so far. */
    spent: () => LIMITS.responseCost - left,

    /** Returns whether no further error fits. */
    isFull: () => left < 0 || errorsLeft === 0,
  };
}

/** Returns the number of characters in the names and indexes of a path. */
function lengthOf({ prev, key }: GraphQLResolveInfo['path']): number {
  return String(key).length + (prev ? lengthOf(prev) : 0);
}
