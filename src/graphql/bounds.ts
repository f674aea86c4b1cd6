/**
 * Bounds what an operation may cost: wraps each resolver, so that no resolver knows of it.
 */
import type { GraphQLFieldResolver, GraphQLResolveInfo } from 'graphql';
import { waitForEventLoop } from '../event-loop.ts';
import type { Context } from './context.ts';
import { COSTS, costOfText, costOfWrite, type Selected, selectedBeneath } from './cost.ts';
import { toPublicError } from './errors.ts';

/** The cost of a list for one byte of work in the event loop; see event-loop.ts. */
const COST_PER_BYTE = 10;

type Resolver = GraphQLFieldResolver<unknown, Context>;

/**
 * Wraps a resolver. Charges its value, after which long lists wait for the event loop; the result of a write is charged
 * before the write, and never refused after it. Makes every error public. Without room for errors, a field is null.
 */
export function withBounds(resolve: Resolver, isWrite: boolean): Resolver {
  return function bounded(source, args, context, info) {
    const { response } = context;
    // graphql takes a returned error for a thrown one.
    const fail = (error: unknown) => {
      // A write always tells what became of it.
      if (!response.chargeErrors(info.path, 1) && !isWrite) return null;
      return toPublicError(error, context.unforeseen, isWrite);
    };
    const finish = (value: unknown) => {
      try {
        return isWrite ? value : chargeValue(value, context, info);
      } catch (error) {
        return fail(error);
      }
    };
    if (!isWrite && response.isFull()) return null;
    try {
      if (isWrite) response.charge(costOfWrite(args, selectedBeneath(info)), info.path);
      const value = resolve(source, args, context, info);
      return value instanceof Promise ? value.then(finish, fail) : finish(value);
    } catch (error) {
      return fail(error);
    }
  };
}

/** Charges an entry or a list of entries. Makes members that are errors public, or null without room for errors. */
function chargeValue(value: unknown, { response, unforeseen }: Context, info: GraphQLResolveInfo): unknown {
  if (value === null || value === undefined) return value;
  const selected = selectedBeneath(info);
  const entries: readonly unknown[] = Array.isArray(value) ? value : [value];
  const fields = entries.length * selected.cost;
  // Before the texts are read, because most lists that are too large are refused here.
  response.charge(fields, info.path);
  let texts = 0;
  const failed: { entry: Record<string, unknown>; name: string; count: number; error: Error }[] = [];

  /** Adds up the texts. Returns the entry, or a copy if it has members that are errors. */
  function read(entry: unknown, { fields }: Selected): unknown {
    texts += costOfText(entry);
    let changed: Record<string, unknown> | undefined;
    fields.forEach(({ count, beneath }, name) => {
      const member = (entry as Record<string, unknown>)[name];
      if (member instanceof Error) {
        changed ??= { ...(entry as object) };
        failed.push({ entry: changed, name, count, error: member });
      } else if (Array.isArray(member)) {
        for (const one of member) texts += count * ((beneath?.cost ?? COSTS.field) + costOfText(one));
      } else if (beneath && member) read(member, beneath);
      else texts += count * costOfText(member);
    });
    return changed ?? entry;
  }

  const result = entries.map((entry) => read(entry, selected));
  response.charge(texts, info.path);
  for (const { entry, name, count, error } of failed) {
    const isShown = response.chargeErrors(info.path, count);
    entry[name] = isShown ? toPublicError(error, unforeseen, false) : null;
  }
  if (!Array.isArray(value)) return result[0];
  // graphql produces the whole list at once.
  const wait = waitForEventLoop('response', (fields + texts) / COST_PER_BYTE);
  return wait ? wait.then(() => result) : result;
}
