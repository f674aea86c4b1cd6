/**
 * All that one operation owns: token, signal and deadline, memory, budget, client, loaders, and what it observes. Made once,
 * ended once. The context of its resolvers.
 */
import { isUtf8 } from 'node:buffer';
import { trace } from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import { type CommandApiClient, createClient } from '../command-api/client.ts';
import type { Read } from '../command-api/command.ts';
import type { CommandApi } from '../command-api/command-api.ts';
import { CommandApiError, type EndReason } from '../command-api/failures.ts';
import type { CommandRecord } from '../command-api/record.ts';
import type { Config } from '../config.ts';
import type { Holding, Memory } from '../memory.ts';
import { createOwnTurns, type Queue } from '../turns.ts';
import { createBudget } from './budget.ts';
import { type Code, PublicError, toPublicError, UnforeseenErrors } from './errors.ts';
import { LIMITS } from './limits.ts';

/** Only the form of a token. The upstream validates it. In a header of its own, a token needs no `Bearer`. */
const BEARER_TOKEN = /^bearer +([\x21-\x7e]+)$/i;
const TOKEN = /^(?:bearer +)?(?!bearer$)([\x21-\x7e]+)$/i;
/** Longer names of operations and clients are cut off in the log. */
const MAX_NAME = 100;
/** The format of W3C Trace Context. Other values are not forwarded. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

/** What loaders read with. */
export interface Reader {
  /** Sends a read of anything but a list. Returns its decoded result. Throws a `CommandApiError` or an unforeseen error. */
  read<I, T>(command: Read<I, T> & (T extends readonly unknown[] ? never : unknown), input: I): Promise<T>;
  /** Sends a read of a list, likewise. Returns a function that returns the list, and charges one search of it. */
  readList<I, T>(command: Read<I, readonly T[]>, input: I): Promise<() => readonly T[]>;
}

/** What the resolvers of queries and entities get. */
export interface ReadContext<Loaders> {
  /** Returns the loaders. Throws `UNAUTHENTICATED` without a usable token. */
  requireLoaders(): Loaders;
}

/** What the resolvers of mutations get. */
export interface WriteContext {
  /** Returns the function that sends a write. Throws `UNAUTHENTICATED` without a usable token. */
  requireWrite(): CommandApiClient['write'];
  /** Returns the public form of an error of a write, for a response that describes it as data. The log has its code. */
  describeAsData(error: unknown): PublicError;
}

/** What forgets all that was read, so that later reads are current. */
interface Clearable {
  clear(): void;
}

export type Operation<Loaders extends Clearable = Clearable> = ReturnType<typeof createOperation<Loaders>>;

/** What the host passes on of a request: `holding` has its body already, `startedAt` is on the clock of `performance.now()`. */
type Incoming = Pick<FastifyRequest, 'id' | 'headers' | 'raw'> & {
  readonly holding: Holding;
  readonly startedAt: number;
};

/** Creates the operation of a request. */
export function createOperation<Loaders extends Clearable>(
  { id, headers, raw, holding, startedAt }: Incoming,
  commandApi: CommandApi,
  resources: { memory: Memory; queue: Queue; timeoutMs: number },
  { OPERATION_TIMEOUT_MS, TOKEN_HEADER }: Config,
  createLoaders: (reader: Reader) => Loaders,
) {
  // Once, not for each of a thousand representations: a token may have 16 KB.
  const token = readToken(raw.rawHeaders, TOKEN_HEADER);
  const traceparent = TRACEPARENT.exec(String(headers.traceparent))?.[0];
  const endsAt = startedAt + OPERATION_TIMEOUT_MS;
  const commands: CommandRecord[] = [];
  const counts = { reads: 0, writes: 0 };
  const controller = new AbortController();
  const { signal } = controller;
  const turns = createOwnTurns(resources.queue, startedAt);
  const budget = createBudget(holding, turns, signal);
  const timer = abortAt(endsAt, controller);
  const client = createClient(commandApi, resources, {
    token,
    traceparent,
    holding,
    signal,
    endsAt,
    turns,
    addCommand,
  });
  const loaders = createLoaders({
    read: client.read,
    // Searching also takes time for entries that are not returned.
    async readList(command, input) {
      const list = await client.read(command, input);
      return () => {
        budget.chargeSearch(list.length);
        return list;
      };
    },
  });
  // An object, because Apollo Server copies the context.
  const caller = { hasLeft: false };
  const unforeseen = new UnforeseenErrors();
  /** The codes of the errors that the response describes as data. */
  const failureCodes: Code[] = [];

  function requireToken(): void {
    if (token) return;
    const form = TOKEN_HEADER === 'authorization' ? 'Authorization: Bearer <token>' : `${TOKEN_HEADER}: <token>`;
    throw new PublicError('UNAUTHENTICATED', `This field needs the header "${form}", once.`);
  }

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
    failureCodes,
    unforeseen,
    /** Whether the caller disconnected before its response. */
    caller,
    requireLoaders(): Loaders {
      requireToken();
      return loaders;
    },
    requireWrite() {
      requireToken();
      return client.write;
    },
    describeAsData(error: unknown) {
      const shown = toPublicError(error, unforeseen, true);
      failureCodes.push(shown.extensions.code);
      return shown;
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
