/**
 * Wraps resolvers: bounds what a response may cost, and makes every error public. No resolver knows of it.
 */
import type { GraphQLFieldResolver, GraphQLResolveInfo } from 'graphql';
import { waitForEventLoop } from '../event-loop.ts';
import type { Context } from './context.ts';
import { costOfTexts, costOfWrite, selectedBeneath } from './cost.ts';
import { toPublicError } from './errors.ts';

/** The cost of a list that counts 1 as work of the event loop; see event-loop.ts. */
const COST_PER_SIZE = 10;
/** An operation produces its first lists, up to this cost, at once. Waiting costs a list of 20 a tenth more. */
const COST_AT_ONCE = 50_000;

export type Resolver = GraphQLFieldResolver<unknown, Context>;

/**
 * Wraps a resolver of a query or an entity. Charges its value, after which long lists wait for the event loop. Without room
 * for errors, the field is null.
 */
export function boundRead(resolve: Resolver): Resolver {
  return function bounded(source, args, context, info) {
    const { budget, unforeseen } = context;
    if (budget.isFull()) return null;
    // graphql takes a returned error for a thrown one.
    const fail = (error: unknown) => (budget.chargeError(info.path) ? toPublicError(error, unforeseen, false) : null);
    // Not `then(…).catch(fail)`, which would cost each of a thousand representations another promise.
    const finish = (value: unknown) => {
      try {
        return chargeValue(value, context, info);
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
export function boundWrite(resolve: Resolver): Resolver {
  return async function bounded(source, args, context, info) {
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

/** Charges an entry or a list of entries. Returns it when the event loop has time to produce it. */
function chargeValue(value: unknown, { budget }: Context, info: GraphQLResolveInfo): unknown {
  if (value === null || value === undefined) return value;
  const selected = selectedBeneath(info);
  const entries: readonly unknown[] = Array.isArray(value) ? value : [value];
  const fields = entries.length * selected.cost;
  // Before the texts are read, because most lists that are too large are refused here.
  budget.charge(fields);
  let texts = 0;
  for (const entry of entries) texts += costOfTexts(entry, selected);
  budget.charge(texts);
  if (!Array.isArray(value) || budget.spent() <= COST_AT_ONCE) return value;
  // graphql produces the whole list at once.
  return waitForEventLoop('response', (fields + texts) / COST_PER_SIZE).then(() => value);
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
