/**
 * Decodes and writes what the vendor's commands have in common: lists of entries, times, texts and empty results.
 */
import { type Id, type Moment, parseId, parseMoment } from '../values.ts';
import type { DecodedReply } from './command.ts';
import { CommandApiError, type Flaw, invalid } from './failures.ts';

export type Json = Record<string, unknown>;
/** An entry of a list, with these members. */
type Entry<M extends string> = Readonly<Record<M, unknown>>;
/** Returns the decoded value of a member, or the error of all undecodable members if the value is undefined. */
type Check<M> = <T>(member: M, value: T | undefined) => T | CommandApiError;

/**
 * Decodes an array of entries with members `M`. Drops and counts those without a usable id in the member of the flaw
 * `noId`. Its undecodable members are one and the same error.
 */
export function decodeEntries<M extends string, T>(
  result: unknown,
  noId: Required<Flaw>,
  decodeEntry: (entry: Entry<M>, id: Id, check: Check<M>) => T,
): DecodedReply<T[]> {
  if (!Array.isArray(result)) throw unexpectedResult(result);
  const undecodable = new Set<M>();
  let memberError: CommandApiError | undefined;

  const check: Check<M> = (member, value) => {
    if (value !== undefined) return value;
    undecodable.add(member);
    memberError ??= new CommandApiError('invalid', { detail: 'undecodable member' });
    return memberError;
  };

  const value: T[] = [];
  for (const entry of result) {
    const id = isObject(entry) ? parseId(entry[noId.member]) : undefined;
    if (id) value.push(decodeEntry(entry, id, check));
  }
  const dropped = result.length - value.length;
  const flaws = [...(dropped > 0 ? [noId] : []), ...Array.from(undecodable, undecodableMember)];
  return { value, flaws, dropped, ...(memberError && { memberError }) };
}

/** Returns the flaw of an entry whose member could not be decoded. */
export const undecodableMember = (member: string): Flaw => ({ kind: 'member', member });

/** Decodes a result without a value: an object whose members do not matter. */
export function decodeVoid(result: unknown): DecodedReply<void> {
  if (!isObject(result)) throw unexpectedResult(result);
  return { value: undefined };
}

/** Decodes a result with an id in this member. */
export function decodeId(result: unknown, member: string): DecodedReply<Id> {
  const id = isObject(result) ? parseId(result[member]) : undefined;
  if (!id) throw unexpectedResult(result);
  return { value: id };
}

/** Returns a result that is an object with members. */
export function requireObject(result: unknown): Json {
  if (!isObject(result) || Object.keys(result).length === 0) throw unexpectedResult(result);
  return result;
}

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An empty time or state means null. */
function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

// The next four functions return undefined for an undecodable value.

/** Makes texts well-formed: Apollo Router rejects a whole response for half a surrogate pair. */
export function decodeText(value: unknown): string | null | undefined {
  if (typeof value === 'string') return value.toWellFormed();
  return isAbsent(value) ? null : undefined;
}

export function decodeTexts(value: unknown): string[] | null | undefined {
  if (!Array.isArray(value)) return (value ?? null) === null ? null : undefined;
  return value.every((text) => typeof text === 'string') ? value.map((text) => text.toWellFormed()) : undefined;
}

export function decodeOneOf<T>(value: unknown, known: ReadonlyMap<unknown, T>): T | null | undefined {
  return isAbsent(value) ? null : known.get(value);
}

/** Decodes `2024-01-16 13:32:45`, which is UTC. */
export function decodeTime(value: unknown): Moment | null | undefined {
  if (isAbsent(value)) return null;
  if (typeof value !== 'string' || value[10] !== ' ') return undefined;
  return parseMoment(`${value.slice(0, 10)}T${value.slice(11)}Z`);
}

/** `2024-01-16T13:32:45Z` becomes `2024-01-16 13:32:45`. */
export const serializeTime = (moment: Moment) => moment.replace('T', ' ').replace('Z', '');

function unexpectedResult(result: unknown): CommandApiError {
  const isEmpty = result === '' || (typeof (result ?? {}) === 'object' && Object.keys(result ?? {}).length === 0);
  return isEmpty ? invalid('empty', 'empty result') : invalid('result', 'unexpected result');
}
