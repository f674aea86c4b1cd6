/**
 * The HTTP host of an Apollo Server: the router's secret before everything, health, and draining.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http, { type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApolloServer, BaseContext } from '@apollo/server';
import { type ApolloFastifyContextFunction, fastifyApolloHandler } from '@as-integrations/fastify';
import { SpanKind } from '@opentelemetry/api';
import { type FastifyError, type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { maskError } from './format-error.ts';
import { LIMITS } from './limits.ts';
import type { Metrics } from './metrics.ts';
import { takeJsonBodies } from './request-body.ts';
import { createRouterGuard, isProbe, isScrape } from './router-secret.ts';
import { inSpan } from './tracing.ts';
import { VERSION } from './version.ts';

// Longer than a router keeps an idle connection, so that it is never us who close one just as it is used again.
const KEEP_ALIVE_MS = 75_000;
const SERVER_OPTIONS = {
  // One without a Host is answered like every other fault, and not with an empty 400 of Node's.
  requireHostHeader: false,
  keepAliveTimeout: KEEP_ALIVE_MS,
  // From the first byte of a request to the end of its head, and to the end of its body.
  headersTimeout: KEEP_ALIVE_MS + 5000,
  requestTimeout: KEEP_ALIVE_MS + 10_000,
  connectionsCheckingInterval: 5000,
};
// A connection on which nothing moves: its client reads no answer. Longer than any operation may take.
const SILENCE_MS = KEEP_ALIVE_MS + 10_000;
const GRACE_MS = 1000;
/** What may go into a log as it came. */
const REQUEST_ID = /^[\w.-]{1,64}$/;
// Connections that may wait to be taken up. One that finds no room is tried again by its system, after seconds.
const BACKLOG = 4096;
const JSON_TYPE = 'application/json; charset=utf-8';

