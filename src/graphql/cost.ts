/**
 * Estimates what a response costs: the bytes that it holds until it is sent, and its work. docs/reliability.md has an
 * example.
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
import type { OperationAccount } from '../memory.ts';
import { PRICES, type Price } from '../prices.ts';
import { PublicError, refuseIfCancelled } from './errors.ts';
import { LIMITS, SIZES } from './limits.ts';

/** Characters of an alias or a text that the price of its field includes. */
const FREE_CHARACTERS = 16;
/** Longer lists are refused by the check of the arguments. */
const LONGEST_LIST = Math.max(...Object.values(SIZES).map((size) => ('entries' in size ? size.entries : 0)));

/** The fields that are read from an entry: how often, and what is selected beneath. */
type Fields = { readonly name: string; count: number; readonly beneath: Fields | undefined }[];

/** What is selected for one entry, skipped or not, up to fields that charge their own values. */
interface Selected {
  /** The cost without texts and entries of lists in the entry. */
  readonly cost: Price;
  readonly fields: Fields;
}

type Selecting = { readonly selectionSet?: SelectionSetNode | undefined };

// graphql passes the same array of nodes for all entries of a list.
const measured = new WeakMap<readonly FieldNode[], Selected>();

/** Returns what is selected beneath the current field. */
export function selectedBeneath({ fieldNodes, fragments, returnType, schema }: GraphQLResolveInfo): Selected {
  const known = measured.get(fieldNodes);
  if (known) return known;
  const cost = nothing();

  /** Adds up selections, with each fragment as often as it is spread. The rule in limits.ts has limited their number. */
  function measure({ selectionSet }: Selecting, type: GraphQLNamedType | undefined, fields: Fields): void {
    for (const node of selectionSet?.selections ?? []) {
      if (node.kind === Kind.FIELD)
        measureField(node, isObjectType(type) ? type.getFields()[node.name.value] : undefined, fields);
      else {
        const inside = node.kind === Kind.FRAGMENT_SPREAD ? fragments[node.name.value] : node;
        const condition = inside?.typeCondition?.name.value;
        measure(inside ?? {}, condition ? schema.getType(condition) : type, fields);
      }
    }
  }

  function measureField(node: FieldNode, field: GraphQLField<unknown, unknown> | undefined, fields: Fields): void {
    add(cost, PRICES.field);
    addText(cost, node.alias?.value);
    if (field?.resolve) {
      add(cost, PRICES.call);
      // graphql copies the lists in the arguments for each entry.
      add(cost, PRICES.field, countValues(node));
      return;
    }
    const { value: name } = node.name;
    const known = fields.find((read) => read.name === name);
    const read = known ?? { name, count: 0, beneath: node.selectionSet && [] };
    if (!known) fields.push(read);
    read.count++;
    if (read.beneath) measure(node, field && getNamedType(field.type), read.beneath);
  }

  const selected: Selected = { cost, fields: [] };
  for (const node of fieldNodes) measure(node, getNamedType(returnType), selected.fields);
  measured.set(fieldNodes, selected);
  return selected;
}

/** Counts the values of list literals in the arguments of a field. */
function countValues({ arguments: given = [] }: FieldNode): number {
  return given.reduce((sum, { value }) => sum + (value.kind === Kind.LIST ? value.values.length : 0), 0);
}

const nothing = (): Price => ({ bytes: 0, work: 0 });

function add(sum: Price, { bytes, work }: Price, count = 1): void {
  sum.bytes += count * bytes;
  sum.work += count * work;
}

/** Adds a text, in addition to its field. Other values are free. */
function addText(sum: Price, value: unknown, count = 1): void {
  if (typeof value === 'string') add(sum, PRICES.character, count * Math.max(0, value.length - FREE_CHARACTERS));
}

/** Adds the texts of an entry, each as often as it is selected, and the entries of lists in it. */
function addTexts(sum: Price, entry: unknown, fields: Fields): void {
  // Only the SDL is not an object.
  addText(sum, entry);
  for (const { name, count, beneath } of fields) {
    const member = (entry as Record<string, unknown> | null)?.[name];
    if (beneath) addTexts(sum, member, beneath);
    else if (Array.isArray(member)) {
      add(sum, PRICES.field, count * member.length);
      for (const text of member) addText(sum, text, count);
    } else addText(sum, member, count);
  }
}

