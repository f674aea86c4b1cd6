/**
 * The HTTP host of an Apollo Server: the router's secret before everything, health, and draining.
 */
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApolloServer, BaseContext } from '@apollo/server';
import { type ApolloFastifyContextFunction, fastifyApolloHandler } from '@as-integrations/fastify';
import { type Span, SpanKind } from '@opentelemetry/api';
import { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { maskError } from '../graphql/errors.ts';
import { LIMITS } from '../graphql/limits.ts';
import type { Memory, Share } from '../memory.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { inSpan } from '../tracing.ts';
import { VERSION } from '../version.ts';
import { acceptJsonBodies } from './request-body.ts';
import { createRouterGuard } from './router-secret.ts';

// Above the idle timeout of every router (Cosmo keeps 90 s): a router must never send on a connection that we close.
const KEEP_ALIVE_MS = 120_000;
const SERVER_OPTIONS = {
  keepAliveTimeout: KEEP_ALIVE_MS,
  // From the first byte of a request to the end of its body.
  requestTimeout: KEEP_ALIVE_MS + 10_000,
  // A connection on which nothing moves: its client reads no answer. Longer than any operation may take.
  connectionTimeout: KEEP_ALIVE_MS + 10_000,
  http: { headersTimeout: KEEP_ALIVE_MS + 5000, connectionsCheckingInterval: 5000 },
};
const GRACE_MS = 1000;
// Clients that retry at once on hundreds of connections would make refusals take half of the processor.
const REFUSAL_DELAY_MS = 200;
/** What may go into a log as it came. */
const REQUEST_ID = /^[\w.-]{1,64}$/;
// Connections that may wait to be taken up. One that finds no room is tried again by its system, after seconds.
const BACKLOG = 4096;
// Without `url.query`, which may hold an operation with its variables.
const SPAN_ATTRIBUTES = { 'http.route': '/graphql', 'url.path': '/graphql', 'url.scheme': 'http' };
// Connections to METRICS_PORT. Further ones are closed.
const SCRAPERS = 50;
const PROBES: readonly unknown[] = ['/health/live', '/health/ready'];

declare module 'fastify' {
  interface FastifyRequest {
    /** Its operation's part of the memory. */
    share: Share;
    /** Settles once the operation has ended, which may be after its caller has gone. */
    answered?: Promise<unknown>;
  }
}

/** Serves a started Apollo Server. Rejects where it cannot listen, with Node's own error. */
export async function startHost<T extends BaseContext>(
  apollo: ApolloServer<T>,
  context: ApolloFastifyContextFunction<T>,
  { config, logger, metrics, memory }: { config: Config; logger: Logger; metrics: Metrics; memory: Memory },
  extend: (app: FastifyInstance) => void = () => {},
) {
  const mayEnter = createRouterGuard(config.routerSecrets);
  const underWay = new Set<Promise<unknown>>();
  let ready = true;
  let inFlight = 0;

  /** Refuses what may not enter, or what there is no room for, before anything of its body is read. */
  async function admit(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { url } = request.routeOptions;
    const isProbe = PROBES.includes(url);
    if (!isProbe && !mayEnter(request)) {
      // For who looks for it: whoever reaches the port could fill the log, and the metric tells how many there are.
      logger.debug('refused a request without the router secret');
      return refuse(reply, 401, 'ROUTER_UNAUTHENTICATED', 'Only the router may ask this subgraph.');
    }
    if (!isProbe && url !== '/metrics') {
      const share = memory.open();
      const hasRoom = inFlight < config.MAX_REQUESTS_IN_FLIGHT && share.reserve(sizeOf(request), 'request');
      if (!hasRoom) return refuseOverload(reply);
      request.share = share;
      metrics.active.set(++inFlight);
      reply.raw.once('close', () => {
        metrics.active.set(--inFlight);
        void Promise.allSettled([request.answered]).then(share.close);
      });
    }
    return undefined;
  }

  /** On a port of its own, /metrics needs no secret: the network decides who reaches it. Nothing else is read there. */
  async function admitScrape({ routeOptions }: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    if (routeOptions.url === '/metrics') return undefined;
    return reply.code(404).header('connection', 'close').send(refusal(404, 'NOT_FOUND'));
  }

  function refuse(reply: FastifyReply, status: number, code: string, message: string): FastifyReply {
    metrics.refused.inc({ code });
    return reply.code(status).send(refusal(status, code, message));
  }

  async function refuseOverload(reply: FastifyReply): Promise<FastifyReply> {
    await delay(REFUSAL_DELAY_MS);
    reply.header('retry-after', '1');
    return refuse(reply, 503, 'OVERLOADED', 'More requests than can be served. Try again later.');
  }

  /** A fault that Fastify found in a request, or an unforeseen one, as JSON of GraphQL's shape. */
  async function answerHttpError(error: FastifyError, _: unknown, reply: FastifyReply): Promise<FastifyReply> {
    // A Host header or path that makes no URL has a code of Node's and no status.
    const status = error.code === 'ERR_INVALID_URL' ? 400 : (error.statusCode ?? 500);
    if (status === 503) return refuseOverload(reply);
    return reply.code(status).send(status < 500 ? refusal(status) : { errors: [maskError(error, logger)] });
  }

  /** Creates the app of a port: it admits requests first, answers in JSON, and reaps slow and silent clients. */
  function createApp(onRequest: typeof admit): FastifyInstance {
    const app = fastify({
      ...SERVER_OPTIONS,
      bodyLimit: LIMITS.bodyBytes,
      return503OnClosing: false,
      // Fastify would answer an escape that it cannot decode before the secret is asked for. No path of ours has one.
      rewriteUrl: ({ url = '' }) => url.replace(/^[^?]*%[^?]*/, '/'),
      genReqId: ({ headers }) => REQUEST_ID.exec(String(headers['x-request-id'] ?? ''))?.[0] ?? randomUUID(),
    });
    app.addHook('onRequest', async (request, reply) => {
      const start = performance.now();
      reply.raw.once('close', () => metrics.requestEnded(request, reply.raw, (performance.now() - start) / 1000));
      return onRequest(request, reply);
    });
    app.setErrorHandler(answerHttpError);
    app.setNotFoundHandler((_, reply) => reply.code(404).send(refusal(404, 'NOT_FOUND')));
    app.addHook('onSend', async ({ id }, reply) => {
      reply.header('x-request-id', id);
      // Every answer is one caller's, or of one moment; Apollo lets some be kept, those to a persisted query.
      reply.header('cache-control', 'no-store');
      // A connection that is kept would hold up the end.
      if (!ready) reply.header('connection', 'close');
    });
    return app;
  }

  const app = createApp(admit);
  acceptJsonBodies(app);
  app.get('/health/live', () => ({ status: 'live', version: VERSION }));
  app.get('/health/ready', (_, reply) => reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'stopping' }));
  const answer = fastifyApolloHandler(apollo, { context });
  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    exposeHeadRoute: false,
    async handler(request, reply) {
      const requestId = { 'http.response.header.x-request-id': [request.id] };
      const attributes = { ...SPAN_ATTRIBUTES, 'http.request.method': request.method, ...requestId };
      const run = async (span?: Span) => {
        const body = await answer.call(this, request, reply);
        // A caller that has gone gets no status.
        if (!reply.raw.destroyed) span?.setAttribute('http.response.status_code', reply.statusCode);
        return body;
      };
      // Its name until the operation is known; see telemetry/operation-report.ts.
      const answered = inSpan('GraphQL Operation', { kind: SpanKind.SERVER, attributes }, run, request.headers);
      underWay.add(answered);
      request.answered = answered.finally(() => underWay.delete(answered));
      return request.answered;
    },
  });
  extend(app);
  const metricsApp = config.METRICS_PORT === undefined ? app : createApp(admitScrape);
  metricsApp.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.write()));
  await app.listen({ host: config.HOST, port: config.PORT, backlog: BACKLOG });
  if (config.METRICS_PORT !== undefined) {
    metricsApp.server.maxConnections = SCRAPERS;
    await metricsApp.listen({ host: config.HOST, port: config.METRICS_PORT });
  }

  const { address, family, port } = app.server.address() as AddressInfo;

  return {
    /** Scheme, address and port that it listens on. */
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    /** The port that metrics are on. */
    metricsPort: (metricsApp.server.address() as AddressInfo).port,
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
      metricsApp.server.closeAllConnections();
      await metricsApp.close();
    },
  };
}

/** The bytes of a body until it is parsed; of one whose length is unknown, as many as it may have. */
function sizeOf({ headers }: FastifyRequest): number {
  if (headers['transfer-encoding'] !== undefined) return LIMITS.bodyBytes;
  return Math.min(Number(headers['content-length'] ?? 0), LIMITS.bodyBytes);
}

/** What is said of a request that is refused before it is GraphQL: no more than its status, unless there is more to say. */
function refusal(status: number, code = 'BAD_REQUEST', message = `${STATUS_CODES[status]}.`) {
  return { errors: [{ message, extensions: { code } }] };
}
