/**
 * What the values of the vendor's commands have in common: lists, ids, times, texts and empty results.
 */
import { type Id, type Moment, parseId, parseMoment } from '../values.ts';
import type { DecodedReply } from './command.ts';
import { type CommandFailure, invalid } from './failures.ts';

export type Json = Record<string, unknown>;

/** Returns the result as a list, in which nothing is decoded yet. */
export function requireList(result: unknown): readonly unknown[] {
  if (!Array.isArray(result)) throw unexpectedResult(result);
  return result;
}

/** Decodes a result without a value: an object whose fields do not matter. */
export function decodeVoid(result: unknown): DecodedReply<void> {
  if (!isObject(result)) throw unexpectedResult(result);
  return { value: undefined };
}

/** Decodes a result with an id in this field. */
export function decodeId(result: unknown, field: string): DecodedReply<Id> {
  const id = isObject(result) ? parseId(result[field]) : undefined;
  if (!id) throw unexpectedResult(result);
  return { value: id };
}

/** Returns a result that is an object with fields. */
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

// The next functions that decode return undefined for an undecodable value.

/** Makes texts well-formed: Apollo Router rejects a whole response for half a surrogate pair. */
export function decodeText(value: unknown): string | null | undefined {
  if (typeof value === 'string') return value.toWellFormed();
  return isAbsent(value) ? null : undefined;
}

export function decodeTexts(value: unknown): string[] | null | undefined {
  if (!Array.isArray(value)) return (value ?? null) === null ? null : undefined;
  return value.every((text) => typeof text === 'string') ? value.map((text) => text.toWellFormed()) : undefined;
}

export function decodeOneOf<T>(value: unknown, values: ReadonlyMap<unknown, T>): T | null | undefined {
  return isAbsent(value) ? null : values.get(value);
}

/** Writes a moment as the vendor does: `2024-01-16T13:32:45Z` becomes `2024-01-16 13:32:45`. */
export function serializeTime(moment: Moment): string {
  return moment.replace('T', ' ').replace('Z', '');
}

/** Decodes `2024-01-16 13:32:45`, which is UTC. */
export function decodeTime(value: unknown): Moment | null | undefined {
  if (isAbsent(value)) return null;
  if (typeof value !== 'string' || value[10] !== ' ') return undefined;
  return parseMoment(`${value.slice(0, 10)}T${value.slice(11)}Z`);
}

function unexpectedResult(result: unknown): CommandFailure {
  const isEmpty = result === '' || (typeof (result ?? {}) === 'object' && Object.keys(result ?? {}).length === 0);
  return isEmpty ? invalid('empty', 'empty result') : invalid('result', 'unexpected result');
}
