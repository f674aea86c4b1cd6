/**
 * One operation: its token, lease, budget, client and loaders, and what it observes. The context of its resolvers.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { trace } from '@opentelemetry/api';
import { createClient } from '../command-api/client.ts';
import type { Read } from '../command-api/command.ts';
import type { CommandApi } from '../command-api/command-api.ts';
import type { Config } from '../config.ts';
import type { Lease } from '../lease.ts';
import { createBudget } from './budget.ts';
import { type Code, PublicError, toPublicError, UnforeseenErrors } from './errors.ts';
import { LIMITS } from './limits.ts';

/** Only the form of a token. The command API validates it. In a header of its own, a token needs no `Bearer`. */
const BEARER_TOKEN = /^bearer +([\x21-\x7e]+)$/i;
const TOKEN = /^(?:bearer +)?(?!bearer$)([\x21-\x7e]+)$/i;
/** Longer names of operations and callers are cut off in the log. */
const MAX_NAME = 100;
/** The format of W3C Trace Context. Other values are not forwarded. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

/** What loaders read with. */
export interface Reader {
  /**
   * Sends a read of anything but a list. Returns its decoded result. Throws a `CommandApiError` or an unforeseen error.
   */
  read<I, T>(command: Read<I, T> & (T extends readonly unknown[] ? never : unknown), input: I): Promise<T>;
  /** Sends a read of a list, likewise. Returns a function that returns the list, and charges one search of it. */
  readList<I, T>(command: Read<I, readonly T[]>, input: I): Promise<() => readonly T[]>;
}

/** Loaders that forget what they have read, so that later reads are current. */
type Clearable = { clear(): void };

/** The context of resolvers that read. */
export type ReadContext<Loaders> = { requireAccess(): { readonly loaders: Loaders } };
/** The context of resolvers that write. */
export type WriteContext = {
  requireAccess(): Pick<ReturnType<Operation['requireAccess']>, 'write' | 'describeAsData'>;
};

export type Operation<Loaders extends Clearable = Clearable> = ReturnType<typeof createOperation<Loaders>>;

/** What the host passes on of a request. */
type Incoming = Pick<IncomingMessage, 'headers'> & { id: string; raw: IncomingMessage; lease: Lease };

/** Creates the operation of a request. */
export function createOperation<Loaders extends Clearable>(
  commandApi: CommandApi,
  { TOKEN_HEADER }: Config,
  createLoaders: (reader: Reader) => Loaders,
  { id, headers, raw, lease }: Incoming,
) {
  // Once, not for each of a thousand representations: a token may have 16 KB.
  const token = parseToken(raw.rawHeaders, TOKEN_HEADER);
  const traceparent = TRACEPARENT.exec(String(headers.traceparent))?.[0];
  const budget = createBudget(lease);
  const { commands, read, write } = createClient(commandApi, {
    credentials: { token },
    traceparent,
    lease,
    limits: LIMITS,
  });
  const loaders = createLoaders({
    read,
    async readList(command, input) {
      const list = await read(command, input);
      return () => {
        // Searching also takes time for entries that are not returned.
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
  const access = {
    loaders,
    write,
    /**
     * Returns the public form of an error of a write, for a response that describes it as data. The log has its code.
     */
    describeAsData(error: unknown): PublicError {
      const shown = toPublicError(error, unforeseen, { ifPublic: 'NOT_SENT' });
      failureCodes.push(shown.extensions.code);
      return shown;
    },
  };

  return {
    lease,
    /** Identifies the request and its caller in the log. */
    logFields: {
      requestId: id,
      traceId: trace.getActiveSpan()?.spanContext().traceId ?? traceparent?.split('-')[1],
      clientName: parseName(headers['apollographql-client-name']),
      clientVersion: parseName(headers['apollographql-client-version']),
    },
    /** The records of all commands that the operation was allowed, in order. */
    commands,
    budget,
    clearLoaders: () => loaders.clear(),
    failureCodes,
    unforeseen,
    /** Whether the caller disconnected before its response. */
    caller,
    /** Returns what resolvers read and write with. Throws `UNAUTHENTICATED` without a usable token. */
    requireAccess() {
      if (token) return access;
      const form = TOKEN_HEADER === 'authorization' ? 'Authorization: Bearer <token>' : `${TOKEN_HEADER}: <token>`;
      throw new PublicError('UNAUTHENTICATED', `This field needs the header "${form}", once.`);
    },
    /** Cancels the operation, whose caller has disconnected. A write that has been sent continues until the deadline. */
    leave(): void {
      caller.hasLeft = true;
      lease.leave();
      if (!commands.some(({ isWrite }) => isWrite)) lease.end('cancelled');
    },
  };
}

/** Returns the token in the header that has this name. Returns '' unless the header was sent once, with one token. */
function parseToken(rawHeaders: readonly string[], header: string): string {
  const isValue = (_: string, index: number) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === header;
  const [value = '', ...others] = rawHeaders.filter(isValue);
  const pattern = header === 'authorization' ? BEARER_TOKEN : TOKEN;
  return (others.length === 0 && pattern.exec(value)?.[1]) || '';
}

/** Shortens a name from outside for the log, spans and faults. */
export function shorten(text: string | null | undefined): string | undefined {
  return text?.slice(0, MAX_NAME);
}

/**
 * Returns a header as UTF-8, where it is valid, shortened and without control characters: journald would not log them
 * as text.
 */
function parseName(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  const bytes = Buffer.from(String(header), 'latin1');
  return shorten(isUtf8(bytes) ? bytes.toString() : String(header))?.replace(/\p{C}/gu, '');
}
