/**
 * Limits the estimated size of a response, in bytes. A list or an entity is charged once, when it is resolved, for all
 * its fields. docs/reliability.md says how the charges were measured.
 */
import { type FieldNode, type GraphQLResolveInfo, Kind, responsePathAsArray, type SelectionSetNode } from 'graphql';
import type { Maintenance } from '../maintenance.ts';
import type { Share } from '../memory.ts';
import { Refusal } from './errors.ts';
import { LIMITS } from './limits.ts';

/** In bytes. */
export const COSTS = {
  /** Includes an alias of 16 characters, and an id, time or state of 70. Further characters are charged. */
  field: 50,
  character: 3,
  /** Without the keys of its path, which are charged as characters. */
  error: 3000,
  /** Each ticket of a list, even if it is filtered out. With `orderBy`, `orderedTicket` replaces it. */
  scannedTicket: 40,
  orderedTicket: 200,
  /** An entity, or the list `maintenances` inside an entity, in addition to the fields. */
  entity: 1000,
  /** The factor if the response has an inline trace (`ftv1`). */
  trace: 6,
  /** The cost for one byte of a turn of the event loop (turns.ts). A turn then takes about 10 ms. */
  turnByte: 10,
} as const;
const FREE = { alias: 16, value: 70 };
const TEXTS: ReadonlySet<string> = new Set(['description', 'contact', 'feedback', 'pictureUrls']);

/** The fields selected on one entry or entity, nested fields included: their cost, and how often each name occurs. */
interface Selected {
  bytes: number;
  readonly members: Map<string, number>;
}
// Measured once per list: graphql passes the same array of nodes for all its entries.
const measured = new WeakMap<readonly FieldNode[], Selected>();

/** Returns the fields selected below the current field, skipped or not. */
export function selectedBeneath({ fieldNodes, fragments }: GraphQLResolveInfo): Selected {
  const known = measured.get(fieldNodes);
  if (known) return known;
  const selected: Selected = { bytes: 0, members: new Map() };
  for (const { selectionSet } of fieldNodes) if (selectionSet) measure(selectionSet, fragments, selected);
  measured.set(fieldNodes, selected);
  return selected;
}

/** Adds up selections, with each fragment as often as it is spread. The rule in limits.ts has limited their number. */
function measure({ selections }: SelectionSetNode, fragments: GraphQLResolveInfo['fragments'], sum: Selected): void {
  for (const selection of selections) {
    const inside = selection.kind === Kind.FRAGMENT_SPREAD ? fragments[selection.name.value] : selection;
    if (selection.kind === Kind.FIELD) {
      const { name, alias } = selection;
      sum.bytes += COSTS.field + COSTS.character * Math.max(0, (alias?.value.length ?? 0) - FREE.alias);
      sum.members.set(name.value, (sum.members.get(name.value) ?? 0) + 1);
      if (name.value === 'maintenances') {
        // Its entries are charged when their number is known. graphql copies the lists in its arguments for each
        // parent.
        sum.bytes += COSTS.entity + COSTS.field * countValues(selection);
        continue;
      }
    }
    if (inside?.selectionSet) measure(inside.selectionSet, fragments, sum);
  }
}

/** Counts the values of list literals in the document. */
function countValues({ arguments: given = [] }: FieldNode): number {
  return given.reduce((sum, { value }) => sum + (value.kind === Kind.LIST ? value.values.length : 0), 0);
}

export type AnswerBudget = ReturnType<typeof createAnswerBudget>;
type Path = GraphQLResolveInfo['path'];

/** Creates the budget for the response of one operation. An inline trace repeats the path of each field. */
export function createAnswerBudget(share: Share, isTraced: boolean) {
  let left: number = LIMITS.answer;

  function toCost(bytes: number, path: Path): number {
    return bytes * (isTraced ? COSTS.trace + Math.floor(lengthOf(path) / COSTS.field) : 1);
  }

  return {
    /** Charges `bytes` for `path` and everything below. Returns the cost. Throws a `Refusal` if it exceeds the budget. */
    charge(bytes: number, path: Path): number {
      const cost = toCost(bytes, path);
      if (cost > left) throw new Refusal('BAD_USER_INPUT', 'The response would be too large. Request less.');
      if (!share.reserve(cost, 'answer')) {
        // Keep only the room for one error per representation, so that a refused operation stays cheap.
        left = Math.min(left, LIMITS.representations * COSTS.error);
        throw new Refusal('UPSTREAM_UNAVAILABLE', 'Not enough memory for this response.');
      }
      left -= cost;
      return cost;
    },

    /** Charges an error at `path`. Returns whether to show it: if it fits, or if it is the first that does not. */
    chargeError(path: Path): boolean {
      if (left < 0) return false;
      const cost = toCost(costOfError(path), path);
      left -= cost;
      share.hold(cost);
      return true;
    },

    /** Returns whether an error did not fit. */
    isFull: () => left < 0,
  };
}

/**
 * Runs a resolver and returns its error, which graphql then reports. Once an error had no room, returns null without
 * running it.
 */
export function withinBudget<T>(answer: AnswerBudget, info: GraphQLResolveInfo, resolve: () => T | Promise<T>) {
  const fail = (error: unknown) => (answer.chargeError(info.path) ? (error as never) : null);
  if (answer.isFull()) return null;
  try {
    const value = resolve();
    return value instanceof Promise ? value.catch(fail) : value;
  } catch (error) {
    return fail(error);
  }
}

/**
 * Charges the selected fields of tickets, their texts and their undecodable members. Returns the cost, and the tickets
 * with their undecodable members null, except for the first 20 of all tickets.
 */
export function chargeTickets(all: readonly Maintenance[], answer: AnswerBudget, info: GraphQLResolveInfo) {
  const { bytes, members } = selectedBeneath(info);
  // Before the texts are read, because most lists that are too large are refused here.
  const fields = answer.charge(all.length * bytes, info.path);
  let [cost, errors] = [0, 0];
  const tickets = all.map((ticket) => {
    let hidden: Record<string, null> | undefined;
    for (const [name, count] of members) {
      const member = ticket[name as keyof Maintenance];
      if (!(member instanceof Error)) cost += count * costOfText(name, member ?? '');
      else if (++errors > LIMITS.memberErrors) hidden = { ...hidden, [name]: null };
      else cost += count * costOfError(info.path);
    }
    return hidden ? { ...ticket, ...hidden } : ticket;
  });
  return { tickets, cost: fields + answer.charge(cost, info.path) };
}

function costOfError(path: Path): number {
  return COSTS.error + COSTS.character * lengthOf(path);
}

function lengthOf(path: Path): number {
  return responsePathAsArray(path).join('').length;
}

/** Returns the cost of a member's characters. Ids, times and states are free up to 70 characters. */
export function costOfText(name: string, value: string | readonly string[]): number {
  // Each text of a list is written like a field.
  if (typeof value !== 'string') return value.reduce((sum, text) => sum + COSTS.field + costOfText(name, text), 0);
  return COSTS.character * (TEXTS.has(name) ? value.length : Math.max(0, value.length - FREE.value));
}
