/**
 * Makes Apollo Server's responses follow GraphQL over HTTP.
 */
import type { ApolloServerPlugin } from '@apollo/server';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import { GraphQLError } from 'graphql';

export const graphqlOverHttp: ApolloServerPlugin = {
  unexpectedErrorProcessingRequest,
  async requestDidStart() {
    return {
      async willSendResponse({ operation, source, request, response: { http } }) {
        const isMutation = operation?.operation === 'mutation';
        if (!isMutation && !source) return;
        const [type] = /application\/(graphql-response\+)?json/.exec(request.http?.headers.get('accept') ?? '') ?? [];
        // The first JSON type that is named. Apollo would refuse others with 406, even after a mutation has run.
        if (type || isMutation) http.headers.set('content-type', `${type ?? 'application/json'}; charset=utf-8`);
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
async function unexpectedErrorProcessingRequest({ error }: { error: Error }) {
  if (error.message !== 'Maximum call stack size exceeded') throw error;
  throw new GraphQLError('The document is nested too deeply.', {
    extensions: { code: ApolloServerErrorCode.GRAPHQL_VALIDATION_FAILED, http: { status: 200 } },
  });
}
