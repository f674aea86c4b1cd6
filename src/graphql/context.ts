/**
 * The context of one operation: what its resolvers may use, and what telemetry tells of it afterwards.
 */
import { type ClientDependencies, createClient } from '../command-api/client.ts';
import type { CommandRecord, Credentials } from '../command-api/command.ts';
import { type Code, PublicError, UnforeseenErrors } from '../errors/public-error.ts';
import type { ReadContext, WriteContext } from '../maintenance/context.ts';
import { createLoaders } from '../maintenance/loaders.ts';
import type { Lifetime } from '../resources/lifetime.ts';
import { failureInData } from './public-failures.ts';
import { ResponseSize } from './response-size.ts';

/** What the head of a request says of its caller. */
export interface Caller {
  /** What the command API learns of the caller. Useless without a usable token. */
  readonly credentials: Credentials;
  readonly hasToken: boolean;
  /** How a request has to carry the token, for the message of an error. */
  readonly tokenForm: string;
  /** The value to forward, if it is valid. */
  readonly traceparent: string | undefined;
  /** Identifies the request and its caller in the log. */
  readonly logFields: Readonly<Record<'requestId' | 'traceId' | 'clientName' | 'clientVersion', string | undefined>>;
}

/** Resolvers and plugins get a copy, so it must not hold state itself. */
export interface Context extends ReadContext, WriteContext {
  readonly lifetime: Lifetime;
  readonly caller: Caller;
  readonly responseSize: ResponseSize;
  readonly unforeseen: UnforeseenErrors;
  /** The records of all commands that the operation was allowed, in order. */
  readonly records: readonly CommandRecord[];
  clearLoaders(): void;
}

/** An operation whose response is made. */
export interface AnsweredOperation {
  /** `query` or `mutation`; undefined for a document that was refused. */
  readonly type: string | undefined;
  readonly name: string | null | undefined;
  readonly context: Context;
  /** The codes of the errors that the response has. */
  readonly codes: readonly Code[];
}

export function createContext(dependencies: ClientDependencies, lifetime: Lifetime, caller: Caller): Context {
  const { credentials, hasToken, tokenForm, traceparent } = caller;
  const unforeseen = new UnforeseenErrors();
  const client = createClient(dependencies, { lifetime, credentials, traceparent });
  const loaders = createLoaders(client);
  const describeFailure = (error: unknown) => failureInData(error, unforeseen);
  const writeAccess = { write: client.write, describeFailure };

  function requireToken(): void {
    if (!hasToken) throw new PublicError('UNAUTHENTICATED', `This field needs the header "${tokenForm}", once.`);
  }

  return {
    lifetime,
    caller,
    responseSize: new ResponseSize(lifetime.budget),
    unforeseen,
    records: client.records,
    clearLoaders: loaders.clear,
    requireLoaders() {
      requireToken();
      return loaders;
    },
    requireWriteAccess() {
      requireToken();
      return writeAccess;
    },
  };
}
