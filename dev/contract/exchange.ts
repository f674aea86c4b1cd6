/**
 * Sends one command to a live command API, with plain fetch: the subgraph's own transport hides the statuses and bodies
 * that the check needs.
 */
import { randomBytes } from 'node:crypto';
import { type DecodedReply, decodeEnvelope } from '../../src/command-api/decoder.ts';
import { CommandApiError } from '../../src/command-api/errors.ts';
import { CommandRecord } from '../../src/command-api/record.ts';

const PATH = '/api/v1.0/invoke/open-ability/method/user-commands';
const TIME_LIMIT_MS = 5000;
// Node's codes for a connection that was never established: a write certainly did not happen.
const NOT_CONNECTED = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'];

export interface Exchange {
  readonly command: CommandRecord;
  /** The reply, or the reason why there is none. */
  readonly reply: { readonly status: number; readonly text: string } | CommandApiError;
}

export interface Sending {
  readonly name: string;
  readonly param: Readonly<Record<string, unknown>>;
  /** A fresh id by default. */
  readonly id?: string;
  /** The caller's token by default. */
  readonly token?: string;
}

export type Send = (sending: Sending) => Promise<Exchange>;

/** The subgraph's view of an exchange: the decoded value, or the failure. */
export type Outcome<T> = { readonly value: T; readonly error?: never } | { readonly error: CommandApiError };

/** Returns a function that sends a command once, with a time limit. It follows no redirect. */
export function createSend(origin: string, callersToken: string): Send {
  return async ({ name, param, id, token = callersToken }) => {
    const command = new CommandRecord(name, !name.startsWith('get_'), String(param.residence_id));
    command.id = id ?? command.id;
    try {
      const response = await fetch(new URL(PATH, origin), {
        method: 'POST',
        headers: {
          'user-agent': 'maintenance-subgraph',
          'content-type': 'application/json',
          accept: 'application/json',
          authorization: `Bearer ${token}`,
        },
        body: JSON.stringify({ command: name, id: command.id, param }),
        redirect: 'manual',
        signal: AbortSignal.timeout(TIME_LIMIT_MS),
      });
      return { command, reply: { status: response.status, text: await response.text() } };
    } catch (error) {
      return { command, reply: toUnreachable(error) };
    }
  };
}

/** Returns an unused id in the form of the vendor's examples: a letter and 32 hexadecimal digits. */
export function randomId(letter: 'c' | 'm' | 'r'): string {
  return letter + randomBytes(16).toString('hex');
}

/** Decodes an exchange as the subgraph does. */
export function readAs<T>({ command, reply }: Exchange, decode: (result: unknown) => DecodedReply<T>): Outcome<T> {
  try {
    if (!('text' in reply)) throw reply;
    const chunks = [Buffer.from(reply.text)];
    const { value, ...rest } = decode(decodeEnvelope({ status: reply.status, chunks, bytes: reply.text.length }));
    command.end(rest);
    return { value };
  } catch (error) {
    if (error instanceof CommandApiError) return { error };
    throw error;
  }
}

/** Returns the body of a reply; undefined if there is no reply or no JSON. */
export function bodyOf({ reply }: Exchange): unknown {
  try {
    return 'text' in reply ? JSON.parse(reply.text) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the `result` of a reply; undefined if it has none. */
export function resultOf(exchange: Exchange): unknown {
  return (bodyOf(exchange) as { result?: unknown } | null | undefined)?.result;
}

function toUnreachable(error: unknown): CommandApiError {
  const { name, cause } = error as Error;
  if (name === 'TimeoutError') {
    return new CommandApiError('timeout', {
      detail: `no answer in ${TIME_LIMIT_MS / 1000} s`,
      sent: true,
      health: 'down',
    });
  }
  const code = String((cause as NodeJS.ErrnoException | undefined)?.code ?? name);
  return new CommandApiError('unavailable', { detail: code, sent: !NOT_CONNECTED.includes(code), health: 'down' });
}
