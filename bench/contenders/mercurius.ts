/**
 * Mercurius as a subgraph on Fastify, with graphql-jit from the first repetition of an operation on (`jit: 1`).
 * @mercuriusjs/federation knows directives of version 1, but accepts an SDL of version 2 unchanged. Its docs recommend a loader
 * for `__resolveReference`. A loader would not help: the command API has no batch of details.
 */
import { mercuriusFederationPlugin } from '@mercuriusjs/federation';
import fastify from 'fastify';
import { send } from './undici.ts';
import { type Context, createResolvers, PORT, TYPE_DEFS } from './vendor.ts';

declare module 'mercurius' {
  interface MercuriusContext {
    readonly authorization: string | undefined;
  }
}

const { Maintenance, ...resolvers } = createResolvers(send);

const app = fastify();

app.register(mercuriusFederationPlugin, {
  schema: TYPE_DEFS,
  resolvers: {
    ...resolvers,
    Maintenance: {
      // Apollo's and Yoga's have no arguments in second place.
      __resolveReference: (reference, _, context) => Maintenance.__resolveReference(reference, context),
    },
  },
  context: ({ headers }): Context => ({ authorization: headers.authorization }),
  jit: 1,
});

await app.listen({ host: '127.0.0.1', port: Number(PORT) });
