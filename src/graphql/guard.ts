/**
 * Guards resolvers: charges what a response takes, and makes every error public.
 */
import type { GraphQLFieldResolver } from 'graphql';
import { throwIfEnded } from '../command-api/failures.ts';
import type { ErrorRoom } from './budget.ts';
import { sayOthersOmitted, toPublicError, type WriteRefusal } from './errors.ts';
import type { Operation } from './operation.ts';

export type Resolver = GraphQLFieldResolver<unknown, Operation>;

/**
 * Wraps a resolver that reads, which begins nothing once the operation has ended. Charges its value, which waits
 * for its turn if it is large. Without room for errors, the field is null.
 */
export function guardQuery(resolve: Resolver): Resolver {
  return async function guarded(source, args, operation, info) {
    const { budget, lease } = operation;
    if (budget.hasNoErrorsLeft()) return null;
    try {
      throwIfEnded(lease.signal);
      const value = await resolve(source, args, operation, info);
      await budget.chargeValue(value, info);
      return value;
    } catch (error) {
      // graphql takes a returned error for a thrown one.
      return show(error, operation, budget.chargeError());
    }
  };
}

/**
 * Wraps a resolver of a mutation. Its result is charged before the write, and a write always tells what became of it.
 * Clears the loaders, because even a write that fails may have taken effect. To do so before the write is enough:
 * graphql reads nothing beside it.
 */
export function guardMutation(resolve: Resolver): Resolver {
  return async function guarded(source, args, operation, info) {
    const { budget, commands } = operation;
    const commandsBefore = commands.length;
    try {
      budget.chargeWrite(args, info);
      operation.clearLoaders();
      return await resolve(source, args, operation, info);
    } catch (error) {
      const ifPublic = commands.length === commandsBefore ? 'NOT_SENT' : 'UNKNOWN';
      return show(error, operation, budget.chargeError() ?? 'for the last', { ifPublic });
    }
  };
}

/**
 * Reads a field that has no resolver. An undecodable member is an error there: it fails only this field, and only if it
 * is selected. Beyond the limits of errors, it is null.
 */
export const resolveField: Resolver = (source, _, operation, info) => {
  const entry = source as Record<string, unknown>;
  const member = entry[info.fieldName];
  // Null would hide that a resolver, or a member of a value, is missing.
  if (member === undefined)
    throw new TypeError(`${info.parentType}.${info.fieldName} has neither a resolver nor a value.`);
  if (!(member instanceof Error)) return member;
  return show(member, operation, operation.budget.chargeMember(member, `${entry.id} ${info.fieldName}`));
};

/** Returns the public form of an error that has room in the response, or null. */
function show(error: unknown, { unforeseen }: Operation, room: ErrorRoom | undefined, write?: WriteRefusal) {
  if (!room) return null;
  const shown = toPublicError(error, unforeseen, write);
  return room === 'for the last' ? sayOthersOmitted(shown) : shown;
}
