/**
 * What came, in words that hold none of its values: only names of members, types, statuses, codes and counts, since the
 * rest may be what a resident wrote.
 */
import type { CommandApiError } from '../../src/command-api/errors.ts';
import { bodyOf, type Exchange } from './exchange.ts';

type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What the subgraph says of a failure, after the name of its command. */
export function describeError({ command }: Exchange, { message }: CommandApiError): string {
  return `${command.name}: ${message}`;
}

/** How a command failed: status, what the subgraph takes it for, code and members. */
export function describeFailure(exchange: Exchange, error: CommandApiError): string {
  const { reply } = exchange;
  if (!('text' in reply)) return describeError(exchange, error);
  const body = bodyOf(exchange);
  const { upstreamCode } = error.details;
  const code = upstreamCode === undefined ? [] : [`code ${upstreamCode}`];
  const form = isObject(body) ? `with ${listMembers([body])}` : `no JSON object, ${reply.text.length} characters`;
  return [reply.status, error.reason, ...code, form].join(', ');
}

/** `code (text), error (object { code msg })`: the members of some objects, with all the types that they have there. */
export function listMembers(objects: readonly Json[], isWanted: (name: string) => boolean = () => true): string {
  const names = [...new Set(objects.flatMap(Object.keys))].filter(isWanted);
  return names.map((name) => `${maskName(name)} (${listTypes(objects.map((one) => one[name]))})`).join(', ');
}

function listTypes(values: readonly unknown[]): string {
  const inner = [...new Set(values.filter(isObject).flatMap(Object.keys))].map(maskName).join(' ');
  return Array.from(new Set(values.map(typeOf)), (type) => (type === 'object' ? `object { ${inner} }` : type)).join(
    ' or ',
  );
}

/** `3 × text, 1 × null`: how many values there are of each type. */
export function countTypes(values: readonly unknown[]): string {
  const groups = Map.groupBy(values, typeOf);
  return Array.from(groups, ([type, { length }]) => `${length} × ${type}`).join(', ');
}

/** The type of a value, with what is empty for a type of its own. */
export function typeOf(value: unknown): string {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  if (value === '') return 'empty text';
  if (typeof value === 'string') return 'text';
  if (!Array.isArray(value)) return typeof value;
  if (value.length === 0) return 'empty list';
  return `list of ${[...new Set(value.map(typeOf))].join(' and ')}`;
}

/** A member's name, unless it looks like data: a map may have ids or telephone numbers for names. */
export function maskName(name: string): string {
  return /^[a-z_][\w.-]{0,39}$/i.test(name) && !/(\d\D*){5}/.test(name)
    ? name
    : `<a name of ${name.length} characters>`;
}

/** The form of a time that could not be read: `9999-99-99a99:99:99a`. */
export function maskTime(value: unknown): string {
  if (typeof value !== 'string') return typeOf(value);
  return value.length > 40
    ? 'long text'
    : value
        .replace(/\d/g, '9')
        .replace(/\p{L}/gu, 'a')
        .replace(/[^ -~]/gu, '?');
}

/** A state that could not be read: the word itself where it has the look of the documented ones. */
export function maskState(value: unknown): string {
  return typeof value === 'string' && /^[a-z][a-z _-]{0,29}$/.test(value) ? `"${value}"` : typeOf(value);
}

/** An id of ours to tell the one who has to act on it, without whatever a terminal would obey. */
export function showId(id: string): string {
  return id.slice(0, 200).replace(/[^!-~]/g, '?');
}
