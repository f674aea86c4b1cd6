/**
 * What one operation has to itself: its caller, its loaders, and the record of its commands.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from './arguments.ts';
import { type CommandRecord, createCommandApiClient, type Upstream } from './command-api/client.ts';
import { type Caller, createLoaders } from './loaders.ts';

export interface Context {
  /** Every command that the operation asked for, in order. */
  readonly commands: CommandRecord[];
  /** The client and loaders of the caller, the same at every call. Throws `UNAUTHENTICATED` where the request brought no usable token. */
  caller(): Caller;
}

interface ContextOptions {
  readonly upstream: Upstream;
  /** How long the commands of one operation may take together, in milliseconds. */
  readonly operationTimeoutMs: number;
}

/** Makes the context of a request from its headers. `gone` aborts when the caller has gone away. */
export function createContext(
  { authorization, traceparent }: IncomingHttpHeaders,
  gone: AbortSignal,
  { upstream, operationTimeoutMs }: ContextOptions,
): Context {
  const commands: CommandRecord[] = [];
  let caller: Caller | undefined;
  return {
    commands,
    caller() {
      if (caller) return caller;
      if (!isBearer(authorization)) {
        throw new Refusal('UNAUTHENTICATED', 'This field needs the header "Authorization: Bearer <token>".');
      }
      const writeSignal = AbortSignal.timeout(operationTimeoutMs);
      const session = {
        authorization,
        traceparent: isTraceparent(traceparent) ? traceparent : undefined,
        endsAt: performance.now() + operationTimeoutMs,
        writeSignal,
        readSignal: AbortSignal.any([writeSignal, gone]),
      };
      const client = createCommandApiClient(upstream, session, (asked) => commands.push(asked));
      caller = { client, loaders: createLoaders(client) };
      return caller;
    },
  };
}

/** The scheme and something to show; whether it is a good token the command API says. */
function isBearer(authorization = ''): authorization is string {
  return /^bearer +[\x21-\x7e]+$/i.test(authorization);
}

/** As W3C Trace Context writes it; anything else is not passed on. */
function isTraceparent(traceparent: unknown): traceparent is string {
  return /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(String(traceparent));
}
