/**
 * Faults of arguments, and the schemas of values that many arguments have but GraphQL's types cannot
 * check: ids, moments, texts, lists.
 */
import { z } from 'zod';
import { type Moment, parseId, parseMoment } from '../values.ts';
import { PublicError } from './public-error.ts';

/** The most faults that one error names. */
const MAX_FAULTS = 20;

/**
 * What may be wrong with an argument of any field. Apps compare these codes and those of repair requests, which
 * docs/apps.md lists.
 */
type FaultCode =
  | ('REQUIRED' | 'WRONG_TYPE' | 'UNKNOWN')
  | ('TOO_MANY' | 'TOO_LONG' | 'BLANK' | 'NOT_AN_ID' | 'NOT_A_TIME' | 'NOT_A_DAY');

/** What is wrong, without where. The message is the rest of a sentence that begins with the argument. */
export interface Reason<Code extends string = FaultCode> {
  readonly code: Code;
  readonly message: string;
}

/** A fault of an argument, named by its path: `input.finishTime`, `ids[3]`. */
export interface Fault extends Reason<string> {
  readonly argument: string;
}

/** Returns the error of arguments, with their first 20 faults and further extensions. Needs at least one fault. */
export function badUserInput(faults: readonly Fault[], further: object = {}): PublicError {
  const shown = faults.slice(0, MAX_FAULTS);
  const more = shown.length > 1 ? ` ${shown.length - 1} more in extensions.arguments.` : '';
  const message = `Argument "${shown[0]?.argument}" ${shown[0]?.message}.${more}`;
  return new PublicError('BAD_USER_INPUT', message, { arguments: shown, ...further });
}

/** Throws the error of the only fault. */
export function throwFault<Code extends string = FaultCode>(argument: string, reason: Reason<NoInfer<Code>>): never {
  throw badUserInput([{ argument, ...reason }]);
}

/** Returns the parsed value of an argument, or of all arguments. Throws a `PublicError` with all faults. */
export function parseArgument<T>(schema: z.ZodType<T>, value: unknown, argument?: string): T {
  const { data, error } = schema.safeParse(value);
  if (!error) return data;
  const pathOf = (issue: z.core.$ZodIssue) => z.core.toDotPath([...(argument ? [argument] : []), ...issue.path]);
  throw badUserInput(error.issues.map((issue) => ({ argument: pathOf(issue), ...reasonOf(issue) })));
}

/** Our own issues are custom. The issues of zod itself are about types, which graphql has checked already. */
function reasonOf(issue: z.core.$ZodIssue): Reason<string> {
  if (issue.code === 'custom') return issue.params as Reason<string> & Record<string, unknown>;
  return { code: 'WRONG_TYPE', message: 'has the wrong type' } satisfies Reason;
}

/** Returns the options of a check of zod, for what is wrong with values that do not pass. */
export const orFault = <Code extends string = FaultCode>(reason: Reason<NoInfer<Code>>) => ({ params: { ...reason } });

/** Returns the schema of values of which `parse` makes a `T`, or undefined if something is wrong. */
export function schemaBy<V, T>(input: z.ZodType<V>, parse: (value: V) => T | undefined, explain: (value: V) => Reason) {
  return input.transform((value, { addIssue }): T => {
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    addIssue({ code: 'custom', ...orFault(explain(value)) });
    return z.NEVER;
  });
}

export const tooMany = (most: number): Reason => ({
  code: 'TOO_MANY',
  message: `must not hold more than ${most} entries`,
});

/** A list with at most this many entries. A longer one has no further fault. */
export function listSchema<T>(entry: z.ZodType<T>, most: number) {
  const limit = (values: readonly unknown[]) => (values.length <= most ? values : undefined);
  return schemaBy(z.array(z.unknown()), limit, () => tooMany(most)).pipe(z.array(entry));
}

export const UNUSABLE_ID: Reason = { code: 'NOT_AN_ID', message: 'must be 1 to 256 characters of well-formed Unicode' };
export const idSchema = schemaBy(z.unknown(), parseId, () => UNUSABLE_ID);

// Only invisible characters: white space, control and formatting characters, fillers, the empty Braille cell.
const BLANK = /^[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]*$/u;
const IS_BLANK: Reason = { code: 'BLANK', message: 'must not be blank' };

/** Makes texts well-formed: half a surrogate pair is no text for most programs. `most` is in UTF-16 units. */
export function textSchema(most: number) {
  const tooLong: Reason = { code: 'TOO_LONG', message: `must not be longer than ${most} characters` };
  const parse = (text: string) => (text.length <= most && !BLANK.test(text) ? text.toWellFormed() : undefined);
  return schemaBy(z.string(), parse, ({ length }) => (length > most ? tooLong : IS_BLANK));
}

const RFC_3339 = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d{1,30})?(?:Z|([+-](?:[01]\d|2[0-3]):[0-5]\d))$/i;
const NOT_A_DAY: Reason = { code: 'NOT_A_DAY', message: 'is not a day of the calendar' };
const NOT_A_TIME: Reason = {
  code: 'NOT_A_TIME',
  message: 'must be RFC 3339 with an offset, like 2024-01-16T13:32:45Z',
};

/** A time with any offset as a moment, without fractions of a second. */
export const momentSchema = schemaBy(z.string(), parseTime, explainTime);

function parseTime(text: string): Moment | undefined {
  const [, date, clock, offset] = RFC_3339.exec(text) ?? [];
  const asUtc = parseMoment(`${date}T${clock}Z`);
  // An offset can move a moment beyond the years 0000 to 9999.
  return offset && asUtc ? parseMoment(`${new Date(text.toUpperCase()).toISOString().slice(0, 19)}Z`) : asUtc;
}

function explainTime(text: string): Reason {
  const [, date] = RFC_3339.exec(text) ?? [];
  return date && !parseMoment(`${date}T00:00:00Z`) ? NOT_A_DAY : NOT_A_TIME;
}
