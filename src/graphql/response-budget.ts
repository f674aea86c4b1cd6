/**
 * The budget of an operation's response: the work that it takes to produce, and the memory that it holds.
 *
 * The model. The response is charged value by value, when a value is known and before graphql walks through it. A unit
 * is 20 ns of work and a byte of memory. The wrapper around a resolver asks for the price of its value:
 *
 * - 50 for each field that is selected of each entry, or 1,000 if the field has a resolver
 * - 3 for each character of an entry, times the aliases of the field of the entry that has most of them
 * - 1,000 for a call of a reference resolver, and 20 for an entry of a list that is searched
 *
 * A write is charged by its ids before it is sent, because a later refusal would hide its result. A large value waits
 * for a turn after it is charged. Its bytes are reserved when the turn has come, so that an operation that waits holds
 * nothing of its response, and a crowd can wait.
 *
 * The numbers. A response may take 15,000,000 units. The prices were not measured one by one. With them,
 * `npm run test:soak -- large-operations` and `hostile-callers` keep their bounds, and these two measure them again.
 *
 * What is refused: a value beyond the budget is `BAD_USER_INPUT`, one without memory `UPSTREAM_UNAVAILABLE`, both at
 * its field or entry.
 */
import {
  type FieldNode,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { throwIfEnded } from '../command-api/failures.ts';
import { PublicError } from '../errors/public-error.ts';
import type { Scope } from '../resources/scope.ts';
import { LIMITS } from './limits.ts';

/** Prices in units. */
const UNITS = {
  /** A field of an entry, without its text. */
  field: 50,
  character: 3,
  /** A call of a reference resolver, or of a resolver for an entry of a list. */
  call: 1000,
  /** An entry of a list that is searched. It takes no memory. */
  searched: 20,
};
const UNIT_NS = 20;
/** What takes less waits for no turn. */
const SMALL = 100_000;
/** The characters of an id that is not known yet: two ids of the command API, of 256 characters each. */
const ID_CHARACTERS = 512;

type Selected = ReturnType<typeof countSelected>;
export type ResponseBudget = ReturnType<typeof createResponseBudget>;

/** Creates the budget of an operation. Methods that charge throw a `PublicError` if there is no room. */
export function createResponseBudget({ account, signal, turns }: Scope) {
  let left: number = LIMITS.responseUnits;
  let sinceTurn = 0;
  // graphql passes the same array of nodes for all entries of a list.
  const selections = new Map<readonly FieldNode[], Selected>();

  function spend(units: number): void {
    if (units > left) throw new PublicError('BAD_USER_INPUT', 'The response would be too large. Request less.');
    left -= units;
  }

  function reserve(units: number): void {
    if (!account.tryReserve(units, 'response'))
      throw new PublicError('UPSTREAM_UNAVAILABLE', 'Not enough memory for this response.');
  }

  /** Returns the units of entries with this many characters in all. */
  function unitsOf(entries: number, characters: number, info: GraphQLResolveInfo): number {
    const selected = selections.get(info.fieldNodes) ?? countSelected(info);
    selections.set(info.fieldNodes, selected);
    return entries * selected.units + characters * selected.repeats * UNITS.character;
  }

  /** Waits for a turn for the work since the last one, unless that is small. The operation may end meanwhile. */
  async function waitForTurn(): Promise<void> {
    const units = sinceTurn;
    if (units <= SMALL) return;
    // Before the wait: work of other fields meanwhile needs a further turn.
    sinceTurn = 0;
    await turns.wait(units * UNIT_NS, signal);
  }

  return {
    /** Charges the search of a list with this many entries. */
    chargeSearch(entries: number): void {
      spend(entries * UNITS.searched);
      sinceTurn += entries * UNITS.searched;
    },

    /** Waits for a turn before many calls. Each call asks for the end: an error here would null all data. */
    waitForCalls(calls: number): Promise<void> {
      sinceTurn += calls * UNITS.call;
      return waitForTurn();
    },

    /** Charges a call of a reference resolver, whose turn has come. */
    chargeCall(): void {
      spend(UNITS.call);
      reserve(UNITS.call);
    },

    /** Charges an entry or a list of entries. Also throws if the operation has ended meanwhile. */
    async chargeValue(value: unknown, info: GraphQLResolveInfo): Promise<void> {
      if (value === null || value === undefined) return;
      const entries = Array.isArray(value) ? value : [value];
      const units = unitsOf(entries.length, entries.reduce(addCharacters, 0), info);
      spend(units);
      sinceTurn += units;
      await waitForTurn();
      throwIfEnded(signal);
      reserve(units);
    },

    /**
     * Charges the result of a write, before it: an entry for each value of its longest list of arguments. They are not
     * checked yet, so each counts as a long id.
     */
    chargeWrite(args: object, info: GraphQLResolveInfo): void {
      const entries = Math.max(1, ...Object.values(args).map((one) => (Array.isArray(one) ? one.length : 1)));
      const units = unitsOf(entries, entries * ID_CHARACTERS, info);
      spend(units);
      sinceTurn += units;
      reserve(units);
    },
  };
}

/**
 * Adds the characters of an entry, or of a text. Throws for an entry that does not tell them: it would cost nothing, or
 * everything.
 */
export function addCharacters(sum: number, entry: unknown): number {
  if (typeof entry !== 'object' || entry === null) return sum + String(entry ?? '').length;
  const { characters } = entry as { readonly characters?: number };
  if (!Number.isFinite(characters)) throw new TypeError('An entry does not tell its characters.');
  return sum + Number(characters);
}

/**
 * Returns what each entry of a field costs: the units of all its fields, and how many aliases the field of the entry
 * has that has most of them. Skipped fields count too.
 */
function countSelected({ fieldNodes, fragments, schema }: GraphQLResolveInfo) {
  const own = new Map<string, number>();
  let units = 0;

  /** Counts each fragment as often as it is spread. The rule in limits.ts has limited their number. */
  function addUnits(selectionSet: SelectionSetNode | undefined, isOwn: boolean): void {
    for (const node of selectionSet?.selections ?? []) {
      const isField = node.kind === Kind.FIELD;
      if (isField) {
        const { value: name } = node.name;
        units += node.selectionSet && isResolved(name, schema) ? UNITS.call : UNITS.field;
        // graphql copies the lists in the arguments for each entry.
        for (const { value } of node.arguments ?? [])
          if (value.kind === Kind.LIST) units += value.values.length * UNITS.field;
        if (isOwn && name !== '__typename') own.set(name, (own.get(name) ?? 0) + 1);
      }
      const inside = node.kind === Kind.FRAGMENT_SPREAD ? fragments[node.name.value] : node;
      addUnits(inside?.selectionSet, isOwn && !isField);
    }
  }

  for (const { selectionSet } of fieldNodes) addUnits(selectionSet, true);
  return { units, repeats: Math.max(1, ...own.values()) };
}

/** Returns whether a type has a resolver for a field of this name. */
function isResolved(name: string, schema: GraphQLSchema): boolean {
  return Object.values(schema.getTypeMap()).some((type) => isObjectType(type) && type.getFields()[name]?.resolve);
}