/** Returns the cost of entries. Reads their texts only if their fields take at most `mostWork`. */
export function costOfEntries(entries: readonly unknown[], selected: Selected, mostWork: number): Price {
  const sum = nothing();
  add(sum, selected.cost, entries.length);
  if (sum.work <= mostWork) for (const entry of entries) addTexts(sum, entry, selected.fields);
  return sum;
}

/**
 * Returns the highest cost of the result of a write, before the write: what is selected for each entry of the lists in
 * the arguments, and the texts of the arguments in each selected scalar.
 */
export function costOfWrite(args: object, selected: Selected): Price {
  const sum = nothing();
  let entries = 0;
  const scalars = countScalars(selected.fields);
  function count(value: unknown): void {
    addText(sum, value, scalars);
    const list = Array.isArray(value) ? value.slice(0, LONGEST_LIST) : undefined;
    entries += list?.length ?? 0;
    if (typeof value === 'object' && value !== null) Object.values(list ?? value).forEach(count);
  }
  count(args);
  add(sum, selected.cost, Math.max(1, entries));
  return sum;
}

function countScalars(fields: Fields): number {
  return fields.reduce((sum, { count, beneath }) => sum + (beneath ? countScalars(beneath) : count), 0);
}

/** Creates the budget of one operation's response. Its bytes belong to the operation, which ends with `signal`. */
export function createResponseBudget(operationMemory: OperationAccount, signal: AbortSignal) {
  let left: number = LIMITS.responseWork;
  let errorsLeft: number = LIMITS.errors;
  /** The undecodable members that are shown, by the error that all of one reply share. */
  const members = new Map<Error, Set<string>>();

  function requireRoom(hasRoom: boolean): void {
    if (hasRoom) return;
    refuseIfCancelled(signal);
    throw new PublicError('UPSTREAM_UNAVAILABLE', 'Not enough memory for this response.');
  }

  return {
    /** Charges work. Throws a `PublicError` if it is too much for one response. */
    chargeWork(work: number): void {
      if (work > left) throw new PublicError('BAD_USER_INPUT', 'The response would be too large. Request less.');
      left -= work;
    },

    /** Charges work and bytes. Throws a `PublicError` without room, or returns a promise if they may and must wait. */
    charge({ bytes, work }: Price, mayWait = false): Promise<void> | undefined {
      this.chargeWork(work);
      if (bytes === 0) return undefined;
      const hasRoom = mayWait
        ? operationMemory.reserveOrWait(bytes, signal)
        : operationMemory.reserve(bytes, 'response');
      if (typeof hasRoom !== 'boolean') return hasRoom.then(requireRoom);
      requireRoom(hasRoom);
      return undefined;
    },

    /** Charges an error at a path. Returns whether to show it: if it fits, or if it is the first that does not. */
    chargeError(path: GraphQLResolveInfo['path']): boolean {
      if (left < 0 || errorsLeft === 0) return false;
      errorsLeft--;
      const characters = Math.max(0, lengthOf(path) - FREE_CHARACTERS);
      left -= PRICES.error.work + characters * PRICES.character.work;
      operationMemory.hold(PRICES.error.bytes + characters * PRICES.character.bytes);
      return true;
    },

    /** Charges an undecodable member at a path. Returns whether to show its error. */
    chargeMember(error: Error, member: string, path: GraphQLResolveInfo['path']): boolean {
      const shown = members.get(error) ?? new Set();
      members.set(error, shown);
      if (shown.size < LIMITS.memberErrors) shown.add(member);
      return shown.has(member) && this.chargeError(path);
    },

    /** Returns the work that is left. */
    left: () => left,

    /** Returns whether no further error fits. */
    isFull: () => left < 0 || errorsLeft === 0,
  };
}

/** Returns the number of characters in the names and indexes of a path. */
function lengthOf({ prev, key }: GraphQLResolveInfo['path']): number {
  return String(key).length + (prev ? lengthOf(prev) : 0);
}
