/**
 * What one operation has to itself: its caller, its loaders, and the record of its commands.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { createCommandApiClient, type Upstream } from '../command-api/client.ts';
import type { Command } from '../command-api/command.ts';
import type { Share } from '../memory.ts';
import { currentTraceparent } from '../tracing.ts';
import { type AnswerBudget, createAnswerBudget } from './answer.ts';
import { Refusal, Unforeseen } from './errors.ts';
import { LIMITS } from './limits.ts';
import { type Caller, createLoaders } from './loaders.ts';

/** The scheme and something to show; whether it is a good token the command API says. */
const BEARER = /^bearer +[\x21-\x7e]+$/i;
/** Nobody names an operation or a client so long, but anybody may. */
const MAX_NAME = 100;
/** As W3C Trace Context writes it; anything else is not passed on. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

// Made once: the stack of an error holds on to the functions and objects in it.
const OUT_OF_TIME = new DOMException('out of time', 'TimeoutError');
const GONE = new DOMException('the caller has gone', 'AbortError');

export interface Context {
  /** What tells the request, and the client that it comes from, in the log. */
  readonly request: Readonly<Record<string, string | undefined>>;
  /** Every command that the operation asked for, in order. */
  readonly commands: Command[];
  readonly answer: AnswerBudget;
  readonly unforeseen: Unforeseen;
  /** The client and loaders of the caller, the same at every call. Throws `UNAUTHENTICATED` where the request brought no usable token. */
  caller(): Caller;
  /** To be called once the operation was answered, or its caller has gone without an answer: then its reads are given up. */
  end(answered: boolean): void;
}

/** What the host knows of a request. */
export interface Incoming {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  /** The memory that its body has been counted in. */
  readonly share: Share;
  /** Whether its answer has an inline trace. */
  readonly isTraced: boolean;
}

/** Makes the context of a request. All its commands together may take `timeoutMs`. */
export function createContext(
  { id, headers, share, isTraced }: Incoming,
  upstream: Upstream,
  timeoutMs: number,
): Context {
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
    request: {
      requestId: id,
      traceId: (currentTraceparent() ?? traceparent)?.split('-')[1],
      clientName: shorten(headers['apollographql-client-name']),
      clientVersion: shorten(headers['apollographql-client-version']),
    },
    commands,
    answer: createAnswerBudget(share, isTraced),
    unforeseen: new Unforeseen(),
    caller() {
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
    end(answered) {
      // A write goes on without its caller, for as long as it may.
      if (answered) clearTimeout(timer);
      else reads.abort(GONE);
    },
  };
}

/** Apart from the context, which the timer would keep in memory after the caller has gone. */
function abortAfter(timeoutMs: number, controllers: readonly AbortController[]): NodeJS.Timeout {
  const abort = () => {
    for (const one of controllers) one.abort(OUT_OF_TIME);
  };
  // What it would end keeps the process running by itself.
  return setTimeout(abort, timeoutMs).unref();
}

/** A name that came from outside, as the log and spans have it. */
export function shorten(text: string | string[] | null | undefined): string | undefined {
  return text?.toString().slice(0, MAX_NAME);
}
