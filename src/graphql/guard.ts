/**
 * Guards resolvers: charges what a response costs, and makes every error public. Resolvers know nothing of it.
 */
import { type GraphQLFieldResolver, type GraphQLResolveInfo, OperationTypeNode } from 'graphql';
import { TURN_WORK, waitForEventLoop } from '../event-loop.ts';
import type { Context } from './context.ts';
import { costOfEntries, costOfWrite, selectedBeneath } from './cost.ts';
import { refuseIfCancelled, toPublicError } from './errors.ts';
import { LIMITS } from './limits.ts';

export type Resolver = GraphQLFieldResolver<unknown, Context>;

/**
 * Wraps a resolver of a query or an entity. Charges its value, which then waits: a list for memory, and each value of a long
 * response for the event loop. Without room for errors, the field is null.
 */
export function guardQuery(resolve: Resolver): Resolver {
  return function guarded(source, args, context, info) {
    const { budget, unforeseen } = context;
    if (budget.isFull()) return null;
    // graphql takes a returned error for a thrown one.
    const fail = (error: unknown) => (budget.chargeError(info.path) ? toPublicError(error, unforeseen, false) : null);
    // Not `then(…).catch(fail)`, which would cost each of a thousand representations another promise.
    const finish = (value: unknown) => {
      try {
        const charged = chargeValue(value, context, info);
        return charged instanceof Promise ? charged.catch(fail) : charged;
      } catch (error) {
        return fail(error);
      }
    };
    try {
      const value = resolve(source, args, context, info);
      return value instanceof Promise ? value.then(finish, fail) : finish(value);
    } catch (error) {
      return fail(error);
    }
  };
}

/**
 * Wraps a resolver of a mutation. Its result is charged before the write, and a write always tells what became of it. Clears
 * the loaders: even a write that fails may have taken effect.
 */
export function guardMutation(resolve: Resolver): Resolver {
  return async function guarded(source, args, context, info) {
    const { budget, unforeseen } = context;
    try {
      budget.charge(costOfWrite(args, selectedBeneath(info)));
      context.clearLoaders();
      return await resolve(source, args, context, info);
    } catch (error) {
      budget.chargeError(info.path);
      return toPublicError(error, unforeseen, true);
    }
  };
}

/** Charges an entry or a list of entries. Returns it, or a promise if it must wait. In a mutation, no list waits for memory. */
function chargeValue(value: unknown, { budget, signal }: Context, info: GraphQLResolveInfo): unknown {
  if (value === null || value === undefined) return value;
  const isList = Array.isArray(value);
  const cost = costOfEntries(isList ? value : [value], selectedBeneath(info), budget.left());
  const room = budget.charge(cost, isList && info.operation.operation !== OperationTypeNode.MUTATION);
  const produce = () => (LIMITS.responseWork - budget.left() > TURN_WORK ? inTurns(value, cost.work, signal) : value);
  return room ? room.then(produce) : produce();
}

/** Returns a value when the event loop has time to produce it, and the entries of a long list in several turns. */
async function inTurns(value: unknown, work: number, signal: AbortSignal): Promise<unknown> {
  const entries: readonly unknown[] = Array.isArray(value) ? value : [value];
  const turns = Math.max(1, Math.min(entries.length, Math.ceil(work / TURN_WORK)));
  const takeTurn = async () => {
    await waitForEventLoop('response', work / turns);
    refuseIfCancelled(signal);
  };
  let turn = takeTurn();
  await turn;
  if (turns === 1) return value;
  const entriesOfTurn = Math.ceil(entries.length / turns);
  return entries.map((entry, index) => {
    if (index < entriesOfTurn) return entry;
    if (index % entriesOfTurn === 0) turn = turn.then(takeTurn);
    return turn.then(() => entry);
  });
}

/**
 * Reads a field that has no resolver. An undecodable member is an error there: it fails only this field, and only if it
 * is selected. Beyond the limits of errors, it is null.
 */
export const readMember: Resolver = (source, _, { budget, unforeseen }, { fieldName, path }) => {
  const entry = source as Record<string, unknown>;
  const member = entry[fieldName];
  if (!(member instanceof Error)) return member;
  const isShown = budget.chargeMember(member, `${entry.id} ${fieldName}`, path);
  return isShown ? toPublicError(member, unforeseen, false) : null;
};
