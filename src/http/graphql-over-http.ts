/**
 * Makes Apollo Server's responses follow GraphQL over HTTP.
 */
import type { ApolloServerPlugin, GraphQLRequestContext } from '@apollo/server';
import { isMutation, PublicError } from '../graphql/errors.ts';

type Unexpected = { readonly requestContext: GraphQLRequestContext<object>; readonly error: Error };

export const graphqlOverHttp: ApolloServerPlugin = {
  unexpectedErrorProcessingRequest,
  async requestDidStart() {
    return {
      async didResolveOperation({ operation }) {
        if (operation?.operation === 'subscription')
          throw new PublicError('BAD_USER_INPUT', 'Subscriptions are not supported.', { http: { status: 400 } });
      },
      async willSendResponse({ operation, source, request, response: { http } }) {
        const isWriting = operation?.operation === 'mutation';
        if (!isWriting && !source) return;
        const [type] = /application\/(graphql-response\+)?json/.exec(request.http?.headers.get('accept') ?? '') ?? [];
        // The first JSON type that is named. Apollo would refuse others with 406, even after a mutation has run.
        if (type || isWriting) http.headers.set('content-type', `${type ?? 'application/json'}; charset=utf-8`);
        // Apollo answers 400 if a document does not parse or validate. GraphQL over HTTP says that a response in
        // application/json SHOULD have 200.
        if (http.status === 400 && type !== 'application/graphql-response+json') http.status = 200;
      },
    };
  },
};

/**
 * Apollo Server's hook for unexpected errors. Rethrows them, so that formatError masks and logs them. Apollo would log
 * the message, which may quote anything, and respond without an id. Exception: hundreds of nested fragments can
 * overflow graphql's stack during validation, which is the caller's fault.
 */
async function unexpectedErrorProcessingRequest({ error, requestContext: { document, request } }: Unexpected) {
  if (!(error instanceof RangeError)) throw error;
  const outcome = isMutation(document, request.operationName) ? 'NOT_SENT' : undefined;
  const extensions = { outcome, http: { status: 200 } };
  throw new PublicError('GRAPHQL_VALIDATION_FAILED', 'The document is nested too deeply.', extensions);
}
