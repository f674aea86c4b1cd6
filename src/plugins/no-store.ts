import type { ApolloServerPlugin } from '@apollo/server';

/** Leaves it to the host to say that every answer is one caller's: Apollo lets some be kept, those to a persisted query. */
export function noStore(): ApolloServerPlugin {
  return {
    async requestDidStart() {
      return {
        async willSendResponse({ response }) {
          response.http.headers.delete('cache-control');
        },
      };
    },
  };
}
