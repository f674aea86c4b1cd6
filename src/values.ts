/**
 * Values that the command API and the schema have in common: ids and moments.
 */

// Texts that only the functions `parse…` of this file make, so that a text which was not parsed does not compile.
declare const PARSED: unique symbol;
/** An id of the command API: not empty, at most 256 UTF-16 units, well-formed Unicode. */
export type Id = string & { readonly [PARSED]: 'id' };
/** A moment in UTC, `2024-01-16T13:32:45Z`. Moments compare as texts. */
export type Moment = string & { readonly [PARSED]: 'moment' };

/** In UTF-16 units. The vendor's examples have 33; docs/command-api.md names no limit. */
const MAX_ID_LENGTH = 256;
const MOMENT = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/;

/** Returns a value as an id of the command API, or undefined if it is not usable. */
export function parseId(id: unknown): Id | undefined {
  const isUsable = typeof id === 'string' && id !== '' && id.length <= MAX_ID_LENGTH && id.isWellFormed();
  return isUsable ? (id as Id) : undefined;
}

/**
 * Returns a text of the form `2024-01-16T13:32:45Z` as a moment, or undefined if it has another form or no such day
 * exists.
 */
export function parseMoment(text: string): Moment | undefined {
  const day = text.slice(8, 10);
  // `Date` is slow, so use it only for days that some months lack. It turns 31 February into a day of March.
  const isMoment = MOMENT.test(text) && (day <= '28' || new Date(text).getUTCDate() === Number(day));
  return isMoment ? (text as Moment) : undefined;
}
