/**
 * The stock Apollo subgraph: what Apollo's template (subgraph-template-typescript-apollo-server-boilerplate) and the README
 * of @apollo/subgraph show, with got's own example of a JSON call. Everything else is left as it comes. With the argument
 * `by-lists`, references go through a DataLoader.
 */
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import got from 'got';
import { gql } from 'graphql-tag';
import { COMMAND, type Context, createVendor, PORT, type Send, TYPE_DEFS } from './vendor.ts';

const send: Send = (command, authorization) =>
  got.post(COMMAND.url, { json: command, headers: { authorization } }).json();

const { resolvers, createContext } = createVendor(send);
const server = new ApolloServer<Context>({
  schema: buildSubgraphSchema([{ typeDefs: gql(TYPE_DEFS), resolvers }]),
});

const { url } = await startStandaloneServer(server, {
  context: async ({ req }) => createContext(req.headers.authorization),
  listen: { host: '127.0.0.1', port: Number(PORT) },
});

console.log(`Subgraph ready at ${url}`);
