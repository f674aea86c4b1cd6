/**
 * Faults of arguments, and values that many fields have but the schema cannot check: ids, moments, texts.
 */
import { GraphQLScalarType } from 'graphql';
import { type Id, type Moment, parseId, parseMoment } from '../values.ts';
import { PublicError } from './errors.ts';
import { LIMITS } from './limits.ts';

/**
 * What may be wrong with an argument of any field. Apps compare these codes and those of the domain, which docs/apps.md
 * lists.
 */
export const FAULT_CODES = [
  ...(['REQUIRED', 'WRONG_TYPE', 'UNKNOWN'] as const),
  ...(['TOO_MANY', 'TOO_LONG', 'BLANK', 'NOT_AN_ID', 'NOT_A_TIME', 'NOT_A_DAY'] as const),
];
type FaultCode = (typeof FAULT_CODES)[number];

/**
 * A fault of an argument, named by its path (`input.finishTime`, `ids[3]`). The message is the rest of a sentence after
 * it.
 */
export interface Fault<Code extends string = string> {
  readonly argument: string;
  readonly code: Code | FaultCode;
  readonly message: string;
}

const UNUSABLE_ID = 'must be 1 to 256 characters of well-formed Unicode';
// Only invisible characters: white space, control and formatting characters, fillers, the empty Braille cell.
const BLANK = /^[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]*$/u;
const RFC_3339 = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d{1,30})?(?:Z|([+-](?:[01]\d|2[0-3]):[0-5]\d))$/i;

/**
 * A moment in UTC with seconds, `2024-01-16T13:32:45Z`. As input, any text: `parseMomentArgument` reports a malformed
 * time with the other faults of a field.
 */
export const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  parseValue: (value) => {
    if (typeof value === 'string') return value;
    throw new TypeError('not a text');
  },
});

export function addFault<Code extends string = FaultCode>(
  faults: Fault<Code>[],
  argument: string,
  code: NoInfer<Code | FaultCode>,
  message: string,
): undefined {
  faults.push({ argument, code, message });
}

/** Returns the error of arguments, with their first 20 faults and further extensions. Needs at least one fault. */
export function badUserInput(faults: readonly Fault[], further: object = {}): PublicError {
  const shown = faults.slice(0, LIMITS.argumentFaults);
  const more = shown.length > 1 ? ` ${shown.length - 1} more in extensions.arguments.` : '';
  const message = `Argument "${shown[0]?.argument}" ${shown[0]?.message}.${more}`;
  return new PublicError('BAD_USER_INPUT', message, { arguments: shown, ...further });
}

/** Throws the error of the only fault. */
export function throwFault<Code extends string = FaultCode>(argument: string, code: Code, message: string): never {
  throw badUserInput([{ argument, code, message }]);
}

/** Returns a member of a value of any type. */
export function memberOf(value: unknown, name: string): unknown {
  return (value as Record<string, unknown> | null | undefined)?.[name];
}

/** Returns an id. Throws the error of the only fault. */
export function requireIdArgument(value: unknown, argument: string): Id {
  return parseId(value) ?? throwFault(argument, 'NOT_AN_ID', UNUSABLE_ID);
}

/** Parses the value of an argument. Returns undefined after adding a fault. */
type Parser<V, T> = (value: V, argument: string, faults: Fault[]) => T | undefined;

export function parseIdArgument(value: unknown, argument: string, faults: Fault[]): Id | undefined {
  return parseId(value) ?? addFault(faults, argument, 'NOT_AN_ID', UNUSABLE_ID);
}

/** Returns a time with any offset as a moment, without fractions of a second. */
export function parseMomentArgument(value: string, argument: string, faults: Fault[]): Moment | undefined {
  const [, date, clock, offset] = RFC_3339.exec(value) ?? [];
  if (date && !parseMoment(`${date}T00:00:00Z`))
    return addFault(faults, argument, 'NOT_A_DAY', 'is not a day of the calendar');
  const asUtc = parseMoment(`${date}T${clock}Z`);
  // An offset can move a moment beyond the years 0000 to 9999.
  const utc = offset && asUtc ? parseMoment(`${new Date(value.toUpperCase()).toISOString().slice(0, 19)}Z`) : asUtc;
  return utc ?? addFault(faults, argument, 'NOT_A_TIME', 'must be RFC 3339 with an offset, like 2024-01-16T13:32:45Z');
}

/** Makes texts well-formed: half a surrogate pair is no text for most programs. `most` is in UTF-16 units. */
export function textParser(most: number): Parser<string, string> {
  return (text, argument, faults) => {
    if (text.length > most) return addFault(faults, argument, 'TOO_LONG', `must not be longer than ${most} characters`);
    return BLANK.test(text) ? addFault(faults, argument, 'BLANK', 'must not be blank') : text.toWellFormed();
  };
}

/** A faulty entry adds faults under its index, and is left out. */
export function listParser<V, T>(most: number, parseEntry: Parser<V, T>): Parser<readonly V[], T[]> {
  return (values, argument, faults) => {
    if (values.length > most) return addFault(faults, argument, 'TOO_MANY', tooMany(most));
    return values.flatMap((value, index) => parseEntry(value, `${argument}[${index}]`, faults) ?? []);
  };
}

export function tooMany(most: number): string {
  return `must not hold more than ${most} entries`;
}