/** Serves a started Apollo Server. Rejects where it cannot listen, with Node's own error. */
export async function startHost<T extends BaseContext>(
  apollo: ApolloServer<T>,
  context: ApolloFastifyContextFunction<T>,
  config: Config,
  logger: Logger,
  metrics: Metrics,
  extend: (app: FastifyInstance) => void = () => {},
) {
  const mayEnter = createRouterGuard(config.routerSecrets);
  let ready = true;
  let inFlight = 0;

  // Not a hook: nothing of a request that may not enter, or that there is no room for, is routed or parsed.
  function admit(handle?: http.RequestListener): http.RequestListener {
    return (request, response) => {
      const start = performance.now();
      response.once('close', () => metrics.requestEnded(request, response, (performance.now() - start) / 1000));
      // Every answer is one caller's, or of one moment.
      response.setHeader('cache-control', 'no-store');
      if (!ready) response.setHeader('connection', 'close');
      const isAlways = isProbe(request);
      if (!isAlways && !mayEnter(request)) {
        // For who looks for it: whoever reaches the port could fill the log, and the metric tells how many there are.
        logger.debug('refused a request without the router secret');
        metrics.refused.inc({ code: 'ROUTER_UNAUTHENTICATED' });
        return refuse(response, 401, 'ROUTER_UNAUTHENTICATED', 'Only the router may ask this subgraph.');
      }
      if (isScrape(request) && (!handle || config.METRICS_PORT === undefined)) return answerScrape(response);
      if (!handle) return refuse(response, 404, 'NOT_FOUND');
      if (isAlways) return handle(request, response);
      if (inFlight >= config.MAX_REQUESTS_IN_FLIGHT) {
        metrics.refused.inc({ code: 'OVERLOADED' });
        response.setHeader('retry-after', '1');
        return refuse(response, 503, 'OVERLOADED', 'More requests than can be served. Try again later.');
      }
      metrics.active.set(++inFlight);
      response.once('close', () => metrics.active.set(--inFlight));
      return handle(request, response);
    };
  }

  /** No route of Fastify's, which would know the path by other spellings too, on either port. */
  function answerScrape(response: ServerResponse): void {
    metrics.write().then(
      (text) => response.setHeader('content-type', metrics.contentType).end(text),
      (error) => response.writeHead(500).end(maskError(error, logger).message),
    );
  }

  /** A fault that Fastify found in a request, or an unforeseen one, as JSON of GraphQL's shape. */
  function answerHttpError(error: FastifyError, _: unknown, reply: FastifyReply): FastifyReply {
    // A Host header or path that makes no URL has a code of Node's and no status.
    const status = error.code === 'ERR_INVALID_URL' ? 400 : (error.statusCode ?? 500);
    return reply.code(status).send(status < 500 ? refusal(status) : { errors: [maskError(error, logger)] });
  }

  const app = fastify({
    serverFactory(handle) {
      const goOn = admit((request, response) => {
        response.writeContinue();
        handle(request, response);
      });
      const failExpectation = admit((_, response) => refuse(response, 417));
      const server = createHttpServer(admit(handle));
      // Node by itself answers these two before anyone has asked for the secret.
      return server.on('checkContinue', goOn).on('checkExpectation', failExpectation);
    },
    clientErrorHandler: answerClientError,
    bodyLimit: LIMITS.bodyBytes,
    return503OnClosing: false,
    frameworkErrors: answerHttpError,
    genReqId: ({ headers }) => REQUEST_ID.exec(String(headers['x-request-id'] ?? ''))?.[0] ?? randomUUID(),
  });
  takeJsonBodies(app);
  app.setNotFoundHandler(({ url }, reply) => {
    if (url.split('?')[0] !== '/graphql') return reply.code(404).send(refusal(404, 'NOT_FOUND'));
    return reply.code(405).header('allow', 'GET, POST').send(refusal(405));
  });
  app.setErrorHandler(answerHttpError);
  app.addHook('onSend', async (_, reply, payload) => {
    // Apollo lets some answers be kept, those to a persisted query.
    reply.header('cache-control', 'no-store');
    // A connection that is kept would hold up the end.
    if (!ready) reply.header('connection', 'close');
    // Apollo refuses so what is well-formed and does not parse or validate. There GraphQL over HTTP wants 200, in this type
    // alone. A message cannot hold the text that is looked for: JSON escapes its quotes.
    const isRefused = reply.statusCode === 400 && reply.getHeader('content-type') === JSON_TYPE;
    if (isRefused && !String(payload).includes('"code":"BAD_REQUEST"')) reply.code(200);
  });
  app.get('/health/live', () => ({ status: 'live', version: VERSION }));
  app.get('/health/ready', (_, reply) => reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'stopping' }));
  const answer = fastifyApolloHandler(apollo, { context });
  const underWay = new Set<Promise<unknown>>();
  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    exposeHeadRoute: false,
    async handler(request, reply) {
      // Its name until the operation is known; see plugins/operation-report.ts.
      const span = {
        kind: SpanKind.SERVER,
        attributes: { 'http.request.method': request.method, 'http.route': '/graphql' },
      };
      const answered = inSpan(
        'GraphQL Operation',
        span,
        async () => answer.call(this, request, reply),
        request.headers,
      );
      underWay.add(answered);
      return answered.finally(() => underWay.delete(answered));
    },
  });
  extend(app);
  const url = await app.listen({ host: config.HOST, port: config.PORT, backlog: BACKLOG });
  const metricsServer = createHttpServer(admit());
  if (config.METRICS_PORT !== undefined)
    await once(metricsServer.listen(config.METRICS_PORT, config.HOST), 'listening');
  const metricsPort = (metricsServer.address() as AddressInfo | null)?.port;

  return {
    /** Scheme, host and port that it listens on. */
    url,
    /** Where metrics are, if on a port of their own. */
    metricsPort,
    /** Turns not ready, answers what is under way and closes. */
    async stop() {
      ready = false;
      await delay(config.DRAIN_DELAY_MS);
      // Whatever takes longer than an operation may is cut off.
      const cut = setTimeout(() => app.server.closeAllConnections(), config.OPERATION_TIMEOUT_MS + GRACE_MS);
      await app.close();
      clearTimeout(cut);
      // A write goes on after its caller has gone, and with it the connection.
      await Promise.allSettled(underWay);
      metricsServer.close().closeAllConnections();
    },
  };
}

/** For either port: one that reaps slow and silent clients. */
function createHttpServer(listener: http.RequestListener): http.Server {
  return http.createServer(SERVER_OPTIONS, listener).setTimeout(SILENCE_MS);
}

/** Answers what Node could not read as HTTP, or not in time. */
function answerClientError({ code }: NodeJS.ErrnoException, socket: Socket): void {
  if (code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const status = code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
  const body = JSON.stringify(refusal(status));
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\ncontent-type: ${JSON_TYPE}`;
  socket.write(`${head}\r\ncache-control: no-store\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  socket.destroySoon();
}

function refuse(response: ServerResponse, status: number, code?: string, message?: string): void {
  response.writeHead(status, { 'content-type': JSON_TYPE, 'cache-control': 'no-store' });
  response.end(JSON.stringify(refusal(status, code, message)));
}

/** What is said of a request that is refused before it is GraphQL: no more than its status, unless there is more to say. */
function refusal(status: number, code = 'BAD_REQUEST', message = `${STATUS_CODES[status]}.`) {
  return { errors: [{ message, extensions: { code } }] };
}
