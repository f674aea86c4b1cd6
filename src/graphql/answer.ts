/**
 * What an answer costs, in bytes: charged once where a list or an entity is resolved or an error arises, and not while fields
 * are. docs/reliability.md says how the charges were measured.
 */
import { type FieldNode, type GraphQLResolveInfo, Kind, type SelectionSetNode } from 'graphql';
import type { Maintenance } from '../maintenance.ts';
import type { Share } from '../memory.ts';
import { Refusal } from './errors.ts';
import { LIMITS } from './limits.ts';

/** In bytes. */
export const COSTS = {
  /** With an alias of 16 characters and an id of 70. Further ones cost as characters. */
  field: 50,
  character: 3,
  /** With its path, of which the keys cost as characters. */
  error: 3000,
  /** Each ticket of a list that is filtered and sliced, whether it is selected or not; and of one that is ordered. */
  scannedTicket: 40,
  orderedTicket: 200,
  /** An entity, or a list inside another, beside its fields. */
  entity: 1000,
  /** How many times as much all of it costs with an inline trace. */
  trace: 6,
} as const;
const FREE = { alias: 16, id: 70 };
const TEXTS: ReadonlySet<string> = new Set(['description', 'contact', 'feedback', 'pictureUrls']);

/** What is selected of one entry or entity: the cost of its fields, and how often each name is there under any alias. */
interface Selected {
  bytes: number;
  readonly members: Map<string, number>;
}
// graphql makes one array of nodes for all entries of a list.
const measured = new WeakMap<readonly FieldNode[], Selected>();

/** What is selected beneath the field that is being resolved, whatever `@skip` and `@include` say. */
export function selectedBeneath({ fieldNodes, fragments }: GraphQLResolveInfo): Selected {
  const known = measured.get(fieldNodes);
  if (known) return known;
  const selected: Selected = { bytes: 0, members: new Map() };
  for (const { selectionSet } of fieldNodes) if (selectionSet) measure(selectionSet, fragments, selected);
  measured.set(fieldNodes, selected);
  return selected;
}

/** Adds up selections, each fragment as often as it is spread, which a rule has bounded before. */
function measure({ selections }: SelectionSetNode, fragments: GraphQLResolveInfo['fragments'], sum: Selected): void {
  for (const selection of selections) {
    const inside = selection.kind === Kind.FRAGMENT_SPREAD ? fragments[selection.name.value] : selection;
    if (selection.kind === Kind.FIELD) {
      const { name, alias } = selection;
      sum.bytes += COSTS.field + COSTS.character * Math.max(0, (alias?.value.length ?? 0) - FREE.alias);
      sum.members.set(name.value, (sum.members.get(name.value) ?? 0) + 1);
      if (name.value === 'maintenances') {
        // Its entries are charged where it is known how many they are. graphql reads its arguments for each parent.
        sum.bytes += COSTS.entity + COSTS.field * countValues(selection);
        continue;
      }
    }
    if (inside?.selectionSet) measure(inside.selectionSet, fragments, sum);
  }
}

/** The values of lists that stand in the document. */
function countValues({ arguments: given = [] }: FieldNode): number {
  return given.reduce((sum, { value }) => sum + (value.kind === Kind.LIST ? value.values.length : 0), 0);
}

export type AnswerBudget = ReturnType<typeof createAnswerBudget>;
type Path = GraphQLResolveInfo['path'];

/** The budget for the answer of one operation. An inline trace repeats the path of each field. */
export function createAnswerBudget(share: Share, isTraced: boolean) {
  let left: number = LIMITS.answer;
  let isFull = false;

  function toCost(bytes: number, path: Path): number {
    return bytes * (isTraced ? COSTS.trace + Math.floor(lengthOf(path) / COSTS.field) : 1);
  }

  return {
    /** Charges what is at or beneath `path`. Throws a `Refusal` where it has no room. */
    charge(bytes: number, path: Path): void {
      const cost = toCost(bytes, path);
      if (cost > left) throw new Refusal('BAD_USER_INPUT', 'The answer would be too large with this. Ask for less.');
      if (!share.reserve(cost, 'answer')) {
        // As many errors as representations have room then, so that what is refused costs little.
        left = Math.min(left, LIMITS.representations * COSTS.error);
        throw new Refusal('UPSTREAM_UNAVAILABLE', 'No memory is left for this answer.');
      }
      left -= cost;
    },

    /** Charges an error at `path`. False where there is no room, except for the first. */
    chargeError(path: Path): boolean {
      const cost = toCost(costOfError(path), path);
      const fits = cost <= left;
      const isShown = fits || !isFull;
      isFull ||= !fits;
      if (fits) {
        left -= cost;
        share.hold(cost);
      }
      return isShown;
    },

    /** Whether an error had no room. */
    isFull: () => isFull,
  };
}

/** Fails as `resolve` does, as long as there is room for errors. What fails then is null. graphql throws an Error that it is given. */
export function withinBudget<T>(
  answer: AnswerBudget,
  { path }: GraphQLResolveInfo,
  resolve: () => T | Promise<T>,
): T | null | Promise<T | null> {
  const fail = (error: unknown) => (answer.chargeError(path) ? (error as never) : null);
  if (answer.isFull()) return null;
  try {
    const value = resolve();
    return value instanceof Promise ? value.catch(fail) : value;
  } catch (error) {
    return fail(error);
  }
}

/**
 * Charges what is selected of tickets, their texts and their undecodable members. Returns them with all of these null but the
 * first 20.
 */
export function chargeTickets(
  tickets: readonly Maintenance[],
  answer: AnswerBudget,
  info: GraphQLResolveInfo,
): Maintenance[] {
  const { bytes, members } = selectedBeneath(info);
  let [cost, errors, errorCost] = [tickets.length * bytes, 0, 0];
  const charged = tickets.map((ticket) => {
    let shown = ticket as Maintenance & Record<string, unknown>;
    for (const [name, count] of members) {
      const member = ticket[name as keyof Maintenance];
      if (!(member instanceof Error)) cost += count * costOfText(name, member ?? '');
      else if (++errors > LIMITS.memberErrors) {
        if (shown === ticket) shown = { ...ticket };
        shown[name] = null;
      } else {
        errorCost ||= costOfError(info.path);
        cost += count * errorCost;
      }
    }
    return shown;
  });
  answer.charge(cost, info.path);
  return charged;
}

function costOfError(path: Path): number {
  return COSTS.error + COSTS.character * lengthOf(path);
}

function lengthOf(path: Path): number {
  let length = 0;
  for (let part: Path | undefined = path; part; part = part.prev) length += String(part.key).length;
  return length;
}

/** What the characters of a member cost beside its field; those of an id, a time or a state only if it is long. */
export function costOfText(name: string, value: string | readonly string[]): number {
  // Each of a list is written like a field.
  if (typeof value !== 'string') return value.reduce((sum, text) => sum + COSTS.field + costOfText(name, text), 0);
  return COSTS.character * (TEXTS.has(name) ? value.length : Math.max(0, value.length - FREE.id));
}
