import type { ApolloServerPlugin } from '@apollo/server';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import Negotiator from 'negotiator';
import type { Context } from '../context.ts';

const MEDIA_TYPES = ['application/json', 'application/graphql-response+json'];

/**
 * GraphQL over HTTP wants 200 for every well-formed request that is answered in `application/json`, also for one that
 * does not parse or validate. Apollo answers 400 there; in `application/graphql-response+json` that is right.
 */
export function httpStatus(): ApolloServerPlugin<Context> {
  return {
    async requestDidStart() {
      return {
        async willSendResponse({ request, response, errors }) {
          if (response.http.status !== 400) return;
          const accept = request.http?.headers.get('accept');
          const answersJson = new Negotiator({ headers: { accept } }).mediaType(MEDIA_TYPES) === MEDIA_TYPES[0];
          const malformed = errors?.some(({ extensions }) => extensions.code === ApolloServerErrorCode.BAD_REQUEST);
          if (answersJson && !malformed) response.http.status = 200;
        },
      };
    },
  };
}
