/**
 * One operation: what its resolvers may use, which is their context, and what is known of it afterwards.
 */
import { type ClientDependencies, createClient } from '../command-api/client.ts';
import type { CommandRecord, Credentials } from '../command-api/command.ts';
import { PublicError } from '../errors/public-error.ts';
import type { WriteAccess } from '../maintenance/batch-delete.ts';
import { createLoaders, type Loaders } from '../maintenance/loaders.ts';
import type { Scope } from '../resources/scope.ts';
import { LIMITS } from './limits.ts';
import { OperationErrors } from './public-errors.ts';
import { createResponseBudget, type ResponseBudget } from './response-budget.ts';

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

/** The context of resolvers and plugins. They get a copy, so it must not hold state itself. */
export interface Operation {
  readonly scope: Scope;
  readonly caller: Caller;
  readonly budget: ResponseBudget;
  readonly errors: OperationErrors;
  /** The records of all commands that the operation was allowed, in order. */
  readonly records: readonly CommandRecord[];
  clearLoaders(): void;
  /** Throws `UNAUTHENTICATED` if the caller has sent no usable token. */
  requireToken(): WriteAccess & { readonly loaders: Loaders };
}

export function createOperation(dependencies: ClientDependencies, scope: Scope, caller: Caller): Operation {
  const { credentials, hasToken, tokenForm, traceparent } = caller;
  const budget = createResponseBudget(scope);
  const errors = new OperationErrors(scope.account);
  const client = createClient(dependencies, { scope, credentials, traceparent, limits: LIMITS });
  const loaders = createLoaders({ read: client.read, chargeSearch: budget.chargeSearch });
  const access = { loaders, write: client.write, describeFailure: (error: unknown) => errors.publishAsData(error) };

  return {
    scope,
    caller,
    budget,
    errors,
    records: client.records,
    clearLoaders: loaders.clear,
    requireToken() {
      if (hasToken) return access;
      throw new PublicError('UNAUTHENTICATED', `This field needs the header "${tokenForm}", once.`);
    },
  };
}
