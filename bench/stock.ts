/**
 * The stock Apollo subgraph, with its defaults: Apollo's subgraph-template-typescript-apollo-server-boilerplate, the
 * README of @apollo/subgraph, and the JSON call of got's README.
 */
import { readFileSync } from 'node:fs';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import got from 'got';
import { gql } from 'graphql-tag';
import { COMMANDS_URL, createVendor, type NewMaintenance, PORT } from './vendor.ts';

interface Context {
  readonly authorization: string | undefined;
}

const vendor = createVendor((json, authorization) =>
  got.post(COMMANDS_URL, { json, headers: { authorization } }).json(),
);
const typeDefs = gql(readFileSync(new URL('../schema/maintenance.graphql', import.meta.url), 'utf8'));
const resolvers = {
  Query: {
    maintenances: (_: unknown, { residenceId }: { residenceId: string }, { authorization }: Context) =>
      vendor.getList(residenceId, authorization),
    maintenance: (_: unknown, { id }: { id: string }, { authorization }: Context) => vendor.getOne(id, authorization),
  },
  Maintenance: {
    __resolveReference: ({ id }: { id: string }, { authorization }: Context) => vendor.getOne(id, authorization),
  },
  Mutation: {
    createMaintenance: (_: unknown, { input }: { input: NewMaintenance }, { authorization }: Context) =>
      vendor.create(input, authorization),
  },
};

const server = new ApolloServer<Context>({ schema: buildSubgraphSchema([{ typeDefs, resolvers }]) });
await startStandaloneServer(server, {
  context: async ({ req }) => ({ authorization: req.headers.authorization }),
  listen: { host: '127.0.0.1', port: PORT },
});
