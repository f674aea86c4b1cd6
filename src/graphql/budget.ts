/**
 * The budget of one operation's response: the work and the memory that it takes, and its errors.
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
import type { Holding } from '../memory.ts';
import type { OwnTurns } from '../turns.ts';
import { PublicError } from './errors.ts';
import { LIMITS } from './limits.ts';

/** A unit of work takes 20 ns, and a response of so much work at most so many bytes. */
const WORK = {
  /** A field of an entry, without its text. */
  field: 50,
  character: 3,
  /** A call of a reference resolver, or of a resolver for an entry of a list. */
  call: 1000,
  /** An entry of a list that is searched. It takes no memory. */
  searched: 20,
};
const ERROR_BYTES = 1000;
/** 2 ms. A response that takes less waits for no turn. */
const SMALL_WORK = 100_000;
/** An id in the schema may hold two of the command API, of 256 each. */
const ID_CHARACTERS = 512;

/** Room for an error: the last one that is shown, of a response or of the members of a reply, says that others may be missing. */
export type ErrorRoom = 'for more' | 'for the last';

/** What is selected of each entry. */
interface Selected {
  /** The work of all fields. */
  readonly work: number;
  /** How often the most selected field of the entry itself is selected. */
  readonly repeats: number;
}

/**
 * Creates the budget of an operation, which ends with `signal`. Without room for work or memory, its methods throw a
 * `PublicError`.
 */
export function createBudget(holding: Holding, turns: OwnTurns, signal: AbortSignal) {
  let workLeft: number = LIMITS.responseWork;
  let workSinceTurn = 0;
  let errorsLeft: number = LIMITS.errors;
  // graphql passes the same array of nodes for all entries of a list.
  const selections = new Map<readonly FieldNode[], Selected>();
  /** The undecodable members that are shown, numbered, by the error that all of one reply share. */
  const members = new Map<Error, Map<string, number>>();

  function chargeWork(work: number): void {
    if (work > workLeft) throw new PublicError('BAD_USER_INPUT', 'The response would be too large. Request less.');
    workLeft -= work;
    workSinceTurn += work;
  }

  function holdBytes(bytes: number): void {
    if (!holding.reserve(bytes, 'response'))
      throw new PublicError('UPSTREAM_UNAVAILABLE', 'Not enough memory for this response.');
  }

  function charge(work: number): void {
    chargeWork(work);
    holdBytes(work);
  }

  /** Returns the work of entries with so many characters in all. */
  function workOf(entries: number, characters: number, info: GraphQLResolveInfo): number {
    const selected = selections.get(info.fieldNodes) ?? countSelected(info);
    selections.set(info.fieldNodes, selected);
    return entries * selected.work + characters * selected.repeats * WORK.character;
  }

  /** Waits for a turn, unless the work since the last one and the work to come are small. */
  async function waitForTurn(coming = 0): Promise<void> {
    const work = workSinceTurn + coming;
    if (work <= SMALL_WORK) return;
    workSinceTurn = 0;
    await turns.take(work);
  }

  /** Charges an error. Returns undefined if the response has no room for it. */
  function chargeError(): ErrorRoom | undefined {
    if (errorsLeft === 0) return undefined;
    errorsLeft--;
    holding.hold(ERROR_BYTES);
    return errorsLeft === 0 ? 'for the last' : 'for more';
  }

  return {
    /** Charges the search of a list. */
    chargeSearch: (entries: number) => chargeWork(entries * WORK.searched),

    /** Waits for a turn before many calls. */
    waitForCalls: (calls: number) => waitForTurn(calls * WORK.call),

    /** Charges the call of a reference resolver. */
    chargeCall: () => charge(WORK.call),

    /**
     * Charges an entry or a list of entries. Takes its memory when its turn has come: who waits holds nothing of the
     * response, so a crowd can wait.
     */
    async chargeValue(value: unknown, info: GraphQLResolveInfo): Promise<void> {
      if (value === null || value === undefined) return;
      const entries = Array.isArray(value) ? value : [value];
      const work = workOf(entries.length, entries.reduce(addSize, 0), info);
      chargeWork(work);
      await waitForTurn();
      throwIfEnded(signal);
      holdBytes(work);
    },

    /**
     * Charges the result of a write, before it: an entry for each value of its longest list of arguments. They are not checked
     * yet, so each counts as a long id.
     */
    chargeWrite(args: object, info: GraphQLResolveInfo): void {
      const entries = Math.max(1, ...Object.values(args).map((one) => (Array.isArray(one) ? one.length : 1)));
      charge(workOf(entries, entries * ID_CHARACTERS, info));
    },

    chargeError,

    /** Charges an undecodable member. Returns undefined if the response has no room for its error. */
    chargeMember(error: Error, member: string): ErrorRoom | undefined {
      const shown = members.get(error) ?? new Map<string, number>();
      members.set(error, shown);
      const index = shown.get(member) ?? shown.size;
      if (index === LIMITS.memberErrors) return undefined;
      shown.set(member, index);
      const room = chargeError();
      return room && index === LIMITS.memberErrors - 1 ? 'for the last' : room;
    },

    /** Returns whether no further error fits. */
    hasNoErrorsLeft: () => errorsLeft === 0,
  };
}

/** Adds the characters of an entry, or of a text. Throws for an entry without a size: it would cost nothing, or everything. */
function addSize(sum: number, entry: unknown): number {
  if (typeof entry !== 'object' || entry === null) return sum + String(entry ?? '').length;
  const { size } = entry as { readonly size?: number };
  if (!Number.isFinite(size)) throw new TypeError('An entry has no size.');
  return sum + Number(size);
}

/** Counts what is selected beneath a field, skipped or not. */
function countSelected({ fieldNodes, fragments, schema }: GraphQLResolveInfo): Selected {
  const own = new Map<string, number>();
  let work = 0;

  /** Counts each fragment as often as it is spread. The rule in limits.ts has limited their number. */
  function count(selectionSet: SelectionSetNode | undefined, isOwn: boolean): void {
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
      count(inside?.selectionSet, isOwn && !isField);
    }
  }

  for (const { selectionSet } of fieldNodes) count(selectionSet, true);
  return { work, repeats: Math.max(1, ...own.values()) };
}

/** Returns whether a type has a resolver for a field of this name. */
function isResolved(name: string, schema: GraphQLSchema): boolean {
  return Object.values(schema.getTypeMap()).some((type) => isObjectType(type) && type.getFields()[name]?.resolve);
}
