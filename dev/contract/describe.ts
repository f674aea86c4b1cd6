/**
 * Describes replies without their values: only names of members, types, statuses, codes and counts. All other values may
 * be personal data of residents.
 */
import type { CommandApiError } from '../../src/command-api/errors.ts';
import { bodyOf, type Exchange } from './exchange.ts';

type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the command's name and the subgraph's message for a failure. */
export function describeError({ command }: Exchange, { message }: CommandApiError): string {
  return `${command.name}: ${message}`;
}

/** Returns how a command failed: status, the subgraph's reason, upstream's code, and the members of the reply. */
export function describeFailure(exchange: Exchange, error: CommandApiError): string {
  const { reply } = exchange;
  if (!('text' in reply)) return describeError(exchange, error);
  const body = bodyOf(exchange);
  const { upstreamCode } = error.details;
  const code = upstreamCode === undefined ? [] : [`code ${upstreamCode}`];
  const form = isObject(body) ? `with ${listMembers([body])}` : `no JSON object, ${reply.text.length} characters`;
  return [reply.status, error.reason, ...code, form].join(', ');
}

/** Returns the members of objects with all their types, like `code (text), error (object { code msg })`. */
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

/** Returns the number of values of each type, like `3 × text, 1 × null`. */
export function countTypes(values: readonly unknown[]): string {
  const groups = Map.groupBy(values, typeOf);
  return Array.from(groups, ([type, { length }]) => `${length} × ${type}`).join(', ');
}

/** Returns the type of a value. Empty texts and lists are separate types. */
export function typeOf(value: unknown): string {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  if (value === '') return 'empty text';
  if (typeof value === 'string') return 'text';
  if (!Array.isArray(value)) return typeof value;
  if (value.length === 0) return 'empty list';
  return `list of ${[...new Set(value.map(typeOf))].join(' and ')}`;
}

/** Returns a member's name, masked if it looks like data: the keys of a map may be ids or telephone numbers. */
export function maskName(name: string): string {
  return /^[a-z_][\w.-]{0,39}$/i.test(name) && !/(\d\D*){5}/.test(name)
    ? name
    : `<a name of ${name.length} characters>`;
}

/** Returns the form of an unreadable time, like `9999-99-99a99:99:99a`. */
export function maskTime(value: unknown): string {
  if (typeof value !== 'string') return typeOf(value);
  return value.length > 40
    ? 'long text'
    : value
        .replace(/\d/g, '9')
        .replace(/\p{L}/gu, 'a')
        .replace(/[^ -~]/gu, '?');
}

/** Returns an unreadable state if it looks like the documented states, else its type. */
export function maskState(value: unknown): string {
  return typeof value === 'string' && /^[a-z][a-z _-]{0,29}$/.test(value) ? `"${value}"` : typeOf(value);
}

/** Returns the id of a test ticket without control characters of the terminal. */
export function showId(id: string): string {
  return id.slice(0, 200).replace(/[^!-~]/g, '?');
}
