/**
 * The stock Apollo subgraph: what Apollo's template (subgraph-template-typescript-apollo-server-boilerplate) and the README
 * of @apollo/subgraph show, with got's own example of a JSON call. Everything else is left as it comes.
 */
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import got from 'got';
import { gql } from 'graphql-tag';
import { COMMAND, type Context, createResolvers, PORT, type Send, TYPE_DEFS } from './vendor.ts';

const send: Send = (command, authorization) =>
  got.post(COMMAND.url, { json: command, headers: { authorization } }).json();

const server = new ApolloServer<Context>({
  schema: buildSubgraphSchema([{ typeDefs: gql(TYPE_DEFS), resolvers: createResolvers(send) }]),
});

const { url } = await startStandaloneServer(server, {
  context: async ({ req }) => ({ authorization: req.headers.authorization }),
  listen: { host: '127.0.0.1', port: Number(PORT) },
});

console.log(`Subgraph ready at ${url}`);
