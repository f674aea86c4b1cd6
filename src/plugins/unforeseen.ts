import type { ApolloServerPlugin } from '@apollo/server';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import { GraphQLError } from 'graphql';

/**
 * Hands an error that nobody foresaw on to formatError, which masks and logs it: Apollo would log its message, which may
 * quote anything, and answer one without an id. A document that graphql cannot validate within the stack is its author's
 * fault: hundreds of fragments that spread each other are within every limit.
 */
export function unforeseen(): ApolloServerPlugin {
  return {
    async unexpectedErrorProcessingRequest({ error }) {
      if (error.name !== 'RangeError') throw error;
      throw new GraphQLError('The document is nested too deeply.', {
        extensions: { code: ApolloServerErrorCode.GRAPHQL_VALIDATION_FAILED, http: { status: 200 } },
      });
    },
  };
}
