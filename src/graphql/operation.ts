/**
 * All that one operation owns: token, signal and deadline, memory, budget, client, loaders, and what it observes. Made once,
 * ended once. The context of its resolvers.
 */
import { isUtf8 } from 'node:buffer';
import { trace } from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import { type CommandApi, createClient } from '../command-api/client.ts';
import { CommandApiError, type EndReason } from '../command-api/failures.ts';
import type { CommandRecord } from '../command-api/record.ts';
import type { Config } from '../config.ts';
import type { Holding } from '../memory.ts';
import { createOwnTurns } from '../turns.ts';
import { createBudget } from './budget.ts';
import { type Code, PublicError, Unforeseen } from './errors.ts';
import { LIMITS } from './limits.ts';
import { createLoaders } from './loaders.ts';

/** Only the form of a token. The upstream validates it. In a header of its own, a token needs no `Bearer`. */
const BEARER_TOKEN = /^bearer +([\x21-\x7e]+)$/i;
const TOKEN = /^(?:bearer +)?(?!bearer$)([\x21-\x7e]+)$/i;
/** Longer names of operations and clients are cut off in the log. */
const MAX_NAME = 100;
/** The format of W3C Trace Context. Other values are not forwarded. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

export type Operation = ReturnType<typeof createOperation>;

/** What the host passes on of a request: `holding` has its body already, `startedAt` is on the clock of `performance.now()`. */
type Incoming = Pick<FastifyRequest, 'id' | 'headers' | 'raw'> & {
  readonly holding: Holding;
  readonly startedAt: number;
};

/** Creates the operation of a request. */
export function createOperation(
  { id, headers, raw, holding, startedAt }: Incoming,
  commandApi: CommandApi,
  { OPERATION_TIMEOUT_MS, TOKEN_HEADER }: Config,
) {
  // Once, not for each of a thousand representations: a token may have 16 KB.
  const token = readToken(raw.rawHeaders, TOKEN_HEADER);
  const traceparent = TRACEPARENT.exec(String(headers.traceparent))?.[0];
  const endsAt = startedAt + OPERATION_TIMEOUT_MS;
  const commands: CommandRecord[] = [];
  const counts = { reads: 0, writes: 0 };
  const controller = new AbortController();
  const { signal } = controller;
  const turns = createOwnTurns(commandApi.queue, startedAt);
  const budget = createBudget(holding, turns, signal);
  const timer = abortAt(endsAt, controller);
  const client = createClient(commandApi, { token, traceparent, holding, signal, endsAt, turns, addCommand });
  // Searching also takes time for requests that are not returned.
  const loaders = createLoaders(client, budget.chargeSearch);
  const granted = { client, loaders };
  // An object, because Apollo Server copies the context.
  const caller = { hasLeft: false };

  function addCommand(record: CommandRecord): void {
    const countedAs = record.isWrite ? 'writes' : 'reads';
    const publicMessage = `Too many ${countedAs} in one operation: at most ${LIMITS[countedAs]} commands.`;
    if (counts[countedAs] >= LIMITS[countedAs])
      throw new CommandApiError('too_many', { detail: 'too many commands', publicMessage });
    counts[countedAs]++;
    commands.push(record);
  }

  return {
    startedAt,
    /** Identifies the request and its client in the log. */
    logFields: {
      requestId: id,
      traceId: trace.getActiveSpan()?.spanContext().traceId ?? traceparent?.split('-')[1],
      clientName: readName(headers['apollographql-client-name']),
      clientVersion: readName(headers['apollographql-client-version']),
    },
    /** Every command of the operation, in order. */
    commands,
    budget,
    /** Aborts at the deadline, or when the caller leaves an operation without a write. */
    signal,
    clearLoaders: loaders.clear,
    /** The codes of the errors that the response describes as data, in `failures`. */
    failureCodes: [] as Code[],
    unforeseen: new Unforeseen(),
    /** Whether the caller disconnected before its response. */
    caller,
    /** Returns the client and the loaders. Throws `UNAUTHENTICATED` without a usable token. */
    requireAccess() {
      if (token) return granted;
      const form = TOKEN_HEADER === 'authorization' ? 'Authorization: Bearer <token>' : `${TOKEN_HEADER}: <token>`;
      throw new PublicError('UNAUTHENTICATED', `This field needs the header "${form}", once.`);
    },
    /** Ends the operation when its response is sent, or cancels it when its caller has disconnected. */
    end(isAnswered: boolean): void {
      caller.hasLeft = !isAnswered;
      if (isAnswered) clearTimeout(timer);
      // With a write, the operation continues without its caller until its deadline.
      else if (!commands.some(({ isWrite }) => isWrite)) controller.abort('cancelled' satisfies EndReason);
    },
  };
}

/** Returns the token in the header that has this name. Returns '' unless the header was sent once, with one token. */
function readToken(rawHeaders: readonly string[], header: string): string {
  const isValue = (_: string, index: number) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === header;
  const [value = '', ...others] = rawHeaders.filter(isValue);
  const pattern = header === 'authorization' ? BEARER_TOKEN : TOKEN;
  return (others.length === 0 && pattern.exec(value)?.[1]) || '';
}

/** Outside of the context: the timer would keep the context in memory after the caller has disconnected. */
function abortAt(endsAt: number, controller: AbortController): NodeJS.Timeout {
  // The commands to abort keep the process alive, so the timer need not.
  return setTimeout(() => controller.abort('expired' satisfies EndReason), endsAt - performance.now()).unref();
}

/** Shortens a name from outside for the log and spans. */
export function shorten(text: string | null | undefined): string | undefined {
  return text?.slice(0, MAX_NAME);
}

/** Returns a header as UTF-8, where it is valid, shortened and without control characters: journald would not log them as text. */
function readName(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  const bytes = Buffer.from(String(header), 'latin1');
  return shorten(isUtf8(bytes) ? bytes.toString() : String(header))?.replace(/\p{C}/gu, '');
}
