/**
 * The budget of one operation's response: the work and the memory that it takes, and its errors.
 */
import type { FieldNode, GraphQLResolveInfo } from 'graphql';
import { throwIfEnded } from '../command-api/failures.ts';
import type { Lease } from '../lease.ts';
import { WORK_PER_MS } from '../turns.ts';
import { PublicError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { addSize, countSelected, type Selected, WORK } from './price.ts';

/** Bytes of an error with its message, path and extensions: an estimate, see docs/decisions.md. */
const ERROR_BYTES = 1000;
/** A response that takes less waits for no turn. */
const SMALL_WORK = 2 * WORK_PER_MS;
/** A long id: two of the command API, of 256 characters each. */
const ID_CHARACTERS = 512;

/**
 * Room for an error: the last one that is shown, of a response or of the members of a reply, says that others may be
 * missing.
 */
export type ErrorRoom = 'for more' | 'for the last';

/** Creates the budget of an operation. Methods that charge work throw a `PublicError` if there is no room. */
export function createBudget(lease: Lease) {
  let workLeft: number = LIMITS.responseWork;
  let workSinceTurn = 0;
  let errorsLeft: number = LIMITS.errors;
  // graphql passes the same array of nodes for all entries of a list.
  const selections = new Map<readonly FieldNode[], Selected>();
  /** The undecodable members that are shown, numbered, by the error that all of one reply share. */
  const members = new Map<Error, Map<string, number>>();

  function spend(work: number): void {
    if (work > workLeft) throw new PublicError('BAD_USER_INPUT', 'The response would be too large. Request less.');
    workLeft -= work;
  }

  /** Charges work that still needs a turn. */
  function chargeWork(work: number): void {
    spend(work);
    workSinceTurn += work;
  }

  /** A response of so much work takes at most as many bytes. */
  function reserveBytesOf(work: number): void {
    if (!lease.bytes.reserve(work, 'response'))
      throw new PublicError('UPSTREAM_UNAVAILABLE', 'Not enough memory for this response.');
  }

  /** Returns the work of entries with this many characters in all. */
  function workOf(entries: number, characters: number, info: GraphQLResolveInfo): number {
    const selected = selections.get(info.fieldNodes) ?? countSelected(info);
    selections.set(info.fieldNodes, selected);
    return entries * selected.work + characters * selected.repeats * WORK.character;
  }

  /** Waits for a turn for the work since the last one, unless that is small. The operation may end meanwhile. */
  async function waitForTurn(): Promise<void> {
    const work = workSinceTurn;
    if (work <= SMALL_WORK) return;
    // Before the wait: work of other fields meanwhile needs a further turn.
    workSinceTurn = 0;
    await lease.turn(work);
  }

  /** Charges an error. Returns undefined if the response has no room for it. */
  function chargeError(): ErrorRoom | undefined {
    if (errorsLeft === 0) return undefined;
    errorsLeft--;
    lease.bytes.hold(ERROR_BYTES);
    return errorsLeft === 0 ? 'for the last' : 'for more';
  }

  return {
    /** Charges the search of a list, which takes no memory. */
    chargeSearch: (entries: number) => chargeWork(entries * WORK.searched),

    /** Waits for a turn before many calls. Each call asks for the end: an error here would null all data. */
    waitForCalls(calls: number): Promise<void> {
      workSinceTurn += calls * WORK.call;
      return waitForTurn();
    },

    /** Charges a call of a reference resolver, whose turn has come. */
    chargeCall(): void {
      spend(WORK.call);
      reserveBytesOf(WORK.call);
    },

    /**
     * Charges an entry or a list of entries. Also throws if the operation has ended meanwhile. Takes its memory when
     * its turn has come: who waits holds nothing of the response, so a crowd can wait.
     */
    async chargeValue(value: unknown, info: GraphQLResolveInfo): Promise<void> {
      if (value === null || value === undefined) return;
      const entries = Array.isArray(value) ? value : [value];
      const work = workOf(entries.length, entries.reduce(addSize, 0), info);
      chargeWork(work);
      await waitForTurn();
      throwIfEnded(lease.signal);
      reserveBytesOf(work);
    },

    /**
     * Charges the result of a write, before it: an entry for each value of its longest list of arguments. They are not
     * checked yet, so each counts as a long id.
     */
    chargeWrite(args: object, info: GraphQLResolveInfo): void {
      const entries = Math.max(1, ...Object.values(args).map((one) => (Array.isArray(one) ? one.length : 1)));
      const work = workOf(entries, entries * ID_CHARACTERS, info);
      chargeWork(work);
      reserveBytesOf(work);
    },

    chargeError,

    /** Charges an undecodable member. Returns undefined if the response has no room for its error. */
    chargeMember(error: Error, entryAndField: string): ErrorRoom | undefined {
      const shown = members.get(error) ?? new Map<string, number>();
      members.set(error, shown);
      const index = shown.get(entryAndField) ?? shown.size;
      if (index === LIMITS.memberErrors) return undefined;
      shown.set(entryAndField, index);
      const room = chargeError();
      return room && index === LIMITS.memberErrors - 1 ? 'for the last' : room;
    },

    hasNoErrorsLeft: () => errorsLeft === 0,
  };
}
