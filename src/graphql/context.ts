/**
 * The context of one operation: its caller, loaders, response budget and record of commands.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { createCommandApiClient, type Upstream } from '../command-api/client.ts';
import type { Command } from '../command-api/command.ts';
import type { Share } from '../memory.ts';
import { currentTraceparent } from '../tracing.ts';
import { createAnswerBudget } from './answer.ts';
import { Refusal, Unforeseen } from './errors.ts';
import { LIMITS } from './limits.ts';
import { type Caller, createLoaders } from './loaders.ts';

/** Checks only the form. The upstream validates the token. */
const BEARER = /^bearer +[\x21-\x7e]+$/i;
/** Longer names of operations and clients are cut off in the log. */
const MAX_NAME = 100;
/** The format of W3C Trace Context. Other values are not forwarded. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

// Created once: the stack of an error keeps the objects of its functions in memory.
const OUT_OF_TIME = new DOMException('out of time', 'TimeoutError');
const GONE = new DOMException('caller disconnected', 'AbortError');

export type Context = ReturnType<typeof createContext>;

/** The properties of a request that the host passes on. */
export interface Incoming {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  /** The memory account that already includes the request's body. */
  readonly share: Share;
  /** Whether the response includes an inline trace. */
  readonly isTraced: boolean;
}

/** Creates the context of a request. All commands of the operation together may take `timeoutMs`. */
export function createContext({ id, headers, share, isTraced }: Incoming, upstream: Upstream, timeoutMs: number) {
  const { authorization = '' } = headers;
  const traceparent = TRACEPARENT.exec(String(headers.traceparent))?.[0];
  const commands: Command[] = [];
  const [reads, writes] = [new AbortController(), new AbortController()];
  const timer = abortAfter(timeoutMs, [reads, writes]);
  const endsAt = performance.now() + timeoutMs;
  let caller: Caller | undefined;
  const left: Record<'reads' | 'writes', number> = { reads: LIMITS.reads, writes: LIMITS.writes };

  function countCommands(kind: 'reads' | 'writes', count: number): void {
    if (count > left[kind])
      throw new Refusal('BAD_USER_INPUT', `Too many ${kind} in one operation: at most ${LIMITS[kind]} commands.`);
    left[kind] -= count;
  }

  return {
    /** Identifies the request and its client in the log. */
    request: {
      requestId: id,
      traceId: (currentTraceparent() ?? traceparent)?.split('-')[1],
      clientName: shorten(headers['apollographql-client-name']),
      clientVersion: shorten(headers['apollographql-client-version']),
    },
    /** Every command of the operation, in order. */
    commands,
    answer: createAnswerBudget(share, isTraced),
    unforeseen: new Unforeseen(),
    /** Returns the caller's client and loaders, the same for every call. Throws `UNAUTHENTICATED` without a usable token. */
    caller(): Caller {
      if (caller) return caller;
      if (!BEARER.test(authorization)) {
        throw new Refusal('UNAUTHENTICATED', 'This field needs the header "Authorization: Bearer <token>".');
      }
      const session = {
        authorization,
        traceparent,
        endsAt,
        readSignal: reads.signal,
        writeSignal: writes.signal,
        share,
      };
      const client = createCommandApiClient(upstream, session, commands);
      const loaders = createLoaders(client, () => countCommands('reads', 1));
      caller = { client, loaders, countWrites: (count) => countCommands('writes', count) };
      return caller;
    },
    /** Ends the operation when its response is sent, or aborts its reads when its caller has disconnected. */
    end(answered: boolean): void {
      // A write continues without its caller, until the operation's deadline.
      if (answered) clearTimeout(timer);
      else reads.abort(GONE);
    },
  };
}

/** Outside of the context: the timer would keep the context in memory after the caller has disconnected. */
function abortAfter(timeoutMs: number, controllers: readonly AbortController[]): NodeJS.Timeout {
  const abort = () => {
    for (const one of controllers) one.abort(OUT_OF_TIME);
  };
  // The commands to abort keep the process alive, so the timer need not.
  return setTimeout(abort, timeoutMs).unref();
}

/** Shortens a name from outside for the log and spans. */
export function shorten(text: string | string[] | null | undefined): string | undefined {
  return text?.toString().slice(0, MAX_NAME);
}
