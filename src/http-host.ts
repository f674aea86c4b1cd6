/**
 * The HTTP host of an Apollo Server: the router's secret before everything, health, and draining.
 */
import http, { STATUS_CODES } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApolloServer, BaseContext } from '@apollo/server';
import { type ApolloFastifyContextFunction, fastifyApolloHandler } from '@as-integrations/fastify';
import { type FastifyError, type FastifyReply, fastify } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { maskError } from './format-error.ts';
import { createRouterGuard } from './router-secret.ts';

const MAX_BODY_BYTES = 1024 * 1024;
// Longer than a router keeps an idle connection, so that it is never us who close one just as it is used again.
const KEEP_ALIVE_MS = 75_000;
const GRACE_MS = 1000;

export interface Host {
  /** Scheme, host and port that it listens on. */
  readonly url: string;
  /** Turns not ready, answers what is under way and closes. */
  stop(): Promise<void>;
}

export interface HostOptions<T extends BaseContext> {
  readonly config: Config;
  readonly logger: Logger;
  /** Started already. */
  readonly apollo: ApolloServer<T>;
  readonly context: ApolloFastifyContextFunction<T>;
}

/** Starts listening. Rejects where it cannot, with Node's own error. */
export async function startHost<T extends BaseContext>({
  config,
  logger,
  apollo,
  context,
}: HostOptions<T>): Promise<Host> {
  const mayEnter = createRouterGuard(config.routerSecrets);
  let ready = true;

  const app = fastify({
    // Not a hook: nothing of a request that may not enter is read, routed or parsed.
    serverFactory: (handle) =>
      http.createServer(
        { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: KEEP_ALIVE_MS + 5000 },
        (request, response) => {
          if (mayEnter(request)) return handle(request, response);
          logger.warn('refused a request without the router secret');
          response.writeHead(401, { 'content-type': 'application/json; charset=utf-8' });
          response.end(JSON.stringify(refusal('ROUTER_UNAUTHENTICATED', 'Only the router may ask this subgraph.')));
        },
      ),
    bodyLimit: MAX_BODY_BYTES,
    return503OnClosing: false,
    frameworkErrors: (error, _, reply) => answerHttpError(error, reply, logger),
  });
  app.removeContentTypeParser('text/plain');
  app.setNotFoundHandler((_, reply) => reply.code(404).send(refusal('NOT_FOUND', 'Not Found.')));
  app.setErrorHandler((error: FastifyError, _, reply) => answerHttpError(error, reply, logger));
  app.addHook('onSend', async (_, reply) => {
    // A connection that is kept would hold up the end.
    if (!ready) reply.header('connection', 'close');
  });
  app.get('/health/live', () => ({ status: 'live' }));
  app.get('/health/ready', (_, reply) => reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'stopping' }));
  app.route({ method: ['GET', 'POST'], url: '/graphql', handler: fastifyApolloHandler(apollo, { context }) });
  const url = await app.listen({ host: config.host, port: config.port });

  return {
    url,
    async stop() {
      ready = false;
      await delay(config.drainDelayMs);
      // Whatever takes longer than an operation may is cut off.
      const cut = setTimeout(() => app.server.closeAllConnections(), config.operationTimeoutMs + GRACE_MS);
      await app.close();
      clearTimeout(cut);
    },
  };
}

/** A fault that Fastify found in a request, or an unforeseen one, as JSON of GraphQL's shape. */
function answerHttpError(error: FastifyError, reply: FastifyReply, logger: Logger): FastifyReply {
  // A Host header or path that makes no URL has a code of Node's and no status.
  const status = error.code === 'ERR_INVALID_URL' ? 400 : (error.statusCode ?? 500);
  const answer =
    status < 500 ? refusal('BAD_REQUEST', `${STATUS_CODES[status]}.`) : { errors: [maskError(error, logger)] };
  return reply.code(status).send(answer);
}

function refusal(code: string, message: string) {
  return { errors: [{ message, extensions: { code } }] };
}
