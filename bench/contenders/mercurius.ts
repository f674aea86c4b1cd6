/**
 * Mercurius as a subgraph on Fastify, with graphql-jit from the first repetition of an operation on (`jit: 1`).
 * @mercuriusjs/federation knows directives of version 1, but accepts an SDL of version 2 unchanged. With the argument
 * `by-lists`, references go through a DataLoader.
 *
 * Sends commands with undici, whose README recommends `request` for speed. Its Pool keeps connections alive.
 */
import { mercuriusFederationPlugin } from '@mercuriusjs/federation';
import fastify from 'fastify';
import { Pool } from 'undici';
import { COMMAND, type Context, createVendor, PORT, type Send, TYPE_DEFS } from './vendor.ts';

declare module 'mercurius' {
  interface MercuriusContext extends Context {}
}

// As many as this subgraph has. Without a bound, the command API would run out of files.
const pool = new Pool(COMMAND.origin, { connections: 256 });
const send: Send = async (command, authorization) => {
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: COMMAND.path,
    headers: { 'content-type': 'application/json', accept: 'application/json', authorization },
    body: JSON.stringify(command),
  });
  if (statusCode >= 200 && statusCode < 300) return body.json();
  // Undici keeps the connection only once the body was read.
  await body.dump();
  throw new Error(`The command API answered ${statusCode}.`);
};

const {
  resolvers: { Maintenance, ...resolvers },
  createContext,
} = createVendor(send);

const app = fastify();

app.register(mercuriusFederationPlugin, {
  schema: TYPE_DEFS,
  resolvers: {
    ...resolvers,
    Maintenance: {
      // Apollo's has no arguments in second place.
      __resolveReference: (reference, _, context) => Maintenance.__resolveReference(reference, context),
    },
  },
  context: ({ headers }) => createContext(headers.authorization),
  jit: 1,
});

await app.listen({ host: '127.0.0.1', port: Number(PORT) });
