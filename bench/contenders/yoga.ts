/**
 * GraphQL Yoga as a subgraph on node:http, as its page on Apollo Federation shows. Its parser and validation cache stays on,
 * which is the default and all that its docs advise for speed without caching answers; it logs nothing.
 */
import { createServer } from 'node:http';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { createYoga } from 'graphql-yoga';
import { send } from './undici.ts';
import { type Context, createResolvers, PORT, TYPE_DEFS } from './vendor.ts';

const yoga = createYoga<object, Context>({
  schema: buildSubgraphSchema([{ typeDefs: parse(TYPE_DEFS), resolvers: createResolvers(send) }]),
  context: ({ request }) => ({ authorization: request.headers.get('authorization') ?? undefined }),
  graphiql: false,
  logging: false,
});

createServer(yoga).listen(Number(PORT), '127.0.0.1');
