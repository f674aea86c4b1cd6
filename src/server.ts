/**
 * The HTTP host: the router's secret before everything, health, and Apollo Server behind /graphql.
 */
import { randomUUID } from 'node:crypto';
import http, { STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { ApolloServerPluginInlineTrace } from '@apollo/server/plugin/inlineTrace';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import { type FastifyError, type FastifyReply, fastify } from 'fastify';
import type { Logger } from 'pino';
import { createTransport } from './command-api/transport.ts';
import type { Config } from './config.ts';
import { type Context, createContext } from './context.ts';
import { createFormatError } from './format-error.ts';
import { httpStatus } from './plugins/http-status.ts';
import { operationLog } from './plugins/operation-log.ts';
import { createRouterGuard } from './router-secret.ts';
import { createSchema } from './schema.ts';

const MAX_BODY_BYTES = 1024 * 1024;
// Longer than a router keeps an idle connection, so that it is never us who close one just as it is used again.
const KEEP_ALIVE_MS = 75_000;
const GRACE_MS = 1000;

export interface ServerDependencies {
  readonly config: Config;
  readonly logger: Logger;
  /** The page that a browser is shown at /graphql in development. */
  readonly landingPage?: ApolloServerPlugin<Context>;
}

export interface Server {
  /** Scheme, host and port that it listens on. */
  readonly url: string;
  /** Turns not ready, answers what is under way and closes. */
  stop(): Promise<void>;
}

/** Starts listening. Rejects where it cannot, with Node's own error. */
export async function createServer({ config, logger, landingPage }: ServerDependencies): Promise<Server> {
  const transport = createTransport({ origin: config.commandApiOrigin, attemptTimeoutMs: config.attemptTimeoutMs });
  const contextOptions = { transport, operationTimeoutMs: config.operationTimeoutMs };
  const mayEnter = createRouterGuard(config.routerSecrets);
  let ready = true;

  const app = fastify({
    // Not a hook: nothing of a request that may not enter is read, routed or parsed.
    serverFactory: (handle) =>
      http.createServer(
        { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: KEEP_ALIVE_MS + 5000 },
        (request, response) => {
          if (mayEnter(request)) return handle(request, response);
          response.writeHead(401, { 'content-type': 'application/json; charset=utf-8' });
          response.end(
            JSON.stringify(refusal('This subgraph is reached through the router.', 'ROUTER_UNAUTHENTICATED')),
          );
        },
      ),
    bodyLimit: MAX_BODY_BYTES,
    return503OnClosing: false,
    frameworkErrors: (error, _, reply) => answerHttpError(error, reply, logger),
  });
  app.removeContentTypeParser('text/plain');
  app.setNotFoundHandler((_, reply) => reply.code(404).send(refusal('Not found.', 'NOT_FOUND')));
  app.setErrorHandler((error: FastifyError, _, reply) => answerHttpError(error, reply, logger));
  app.addHook('onSend', async (_, reply) => {
    // A connection that is kept would hold up the end.
    if (!ready) reply.header('connection', 'close');
  });
  app.get('/health/live', () => ({ status: 'live' }));
  app.get('/health/ready', (_, reply) => reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'stopping' }));

  const apollo = new ApolloServer<Context>({
    schema: createSchema(),
    nodeEnv: config.production ? 'production' : 'development',
    introspection: !config.production,
    includeStacktraceInErrorResponses: false,
    hideSchemaDetailsFromClientErrors: true,
    persistedQueries: false,
    stopOnTerminationSignals: false,
    logger,
    formatError: createFormatError(logger),
    plugins: [
      httpStatus(),
      operationLog(logger),
      landingPage ?? ApolloServerPluginLandingPageDisabled(),
      // Field timings go only to a router that has shown the secret.
      config.routerSecrets.length > 0 ? ApolloServerPluginInlineTrace() : ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginCacheControlDisabled(),
    ],
  });
  await apollo.start();
  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    handler: fastifyApolloHandler(apollo, {
      context: async (request, reply) => {
        // Every answer is one caller's.
        reply.header('cache-control', 'no-store');
        return createContext(request.headers, contextOptions);
      },
    }),
  });
  await app.listen({ host: config.host, port: config.port });

  return {
    url: `http://${urlHost(config.host)}:${(app.server.address() as AddressInfo).port}`,
    async stop() {
      ready = false;
      // Whatever takes longer than an operation may is cut off.
      const patience = setTimeout(() => app.server.closeAllConnections(), config.operationTimeoutMs + GRACE_MS);
      await app.close();
      clearTimeout(patience);
      await apollo.stop();
      transport.close();
    },
  };
}

/** A fault that Fastify found in a request, or an unforeseen one, as JSON of GraphQL's shape. */
function answerHttpError(error: FastifyError, reply: FastifyReply, logger: Logger): FastifyReply {
  // The Host header or path makes no URL.
  const status = error.code === 'ERR_INVALID_URL' ? 400 : (error.statusCode ?? 500);
  if (status < 500) return reply.code(status).send(refusal(`${STATUS_CODES[status]}.`, 'BAD_REQUEST'));
  const errorId = randomUUID();
  logger.error({ errorId, err: error }, 'unforeseen error');
  return reply.code(500).send(refusal('Internal server error', 'INTERNAL_SERVER_ERROR', { errorId }));
}

function refusal(message: string, code: string, more: Record<string, string> = {}) {
  return { errors: [{ message, extensions: { code, ...more } }] };
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
