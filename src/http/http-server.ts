/**
 * The HTTP server: its ports, time limits, headers, routes and shutdown.
 */
import { randomUUID } from 'node:crypto';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type FastifyInstance, fastify } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { GRAPHQL_PATH, VERSION } from '../constants.ts';
import { LIMITS } from '../limits.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createErrorHandler, refusal } from './refusals.ts';
import type { RequestLifecycle } from './request.ts';

// Longer than the idle timeout of every router; Cosmo's is the longest, 90 s. Otherwise a router could send on a
// connection that we close.
const KEEP_ALIVE_MS = 120_000;
const ROUTER_TIMES = { keepAliveMs: KEEP_ALIVE_MS, headMs: KEEP_ALIVE_MS + 5000 };
// Connections that may wait to be accepted. Without room, the client's system retries after seconds.
const BACKLOG = 4096;
// Connections to METRICS_PORT. Further connections are closed, so idle ones must not keep Prometheus out for long.
const SCRAPERS = 50;
const SCRAPER_TIMES = { keepAliveMs: 60_000, headMs: 5000 };
// Added to an operation's deadline before its response is cut off during shutdown.
const GRACE_MS = 1000;
// A request may still be on its way. A packet that is lost is sent again after 200 ms.
const LAST_REQUEST_MS = 300;
const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
/** Only such request ids are safe to log unchanged. */
const REQUEST_ID = /^[\w.-]{1,64}$/;

/** Saves megabytes of an idle process: no route has a schema, for which Fastify would load validators. */
const refuseSchemas = () => {
  throw new Error('A route has no schema.');
};

/** What the ports of one server share. */
interface HttpDependencies {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly requestLifecycle: RequestLifecycle;
}

/** Creates the server. `server` takes further routes until `listen` is called. */
export function createHttpServer(shared: HttpDependencies) {
  const { config, metrics, requestLifecycle } = shared;
  const state = { isReady: true };
  const server = createPort(shared, state, ROUTER_TIMES);
  server.addHook('onRequest', requestLifecycle.open);
  // Refuses `__proto__`.
  const parseJson = server.getDefaultJsonParser('error', 'error');
  server.addContentTypeParser<string>(JSON_IN_UTF8, { parseAs: 'string' }, (request, text, done) => {
    requestLifecycle.bodyArrived(request, text.length);
    return parseJson(request, text, done);
  });
  server.route({
    method: ['GET', 'POST'],
    url: GRAPHQL_PATH,
    exposeHeadRoute: false,
    handler: requestLifecycle.execute,
  });
  server.get('/health/live', () => ({ status: 'live', version: VERSION }));
  server.get('/health/ready', (_, reply) =>
    state.isReady ? { status: 'ready' } : reply.code(503).send({ status: 'stopping' }),
  );
  const metricsServer = config.METRICS_PORT === undefined ? server : createPort(shared, state, SCRAPER_TIMES);
  if (metricsServer !== server) metricsServer.addHook('onRequest', requestLifecycle.openUnchecked);
  const { registry, scrape } = metrics;
  metricsServer.get('/metrics', async (_, reply) => reply.type(registry.contentType).send(await scrape()));

  /** Starts listening. Rejects with Node's error if it cannot listen, and then closes the port of metrics, too. */
  async function listen() {
    if (config.METRICS_PORT !== undefined) {
      metricsServer.server.maxConnections = SCRAPERS;
      await metricsServer.listen({ host: config.HOST, port: config.METRICS_PORT }).catch((error) => {
        throw Object.assign(error, { variable: 'METRICS_PORT' });
      });
    }
    await server.listen({ host: config.HOST, port: config.PORT, backlog: BACKLOG }).catch(async (error) => {
      await metricsServer.close();
      throw error;
    });
    const { port: metricsPort } = metricsServer.server.address() as AddressInfo;
    return { url: server.listeningOrigin, metricsPort };
  }

  /**
   * Reports not ready, and closes when all requests are answered and their operations are over, or when the last
   * deadline has passed. Until then a slow reader gets its whole response. Node would not wait for it, because `close`
   * of an HTTP server counts connections whose response is ended but not sent yet as idle, and destroys them.
   */
  async function stop(): Promise<void> {
    state.isReady = false;
    await delay(config.DRAIN_DELAY_MS);
    // Ends only the listener, for the reason above.
    net.Server.prototype.close.call(server.server);
    for (;;) {
      await delay(LAST_REQUEST_MS);
      // Further requests may come on kept connections: each has its whole time.
      const { count, lastDeadline } = requestLifecycle.unfinished();
      if (count === 0 || performance.now() >= lastDeadline + GRACE_MS) break;
    }
    // Connections that have sent nothing, or half of a request, are closed too.
    server.server.closeAllConnections();
    await server.close();
    metricsServer.server.closeAllConnections();
    await metricsServer.close();
  }

  return { server, listen, stop };
}

/**
 * Creates the server of one port: reads no body yet, answers in JSON, closes slow and silent connections. While the
 * whole is not ready, it closes each connection with its response.
 */
function createPort(
  { logger }: HttpDependencies,
  state: { readonly isReady: boolean },
  { keepAliveMs, headMs }: typeof ROUTER_TIMES,
) {
  const server: FastifyInstance = fastify({
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
      maxHeaderSize: 8 * LIMITS.headCharacters,
    },
    bodyLimit: LIMITS.bodyBytes,
    schemaController: { compilersFactory: { buildValidator: refuseSchemas, buildSerializer: refuseSchemas } },
    // Like any other unknown path. Fastify would answer an invalid escape before we check the secret.
    routerOptions: {
      onBadUrl: (_, request, response) => server.routing(Object.assign(request, { url: '/' }), response),
    },
    genReqId: ({ headers }) => REQUEST_ID.exec(String(headers['x-request-id'] ?? ''))?.[0] ?? randomUUID(),
  });
  server.decorateRequest('budget', null);
  server.decorateRequest('lifetime', null);
  server.setErrorHandler(createErrorHandler(logger));
  server.removeAllContentTypeParsers();
  server.setNotFoundHandler((_, reply) => reply.send(refusal(404)));
  server.addHook('onSend', ({ id }, reply, payload, done) => {
    reply.header('x-request-id', id);
    // No response may be cached. Apollo would allow it for persisted queries.
    reply.header('cache-control', 'no-store');
    // Keep-alive connections would delay shutdown.
    if (!state.isReady) reply.header('connection', 'close');
    // Node encodes a text of more than ASCII slowly.
    done(null, typeof payload === 'string' ? Buffer.from(payload) : payload);
  });
  return server;
}
