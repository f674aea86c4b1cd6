/**
 * The budget of an operation's response: the work that it takes to produce, and the memory that it holds.
 *
 * The model. The response is charged value by value, when a value is known and before graphql walks through it. A value
 * costs 1 µs for each field that is selected of each of its entries (20 µs if the field has a resolver), and 60 ns for each
 * character of an entry, as often as the most selected field of the entry is selected. A call of a reference resolver costs
 * 20 µs, an entry of a list that is searched 400 ns. A write is charged before it is sent, by its ids, because what tells its result is never refused after
 * it. What is charged since the last turn waits for the next one, unless it is small; the bytes are reserved when the turn
 * has come, so that who waits holds nothing of its response, and a crowd can wait.
 *
 * The numbers. A response may take 300 ms of work, which are the 15,000,000 units of 20 ns of docs/reliability.md, and has
 * at most a byte for each unit. None of the prices was measured by itself: with them, `npm run test:soak --
 * large-operations` and `hostile-callers` keep their bounds, and these two measure them again.
 *
 * What is refused: a value beyond the budget is `BAD_USER_INPUT`, one without memory `UPSTREAM_UNAVAILABLE`, both at its
 * field or entry.
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
import { NS_PER_MS } from '../resources/turns.ts';
import { LIMITS } from './limits.ts';

/** Work in nanoseconds. */
const WORK_NS = {
  /** A field of an entry, without its text. */
  field: 1000,
  character: 60,
  /** A call of a reference resolver, or of a resolver for an entry of a list. */
  call: 20_000,
  /** An entry of a list that is searched. It takes no memory. */
  searched: 400,
};
/** A response of so much work has at most a byte. */
const NS_PER_BYTE = 20;
/** A response that takes less waits for no turn. */
const SMALL_NS = 2 * NS_PER_MS;
/** The characters of an id that is not known yet: two ids of the command API, of 256 characters each. */
const ID_CHARACTERS = 512;

type Selected = ReturnType<typeof countSelected>;
export type ResponseBudget = ReturnType<typeof createResponseBudget>;

/** Creates the budget of an operation. Methods that charge throw a `PublicError` if there is no room. */
export function createResponseBudget({ account, signal, turns }: Scope) {
  let leftNs: number = LIMITS.responseNs;
  let sinceTurnNs = 0;
  // graphql passes the same array of nodes for all entries of a list.
  const selections = new Map<readonly FieldNode[], Selected>();

  function spend(workNs: number): void {
    if (workNs > leftNs) throw new PublicError('BAD_USER_INPUT', 'The response would be too large. Request less.');
    leftNs -= workNs;
  }

  function reserveBytesOf(workNs: number): void {
    if (!account.tryReserve(workNs / NS_PER_BYTE, 'response'))
      throw new PublicError('UPSTREAM_UNAVAILABLE', 'Not enough memory for this response.');
  }

  /** Returns the work of entries with this many characters in all. */
  function workOf(entries: number, characters: number, info: GraphQLResolveInfo): number {
    const selected = selections.get(info.fieldNodes) ?? countSelected(info);
    selections.set(info.fieldNodes, selected);
    return entries * selected.workNs + characters * selected.repeats * WORK_NS.character;
  }

  /** Waits for a turn for the work since the last one, unless that is small. The operation may end meanwhile. */
  async function waitForTurn(): Promise<void> {
    const workNs = sinceTurnNs;
    if (workNs <= SMALL_NS) return;
    // Before the wait: work of other fields meanwhile needs a further turn.
    sinceTurnNs = 0;
    await turns.wait(workNs, signal);
  }

  return {
    /** Charges the search of a list with so many entries. */
    chargeSearch(entries: number): void {
      spend(entries * WORK_NS.searched);
      sinceTurnNs += entries * WORK_NS.searched;
    },

    /** Waits for a turn before many calls. Each call asks for the end: an error here would null all data. */
    waitForCalls(calls: number): Promise<void> {
      sinceTurnNs += calls * WORK_NS.call;
      return waitForTurn();
    },

    /** Charges a call of a reference resolver, whose turn has come. */
    chargeCall(): void {
      spend(WORK_NS.call);
      reserveBytesOf(WORK_NS.call);
    },

    /** Charges an entry or a list of entries. Also throws if the operation has ended meanwhile. */
    async chargeValue(value: unknown, info: GraphQLResolveInfo): Promise<void> {
      if (value === null || value === undefined) return;
      const entries = Array.isArray(value) ? value : [value];
      const workNs = workOf(entries.length, entries.reduce(addCharacters, 0), info);
      spend(workNs);
      sinceTurnNs += workNs;
      await waitForTurn();
      throwIfEnded(signal);
      reserveBytesOf(workNs);
    },

    /**
     * Charges the result of a write, before it: an entry for each value of its longest list of arguments. They are not
     * checked yet, so each counts as a long id.
     */
    chargeWrite(args: object, info: GraphQLResolveInfo): void {
      const entries = Math.max(1, ...Object.values(args).map((one) => (Array.isArray(one) ? one.length : 1)));
      const workNs = workOf(entries, entries * ID_CHARACTERS, info);
      spend(workNs);
      sinceTurnNs += workNs;
      reserveBytesOf(workNs);
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
 * Returns what is selected of each entry of a field, skipped or not: the work of all fields, and how often the most
 * selected field of the entry itself is selected.
 */
function countSelected({ fieldNodes, fragments, schema }: GraphQLResolveInfo) {
  const own = new Map<string, number>();
  let workNs = 0;

  /** Counts each fragment as often as it is spread. The rule in limits.ts has limited their number. */
  function addWork(selectionSet: SelectionSetNode | undefined, isOwn: boolean): void {
    for (const node of selectionSet?.selections ?? []) {
      const isField = node.kind === Kind.FIELD;
      if (isField) {
        const { value: name } = node.name;
        workNs += node.selectionSet && isResolved(name, schema) ? WORK_NS.call : WORK_NS.field;
        // graphql copies the lists in the arguments for each entry.
        for (const { value } of node.arguments ?? [])
          if (value.kind === Kind.LIST) workNs += value.values.length * WORK_NS.field;
        if (isOwn && name !== '__typename') own.set(name, (own.get(name) ?? 0) + 1);
      }
      const inside = node.kind === Kind.FRAGMENT_SPREAD ? fragments[node.name.value] : node;
      addWork(inside?.selectionSet, isOwn && !isField);
    }
  }

  for (const { selectionSet } of fieldNodes) addWork(selectionSet, true);
  return { workNs, repeats: Math.max(1, ...own.values()) };
}

/** Returns whether a type has a resolver for a field of this name. */
function isResolved(name: string, schema: GraphQLSchema): boolean {
  return Object.values(schema.getTypeMap()).some((type) => isObjectType(type) && type.getFields()[name]?.resolve);
}
