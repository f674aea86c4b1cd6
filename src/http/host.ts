/**
 * The HTTP host: its ports, time limits, headers, health checks and shutdown.
 */
import { randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type FastifyInstance, fastify } from 'fastify';
import type { Logger } from 'pino';
import { type Config, HEAD_CHARACTERS } from '../config.ts';
import type { Resources } from '../lease.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { VERSION } from '../version.ts';
import { BODY_BYTES, createAdmission } from './admission.ts';
import { drain } from './drain.ts';
import { createErrorHandler, httpError } from './http-errors.ts';

// Longer than the idle timeout of every router; Cosmo's is the longest, 90 s. Otherwise a router could send on a
// connection that we close.
const KEEP_ALIVE_MS = 120_000;
const LIMITS = { keepAliveMs: KEEP_ALIVE_MS, headMs: KEEP_ALIVE_MS + 5000 };
// Connections that may wait to be accepted. Without room, the client's system retries after seconds.
const BACKLOG = 4096;
// Connections to METRICS_PORT. Further connections are closed, so idle ones must not keep Prometheus out for long.
const SCRAPERS = 50;
const SCRAPER_LIMITS = { keepAliveMs: 60_000, headMs: 5000 };
// Added to an operation's deadline before its response is cut off during shutdown.
const GRACE_MS = 1000;
/** Only such request ids are safe to log unchanged. */
const REQUEST_ID = /^[\w.-]{1,64}$/;

/** Saves megabytes of an idle process: no route has a schema, for which Fastify would load validators. */
const refuseSchemas = () => {
  throw new Error('A route has no schema.');
};

/** Starts listening. Rejects with Node's error if it cannot listen. All requests of added routes pass the admission. */
export async function startHost(
  config: Config,
  logger: Logger,
  metrics: Metrics,
  resources: Resources,
  addRoutes: (app: FastifyInstance) => void,
) {
  const state = { isReady: true, unfinished: 0 };
  const app = createApp(logger, metrics, state, LIMITS);
  app.addHook('onRequest', createAdmission(config, metrics, resources));
  app.decorateRequest('lease');
  app.get('/health/live', () => ({ status: 'live', version: VERSION }));
  app.get('/health/ready', (_, reply) =>
    state.isReady ? { status: 'ready' } : reply.code(503).send({ status: 'stopping' }),
  );
  addRoutes(app);
  // Not admitted by secret: network policy decides who reaches METRICS_PORT.
  const metricsApp = config.METRICS_PORT === undefined ? app : createApp(logger, metrics, state, SCRAPER_LIMITS);
  const { registry, scrape } = metrics;
  metricsApp.get('/metrics', async (_, reply) => reply.type(registry.contentType).send(await scrape()));
  if (config.METRICS_PORT !== undefined) {
    metricsApp.server.maxConnections = SCRAPERS;
    await metricsApp.listen({ host: config.HOST, port: config.METRICS_PORT }).catch((error) => {
      throw Object.assign(error, { variable: 'METRICS_PORT' });
    });
  }
  await app.listen({ host: config.HOST, port: config.PORT, backlog: BACKLOG });

  return {
    /** Scheme, address and port of the server. */
    url: app.listeningOrigin,
    /** The port that serves metrics. */
    metricsPort: (metricsApp.server.address() as AddressInfo).port,
    /** Reports not ready, finishes the requests in flight and closes. */
    async stop() {
      state.isReady = false;
      await delay(config.DRAIN_DELAY_MS);
      await drain(app.server, () => state.unfinished, config.OPERATION_TIMEOUT_MS + GRACE_MS);
      await app.close();
      metricsApp.server.closeAllConnections();
      await metricsApp.close();
    },
  };
}

/**
 * Creates the app of one port: reads no body yet, answers in JSON, closes slow and silent connections, counts requests.
 * While the host is not ready, it closes each connection with its response.
 */
function createApp(
  logger: Logger,
  metrics: Metrics,
  state: { readonly isReady: boolean; unfinished: number },
  { keepAliveMs, headMs }: typeof LIMITS,
) {
  const app: FastifyInstance = fastify({
    keepAliveTimeout: keepAliveMs,
    // Measured from the first byte of a request to the end of its body.
    requestTimeout: keepAliveMs + 10_000,
    // Closes a connection without traffic, for example if its client reads no response. Longer than any operation may
    // take.
    connectionTimeout: keepAliveMs + 10_000,
    http: {
      headersTimeout: headMs,
      connectionsCheckingInterval: 5000,
      // So that we answer a request with a long token ourselves.
      maxHeaderSize: 8 * HEAD_CHARACTERS,
    },
    bodyLimit: BODY_BYTES,
    schemaController: { compilersFactory: { buildValidator: refuseSchemas, buildSerializer: refuseSchemas } },
    // Like any other unknown path. Fastify would answer an invalid escape before we check the secret.
    routerOptions: { onBadUrl: (_, request, response) => app.routing(Object.assign(request, { url: '/' }), response) },
    genReqId: ({ headers }) => REQUEST_ID.exec(String(headers['x-request-id'] ?? ''))?.[0] ?? randomUUID(),
  });
  app.addHook('onRequest', (request, { raw }, done) => {
    const { method, routeOptions } = request;
    const start = performance.now();
    state.unfinished++;
    raw.once('close', async () => {
      // Without a sent response, `statusCode` is Node's default of 200.
      metrics.requestEnded(method, routeOptions.url, raw.headersSent ? raw.statusCode : '', performance.now() - start);
      await request.lease?.close();
      state.unfinished--;
    });
    done();
  });
  app.setErrorHandler(createErrorHandler(logger));
  app.removeAllContentTypeParsers();
  app.setNotFoundHandler((_, reply) => reply.send(httpError(404)));
  app.addHook('onSend', ({ id }, reply, payload, done) => {
    reply.header('x-request-id', id);
    // No response may be cached. Apollo would allow it for persisted queries.
    reply.header('cache-control', 'no-store');
    // Keep-alive connections would delay shutdown.
    if (!state.isReady) reply.header('connection', 'close');
    // Node encodes a text of more than ASCII slowly.
    done(null, typeof payload === 'string' ? Buffer.from(payload) : payload);
  });
  return app;
}
