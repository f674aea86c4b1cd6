/**
 * Schemas of zod for values that a function parses.
 */
import { z } from 'zod';

/**
 * Returns the schema of values of which `parse` makes a `T`, or undefined if something is wrong: then `issueFor` says
 * what.
 */
export function parsedBy<V, T>(
  input: z.ZodType<V>,
  parse: (value: V) => T | undefined,
  issueFor: (value: V) => Parameters<z.RefinementCtx<V>['addIssue']>[0],
) {
  return input.transform((value, { addIssue }): T => {
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    addIssue(issueFor(value));
    return z.NEVER;
  });
}
