/**
 * Describes replies of the command API without their values, which may be residents' personal data.
 */
import type { Command } from '../src/command-api/commands.ts';
import { decodeEnvelope } from '../src/command-api/decoder.ts';
import { CommandApiError, type FailureKind } from '../src/command-api/errors.ts';

/** What the decoder makes of a reply. `kind` is the kind of the error; undefined if the decoder accepts the reply. */
export interface Verdict<T> {
  readonly status?: number;
  readonly value?: T;
  readonly kind?: FailureKind | 'no reply';
  readonly flaws: readonly string[];
  readonly text: string;
}

/** Decodes a reply as the subgraph does. `text` is like `accepted, a list of 3` or `rejected: status 200, code 7`. */
export function decodeReply<I, T>(command: Command<I, T>, input: I, status: number, body: Uint8Array): Verdict<T> {
  try {
    const result = decodeEnvelope({ status, chunks: [body], bytes: body.length });
    const { value, flaws = [] } = command.decode(result, input);
    const count = Array.isArray(value) ? `, a list of ${value.length}` : '';
    const unreadable = flaws.length > 0 ? `, but cannot read ${flaws.join(' ')}` : '';
    return { status, value, flaws, text: `accepted${count}${unreadable}` };
  } catch (error) {
    if (!(error instanceof CommandApiError)) throw error;
    const { kind, message, details } = error;
    const code = details.upstreamCode ? `, code ${details.upstreamCode}` : '';
    return { status, kind, flaws: error.judgment.isFlaw ? [kind] : [], text: `${kind}: ${message}${code}` };
  }
}

/** Returns the types of a body, like `{ success: boolean, result: list of { state: text | null } }`. */
export function describeBody(body: Uint8Array): string {
  try {
    return describeTypes([JSON.parse(new TextDecoder().decode(body))]);
  } catch {
    return `no JSON, ${body.length} bytes`;
  }
}

/** Returns the types of all values. Merges the members of objects, and the entries of lists. */
function describeTypes(values: readonly unknown[]): string {
  const types = Array.from(Map.groupBy(values, typeOf), ([type, group]) => {
    if (type === 'list') return `list of ${describeTypes(group.flat())}`;
    if (type !== 'object') return type;
    const members = Map.groupBy(
      group.flatMap((value) => Object.entries(value as object)),
      ([name]) => maskName(name),
    );
    const inner = Array.from(members, ([name, entries]) => {
      const absent = entries.length < group.length ? ' | absent' : '';
      return `${name}: ${describeTypes(entries.map(([, value]) => value))}${absent}`;
    });
    return `{ ${inner.join(', ')} }`;
  });
  return types.join(' | ');
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'empty list' : 'list';
  if (typeof value === 'string') return value === '' ? 'empty text' : 'text';
  return typeof value === 'object' && Object.keys(value).length === 0 ? 'empty object' : typeof value;
}

/** Masks a name that looks like data: the keys of a map may be ids or telephone numbers. */
function maskName(name: string): string {
  const isName = /^[a-z_][\w.-]{0,39}$/i.test(name) && !/(\d\D*){5}/.test(name);
  return isName ? name : `<a name of ${name.length} characters>`;
}
