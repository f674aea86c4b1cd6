/**
 * What we add to Apollo Server's way of an operation. Before it runs, subscriptions and rounded ids are refused. When its
 * response is made, the errors become public, the head becomes that of GraphQL over HTTP, and telemetry hears of it.
 */
import type { ApolloServerPlugin, GraphQLRequestContext } from '@apollo/server';
import { NOT_SENT } from '../command-api/failures.ts';
import { type Code, PublicError } from '../errors/public-error.ts';
import type { AnsweredOperation, Context } from './context.ts';
import { isMutation, refuseRoundedIds, refuseSubscription } from './operation-checks.ts';
import { publicErrorsOf } from './response-errors.ts';
import { setHead } from './response-head.ts';

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
