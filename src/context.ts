/**
 * What one operation has to itself: its caller, its loaders, and the record of its commands.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from './arguments.ts';
import { createCommandApiClient, type Upstream } from './command-api/client.ts';
import type { Command } from './command-api/command.ts';
import { LIMITS } from './limits.ts';
import { type Caller, createLoaders } from './loaders.ts';
import { currentTraceparent } from './tracing.ts';

/** The scheme and something to show; whether it is a good token the command API says. */
const BEARER = /^bearer +[\x21-\x7e]+$/i;
/** Nobody names an operation or a client so long, but anybody may. */
const MAX_NAME = 100;
/** As W3C Trace Context writes it; anything else is not passed on. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

export interface Context {
  /** What tells the request, and the client that it comes from, in the log. */
  readonly request: Readonly<Record<string, string | undefined>>;
  /** Every command that the operation asked for, in order. */
  readonly commands: Command[];
  /** How many details were loaded at a time. */
  readonly batches: number[];
  /** Takes a cost, in fields, from what the answer may cost, if so much is left; else takes nothing and answers false. */
  take(cost: number): boolean;
  /** Whether a text had no room and has said so. */
  textLeftOut: boolean;
  /** The client and loaders of the caller, the same at every call. Throws `UNAUTHENTICATED` where the request brought no usable token. */
  caller(): Caller;
  /** To be called once the operation was answered, or its caller has gone without an answer: then its reads are given up. */
  end(answered: boolean): void;
}

/** Makes the context of a request from its id and headers. All its commands together may take `timeoutMs`. */
export function createContext(
  requestId: string,
  headers: IncomingHttpHeaders,
  upstream: Upstream,
  timeoutMs: number,
): Context {
  const { authorization = '' } = headers;
  const traceparent = TRACEPARENT.exec(String(headers.traceparent))?.[0];
  const batches: number[] = [];
  const commands: Command[] = [];
  const [reads, writes] = [new AbortController(), new AbortController()];
  const timer = setTimeout(() => {
    for (const one of [reads, writes]) one.abort(new DOMException('out of time', 'TimeoutError'));
  }, timeoutMs);
  // What it would end keeps the process running by itself.
  timer.unref();
  const endsAt = performance.now() + timeoutMs;
  let caller: Caller | undefined;
  let left: number = LIMITS.answer;
  return {
    request: {
      requestId,
      traceId: (currentTraceparent() ?? traceparent)?.split('-')[1],
      clientName: shorten(headers['apollographql-client-name']),
      clientVersion: shorten(headers['apollographql-client-version']),
    },
    commands,
    batches,
    textLeftOut: false,
    take(cost) {
      if (cost > left) return false;
      left -= cost;
      return true;
    },
    caller() {
      if (caller) return caller;
      if (!BEARER.test(authorization)) {
        throw new Refusal('UNAUTHENTICATED', 'This field needs the header "Authorization: Bearer <token>".');
      }
      const session = {
        headers: { authorization, traceparent },
        endsAt,
        readSignal: reads.signal,
        writeSignal: writes.signal,
      };
      const client = createCommandApiClient(upstream, session, commands);
      caller = { client, loaders: createLoaders(client, batches) };
      return caller;
    },
    end(answered) {
      // A write goes on without its caller, for as long as it may.
      if (answered) clearTimeout(timer);
      else reads.abort();
    },
  };
}

/** A name that came from outside, as the log and spans have it. */
export function shorten(text: string | string[] | null | undefined): string | undefined {
  return text?.toString().slice(0, MAX_NAME);
}
