/** Describes replies of the command API without their values, which may be residents' personal data. */
import type { Command } from '../src/command-api/command.ts';
import { CommandFailure, type FailureKind } from '../src/command-api/failures.ts';
import { resultOf } from '../src/command-api/reply.ts';

/** What the decoder makes of a reply. `kind` is the kind of the error; undefined if the decoder accepts the reply. */
export interface Verdict<T> {
  readonly value?: T;
  readonly kind?: FailureKind | 'no reply';
  readonly flaws: readonly string[];
  readonly text: string;
}

/** Decodes a reply as the subgraph does. `text` is like `accepted, a list of 3` or `rejected: status 200, code 7`. */
export function decodeReply<I, T>(command: Command<I, T>, input: I, status: number, body: Uint8Array): Verdict<T> {
  try {
    const { value, flaws: found = [] } = command.decode(resultOf({ status, body: Buffer.from(body) }), input);
    const flaws = found.map(({ kind, member }) => member ?? kind);
    const count = Array.isArray(value) ? `, a list of ${value.length}` : '';
    const unreadable = flaws.length > 0 ? `, but cannot read ${flaws.join(' ')}` : '';
    return { value, flaws, text: `accepted${count}${unreadable}` };
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    const { kind, flaw, message, upstreamCode } = error;
    const code = upstreamCode ? `, code ${upstreamCode}` : '';
    return { kind, flaws: flaw ? [flaw] : [], text: `${flaw ?? kind}: ${message}${code}` };
  }
}

/** Returns the types of all members of a body and how often they are there, in lines like `result[].feedback: null | text, 10 times`. */
export function describeBody(body: Uint8Array): string[] {
  try {
    const members = Map.groupBy(listMembers(JSON.parse(new TextDecoder().decode(body))), ([path]) => path);
    return Array.from(members, ([path, all]) => {
      const types = new Set(all.map(([, type]) => type));
      return `${path}: ${[...types].join(' | ')}${all.length > 1 ? `, ${all.length} times` : ''}`;
    });
  } catch {
    return [`no JSON, ${body.length} bytes`];
  }
}

/** Lists the paths of a value and of all values in it, each with its type. The entries of a list have one path. */
function* listMembers(value: unknown, path = 'body'): Generator<[path: string, type: string]> {
  yield [path, typeOf(value)];
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value))
    yield* listMembers(inner, Array.isArray(value) ? `${path}[]` : `${path}.${maskName(name)}`);
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
