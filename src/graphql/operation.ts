/**
 * One operation: what its resolvers may use, which is their context, and what is known of it afterwards.
 */
import { type CommandApi, createClient } from '../command-api/client.ts';
import { createLoaders } from '../maintenance/loaders.ts';
import type { Scope } from '../resources/scope.ts';
import { LIMITS } from './limits.ts';
import { OperationErrors, PublicError } from './public-errors.ts';
import { createResponseBudget } from './response-budget.ts';

/** What the head of a request says of its caller. */
export interface Caller {
  /** The vendor's access token, or '' without a usable one. */
  readonly token: string;
  /** How a request has to carry the token, for the message of an error. */
  readonly tokenForm: string;
  /** The value to forward, if it is valid. */
  readonly traceparent: string | undefined;
  /** Identifies the request and its caller in the log. */
  readonly logFields: Readonly<Record<'requestId' | 'traceId' | 'clientName' | 'clientVersion', string | undefined>>;
}

/** The context of resolvers and plugins, who get a copy of it: it has no state of its own. */
export type Operation = ReturnType<typeof createOperation>;

export function createOperation(commandApi: CommandApi, scope: Scope, caller: Caller) {
  const { token, tokenForm, traceparent } = caller;
  const { commands, read, write } = createClient(commandApi, { scope, token, traceparent, limits: LIMITS });
  const budget = createResponseBudget(scope);
  const errors = new OperationErrors(scope.account);
  const loaders = createLoaders({ read, chargeSearch: budget.chargeSearch });
  const access = { loaders, write, describeFailure: (error: unknown) => errors.describe(error) };

  return {
    scope,
    caller,
    budget,
    errors,
    /** The records of all commands that the operation was allowed, in order. */
    commands,
    clearLoaders: () => loaders.clear(),
    requireAccess() {
      if (token) return access;
      throw new PublicError('UNAUTHENTICATED', `This field needs the header "${tokenForm}", once.`);
    },
  };
}
