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
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer';
import { buildSubgraphSchema } from '@apollo/subgraph';
import fastifyApollo from '@as-integrations/fastify';
import { type FastifyError, type FastifyRequest, fastify } from 'fastify';
import { getOperationAST } from 'graphql';
import { type ComplexityEstimator, getComplexity } from 'graphql-query-complexity';
import { gql } from 'graphql-tag';
import { Counter, collectDefaultMetrics, register } from 'prom-client';
import { env } from './env.ts';
import { type Context, createContext, MAX_FIELDS, resolvers, tooMuch } from './resolvers.ts';

// Connections stay open longer than any router or proxy keeps them. Fastify limits a body to 1 MB.
const app = fastify({
  logger: true,
  disableRequestLogging: true,
  keepAliveTimeout: 120_000,
  return503OnClosing: false,
});
const operations = new Counter({ name: 'operations_total', help: 'By code.', labelNames: ['code'] });
collectDefaultMetrics();

/** Estimates the fields of the answer. A list counts as 20 requests. */
const estimate: ComplexityEstimator = ({ field, args, node, childComplexity }) => {
  if (Number(node.alias?.value.length) > 128 || args.representations?.length > 1000) return Number.POSITIVE_INFINITY;
  return 1 + childComplexity * (field.name === 'maintenances' ? 20 : (args.representations?.length ?? 1));
};

const observe: ApolloServerPlugin<Context> = {
  requestDidStart: async () => ({
    async didResolveOperation({ document: query, request: { variables = {} }, operationName, schema }) {
      const named = operationName ? { operationName } : {};
      if (getComplexity({ estimators: [estimate], schema, query, variables, ...named }) > MAX_FIELDS) throw tooMuch();
    },
    async didEncounterErrors({ errors, document, request }) {
      const isQuery = document && getOperationAST(document, request.operationName)?.operation === 'query';
      for (const { path, extensions } of errors) if (!path && !isQuery) extensions.outcome = 'NOT_SENT';
    },
    async willSendResponse({ operationName, contextValue: { caller, log }, response: { body } }) {
      const errors = (body.kind === 'single' && body.singleResult.errors) || [];
      const codes = [...new Set(errors.map(({ extensions }) => String(extensions?.code)))];
      const commands = caller.commands.toSorted((a, b) => Number(a.code === undefined) - Number(b.code === undefined));
      const durationMs = Math.round(performance.now() - caller.startedAt);
      const isFailed = commands.some(({ code, outcome }) => outcome === 'UNKNOWN' || code?.startsWith('UPSTREAM'));
      log[isFailed ? 'warn' : 'info'](
        { operationName, durationMs, codes, commands: commands.slice(0, 20) },
        'operation',
      );
      operations.inc({ code: codes[0] ?? 'OK' });
    },
  }),
};

const typeDefs = gql(readFileSync('schema/maintenance.graphql', 'utf8'));
const apollo = new ApolloServer<Context>({
  schema: buildSubgraphSchema([{ typeDefs, resolvers }]),
  plugins: [observe, ApolloServerPluginDrainHttpServer({ httpServer: app.server })],
  parseOptions: { maxTokens: 15_000 },
  persistedQueries: false,
  hideSchemaDetailsFromClientErrors: true,
  includeStacktraceInErrorResponses: false,
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
const secrets = env.ROUTER_SECRET.split(/\s+/).map(hash);
const refusal = (code: string, message: string) => ({
  errors: [{ message, extensions: { code, outcome: 'NOT_SENT' } }],
});
let isReady = true;
app.addHook('onRequest', async ({ url, headers }, reply) => {
  const given = hash(headers['router-authorization']);
  if (!url.startsWith('/health/') && !secrets.some((secret) => timingSafeEqual(secret, given)))
    return reply.code(401).send(refusal('ROUTER_UNAUTHENTICATED', 'The secret of the router is missing or wrong.'));
});
app.setErrorHandler<FastifyError>(({ statusCode = 500, message }, { log }, reply) => {
  if (statusCode >= 500) log.error(message);
  return reply.code(statusCode).send(refusal(statusCode < 500 ? 'BAD_REQUEST' : 'INTERNAL_SERVER_ERROR', message));
});
app.get('/health/live', async () => 'live');
app.get('/health/ready', async (_, reply) => reply.code(isReady ? 200 : 503).send(isReady ? 'ready' : 'stopping'));
app.get('/metrics', async (_, reply) => reply.type(register.contentType).send(await register.metrics()));
const TOKEN = env.TOKEN_HEADER === 'authorization' ? /^bearer +([!-~]+)$/i : /^(?:bearer +)?([!-~]+)$/i;
const context = async ({ headers, log }: FastifyRequest) =>
  createContext(TOKEN.exec(String(headers[env.TOKEN_HEADER] ?? ''))?.[1], log);
await app.register(fastifyApollo(apollo), { context });
await app.listen({ host: env.HOST, port: env.PORT });

await once(process, 'SIGTERM');
// First, the proxy sees that it is not ready, and sends nothing more.
isReady = false;
await delay(env.DRAIN_DELAY_MS);
await apollo.stop();
process.exit();
