/**
 * Apollo Server by lists: what to write if no code of this repository is to be owned. Fastify, Apollo Server and got as their
 * READMEs show them, and a library for each other need: circuit breaker, limit of commands at once, size of an operation,
 * arguments, metrics. A DataLoader reads one list in place of several details. It serves the whole schema. It has no tests.
 */
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer';
import { buildSubgraphSchema } from '@apollo/subgraph';
import fastifyApollo from '@as-integrations/fastify';
import { type FastifyError, type FastifyRequest, fastify, LogController } from 'fastify';
import { getOperationAST } from 'graphql';
import { gql } from 'graphql-tag';
import { Counter, collectDefaultMetrics, register } from 'prom-client';
import { type Context, createContext, resolvers } from './maintenance.ts';

const { ROUTER_SECRET, TOKEN_HEADER = 'authorization' } = process.env;
const { HOST = '0.0.0.0', PORT = 4001, DRAIN_DELAY_MS = 5000 } = process.env;
if (!ROUTER_SECRET) throw new Error('ROUTER_SECRET is missing');

// A router or proxy closes idle connections first. A body has at most 1 MB, as Fastify has it.
const logController = new LogController({ disableRequestLogging: true });
const app = fastify({ logger: true, logController, keepAliveTimeout: 120_000, requestIdHeader: 'x-request-id' });
const operations = new Counter({ name: 'operations_total', help: 'By code.', labelNames: ['code'] });
collectDefaultMetrics();

const observe: ApolloServerPlugin<Context> = {
  requestDidStart: async () => ({
    async didEncounterErrors({ errors, document, request }) {
      const isQuery = document && getOperationAST(document, request.operationName)?.operation === 'query';
      for (const { path, extensions } of errors) if (!path && !isQuery) extensions.outcome = 'NOT_SENT';
    },
    async willSendResponse({ operationName, contextValue: { commands, startedAt, log }, response: { body } }) {
      const errors = (body.kind === 'single' && body.singleResult.errors) || [];
      const codes = [...new Set(errors.map(({ extensions }) => String(extensions?.code)))];
      // A field of a mutation has at most 100 commands.
      log.info({ operationName, ms: performance.now() - startedAt, codes, commands: commands.slice(0, 100) }, 'done');
      operations.inc({ code: codes[0] ?? 'OK' });
    },
  }),
};

const drain = ApolloServerPluginDrainHttpServer({ httpServer: app.server });
const apollo = new ApolloServer<Context>({
  schema: buildSubgraphSchema([{ typeDefs: gql(readFileSync('schema/maintenance.graphql', 'utf8')), resolvers }]),
  // Cache control looks at every field.
  plugins: [observe, drain, ApolloServerPluginCacheControlDisabled()],
  stringifyResult: JSON.stringify,
  parseOptions: { maxTokens: 15_000 },
  persistedQueries: false,
  hideSchemaDetailsFromClientErrors: true,
  stopOnTerminationSignals: false,
  formatError(formatted, err) {
    if (formatted.extensions?.code !== 'INTERNAL_SERVER_ERROR') return formatted;
    const errorId = randomUUID();
    app.log.error({ err, errorId }, 'unforeseen');
    return { ...formatted, message: 'Internal server error', extensions: { ...formatted.extensions, errorId } };
  },
});
await apollo.start();

const hash = (text: unknown) => createHash('sha256').update(String(text)).digest();
const secrets = ROUTER_SECRET.split(/\s+/).map(hash);
const deny = (code: string, message: string) => ({ errors: [{ message, extensions: { code, outcome: 'NOT_SENT' } }] });
let isReady = true;
app.addHook('onRequest', async ({ url, headers }, reply) => {
  // A router that keeps its connection sends nothing more on it.
  if (!isReady) reply.header('connection', 'close');
  const given = hash(headers['router-authorization']);
  if (!url.startsWith('/health/') && !secrets.some((secret) => timingSafeEqual(secret, given)))
    return reply.code(401).send(deny('ROUTER_UNAUTHENTICATED', 'The secret of the router is missing or wrong.'));
});
app.setErrorHandler<FastifyError>(({ statusCode = 500, message }, _, reply) => {
  return reply.code(statusCode).send(deny(statusCode < 500 ? 'BAD_REQUEST' : 'INTERNAL_SERVER_ERROR', message));
});
app.get('/health/live', async () => 'live');
app.get('/health/ready', async (_, reply) => reply.code(isReady ? 200 : 503).send(isReady ? 'ready' : 'stopping'));
app.get('/metrics', async (_, reply) => reply.type(register.contentType).send(await register.metrics()));
const TOKEN = TOKEN_HEADER === 'authorization' ? /^bearer +([!-~]+)$/i : /^(?:bearer +)?([!-~]+)$/i;
const context = async ({ headers, log }: FastifyRequest) =>
  createContext(TOKEN.exec(String(headers[TOKEN_HEADER.toLowerCase()] ?? ''))?.[1], log);
await app.register(fastifyApollo(apollo), { context });
app.log.info({ url: await app.listen({ host: HOST, port: Number(PORT) }) }, 'ready');

await once(process, 'SIGTERM');
// First, the proxy sees that it is not ready, and sends nothing more.
isReady = false;
await delay(Number(DRAIN_DELAY_MS));
await apollo.stop();
process.exit();
