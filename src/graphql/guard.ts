/**
 * Guards resolvers: charges what a response costs, and makes every error public. No resolver knows of it.
 */
import { type GraphQLFieldResolver, type GraphQLResolveInfo, OperationTypeNode } from 'graphql';
import { waitForEventLoop } from '../event-loop.ts';
import type { Context } from './context.ts';
import { costOfEntries, costOfWrite, selectedBeneath } from './cost.ts';
import { toPublicError } from './errors.ts';
import { LIMITS } from './limits.ts';

/** An operation produces its first lists, up to this work, at once. Waiting costs a list of 20 a tenth more. */
const WORK_AT_ONCE = 50_000;

export type Resolver = GraphQLFieldResolver<unknown, Context>;

/**
 * Wraps a resolver of a query or an entity. Charges its value; a list then waits for memory and, if it is long, for the
 * event loop. Without room for errors, the field is null.
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

/**
 * Charges an entry or a list of entries. Returns it, or for a list perhaps a promise: for memory, if it is a query's, and for
 * the event loop, if the response is long.
 */
function chargeValue(value: unknown, { budget }: Context, info: GraphQLResolveInfo): unknown {
  if (value === null || value === undefined) return value;
  const isList = Array.isArray(value);
  const cost = costOfEntries(isList ? value : [value], selectedBeneath(info), budget.left());
  const room = budget.charge(cost, isList && info.operation.operation !== OperationTypeNode.MUTATION);
  if (!isList) return value;
  // graphql produces the whole list at once.
  const produce = () => waitForEventLoop('response', cost.work).then(() => value);
  if (room) return room.then(produce);
  return LIMITS.responseWork - budget.left() > WORK_AT_ONCE ? produce() : value;
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
