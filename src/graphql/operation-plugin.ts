/**
 * What we add to Apollo Server's way of an operation. Before it runs, subscriptions and rounded ids are refused. When its
 * response is made, the errors become public, the head becomes that of GraphQL over HTTP, and telemetry hears of it.
 */
import type {
  ApolloServerPlugin,
  GraphQLRequestContext,
  GraphQLRequestContextDidResolveOperation,
  GraphQLRequestContextWillSendResponse,
} from '@apollo/server';
import { Kind, type TypeNode } from 'graphql';
import { NOT_SENT } from '../command-api/failures.ts';
import { type Code, PublicError } from '../errors/public-error.ts';
import type { AnsweredOperation, Context } from './context.ts';
import { isMutation, publicErrorsOf } from './response-errors.ts';

/**
 * Creates the plugin. `operationAnswered` is called when the response is made, while the span of its request is active.
 */
export function createOperationPlugin(
  isProduction: boolean,
  operationAnswered: (operation: AnsweredOperation) => void,
): ApolloServerPlugin<Context> {
  return {
    requestDidStart: async () => ({
      async didResolveOperation(resolved) {
        refuseSubscription(resolved);
        refuseRoundedIds(resolved);
      },

      async willSendResponse(responding) {
        const { operation, operationName, contextValue: context, response } = responding;
        if (response.body.kind !== 'single') return;
        const errors = responding.errors && publicErrorsOf(responding, isProduction);
        if (errors?.length) response.body.singleResult.errors = errors;
        setHead(responding);
        const codes = errors?.map(({ extensions }) => extensions.code as Code) ?? [];
        operationAnswered({ type: operation?.operation, name: operationName, context, codes });
      },
    }),

    /**
     * Masks an unexpected error, whose message Apollo would log although it may quote anything. Exception: deep nesting
     * can overflow graphql's stack before there is an operation, which is the caller's fault.
     */
    async unexpectedErrorProcessingRequest({ error, requestContext }: Unexpected) {
      const { contextValue: context, operation, request } = requestContext;
      const isTooDeep = error instanceof RangeError && !operation;
      const thrown = isTooDeep ? tooDeep(requestContext) : context.unforeseen.mask(error);
      const { code } = thrown.extensions;
      operationAnswered({ type: operation?.operation, name: request.operationName, context, codes: [code] });
      throw thrown;
    },
  };
}

function tooDeep({ document, request }: GraphQLRequestContext<Context>): PublicError {
  const outcome = isMutation(document, request.operationName) ? NOT_SENT : undefined;
  const message = 'The document is nested too deeply.';
  return new PublicError('GRAPHQL_VALIDATION_FAILED', message, { outcome, http: { status: 200 } });
}

type Unexpected = { readonly requestContext: GraphQLRequestContext<Context>; readonly error: Error };
type Resolved = GraphQLRequestContextDidResolveOperation<Context>;
type Responding = GraphQLRequestContextWillSendResponse<Context>;

const STATUS_400 = { http: { status: 400 } };

function refuseSubscription({ operation }: Resolved): void {
  if (operation?.operation === 'subscription')
    throw new PublicError('BAD_USER_INPUT', 'Subscriptions are not supported.', STATUS_400);
}

/** The levels of a variable: an input, a list in it, an entry. graphql refuses more. */
const VARIABLE_LEVELS = 3;

/**
 * Refuses an integer beyond 2^53 in place of an id. JSON.parse has rounded it to the id of something else.
 * Representations are not coerced to types, and have only texts as ids.
 */
function refuseRoundedIds({ operation, request: { variables = {} } }: Resolved): void {
  const isRounded = (value: unknown, levels: number): boolean => {
    if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value);
    if (typeof value !== 'object' || value === null || levels === 0) return false;
    return Object.values(value).some((inner) => isRounded(inner, levels - 1));
  };
  for (const { variable, type } of operation?.variableDefinitions ?? []) {
    const { value: name } = variable.name;
    if (nameOf(type) !== '_Any' && isRounded(Object.hasOwn(variables, name) && variables[name], VARIABLE_LEVELS))
      throw new PublicError('BAD_USER_INPUT', 'A variable has a number beyond 2^53. Send ids as texts.', STATUS_400);
  }
}

function nameOf(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : nameOf(type.type);
}

/** Sets the type and the status of a response as GraphQL over HTTP asks for them. */
function setHead({ operation, source, request, response: { http } }: Responding): void {
  const isWriting = operation?.operation === 'mutation';
  const type = preferredType(request.http?.headers.get('accept'));
  // Apollo would refuse other types with 406, even after a mutation has run.
  if (isWriting || (source && type)) http.headers.set('content-type', `${type ?? 'application/json'}; charset=utf-8`);
  // Apollo answers 400 if a document does not parse or validate. GraphQL over HTTP says that a response in
  // application/json SHOULD have 200.
  const isPlain = source && type !== 'application/graphql-response+json';
  if (http.status === 400 && isPlain) http.status = 200;
}

/** Returns the JSON type that `Accept` names with the highest weight, the first of several, or undefined. */
function preferredType(accept = ''): string | undefined {
  const ranges = accept.split(',').map((range) => ({
    type: /^\s*(application\/(?:graphql-response\+)?json)\s*(?:;|$)/i.exec(range)?.[1]?.toLowerCase(),
    weight: Number(/;\s*q=([\d.]+)/i.exec(range)?.[1] ?? 1),
  }));
  const acceptable = ranges.filter(({ type, weight }) => type && weight > 0);
  return acceptable.toSorted((a, b) => b.weight - a.weight)[0]?.type;
}
