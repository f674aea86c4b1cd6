/**
 * The HTTP host: its ports, time limits, headers, health checks, shutdown, and the end of every request.
 */
import { randomUUID } from 'node:crypto';
import net, { type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type FastifyInstance, fastify } from 'fastify';
import type { Logger } from 'pino';
import { type Config, HEAD_CHARACTERS, VERSION } from '../config.ts';
import type { Account, Memory } from '../resources/memory.ts';
import type { Scope } from '../resources/scope.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Observer } from '../telemetry/observer.ts';
import { BODY_BYTES, createAdmission } from './admission.ts';
import { createErrorHandler, refusal } from './refusals.ts';

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
/** Only such request ids are safe to log unchanged. */
const REQUEST_ID = /^[\w.-]{1,64}$/;

/** Saves megabytes of an idle process: no route has a schema, for which Fastify would load validators. */
const refuseSchemas = () => {
  throw new Error('A route has no schema.');
};

/** What the ports of one server share. */
interface HostDependencies {
  readonly config: Config;
  readonly logger: Logger;
  readonly memory: Memory;
  readonly metrics: Metrics;
  readonly observer: Observer;
}

/** What the ports share of their requests. */
interface State {
  isReady: boolean;
  /** The requests that were admitted and whose response is not closed. */
  inFlight: number;
  /** All requests whose response is not closed, or whose operation is not over. */
  unfinished: number;
}

/** Creates the host with its own routes. `app` takes further routes until `listen` is called. */
export function createHost(shared: HostDependencies) {
  const { config, memory, metrics, observer } = shared;
  const state: State = { isReady: true, inFlight: 0, unfinished: 0 };
  const app = createApp(shared, state, ROUTER_TIMES);
  const admit = createAdmission(config, memory);
  app.addHook('onRequest', async (request) => {
    const account = admit(request, state.inFlight);
    request.setDecorator('account', account);
    if (!account) return;
    state.inFlight++;
    observer.inFlightChanged(state.inFlight);
  });
  app.get('/health/live', () => ({ status: 'live', version: VERSION }));
  app.get('/health/ready', (_, reply) =>
    state.isReady ? { status: 'ready' } : reply.code(503).send({ status: 'stopping' }),
  );
  // Not admitted by secret: network policy decides who reaches METRICS_PORT.
  const metricsApp = config.METRICS_PORT === undefined ? app : createApp(shared, state, SCRAPER_TIMES);
  const { registry, scrape } = metrics;
  metricsApp.get('/metrics', async (_, reply) => reply.type(registry.contentType).send(await scrape()));

  /** Starts listening. Rejects with Node's error if it cannot listen. */
  async function listen() {
    if (config.METRICS_PORT !== undefined) {
      metricsApp.server.maxConnections = SCRAPERS;
      await metricsApp.listen({ host: config.HOST, port: config.METRICS_PORT }).catch((error) => {
        throw Object.assign(error, { variable: 'METRICS_PORT' });
      });
    }
    await app.listen({ host: config.HOST, port: config.PORT, backlog: BACKLOG });
    const { port: metricsPort } = metricsApp.server.address() as AddressInfo;
    return { url: app.listeningOrigin, metricsPort };
  }

  /**
   * Reports not ready, and closes when all requests are answered and their operations are over, or when the last
   * deadline has passed. Until then a slow reader gets its whole response. Node would not wait for it, because `close` of
   * an HTTP server counts connections whose response is ended but not sent yet as idle, and destroys them.
   */
  async function stop(): Promise<void> {
    state.isReady = false;
    await delay(config.DRAIN_DELAY_MS);
    // Ends only the listener, for the reason above.
    net.Server.prototype.close.call(app.server);
    const endsAt = performance.now() + config.OPERATION_TIMEOUT_MS + GRACE_MS;
    do await delay(LAST_REQUEST_MS);
    while (state.unfinished > 0 && performance.now() < endsAt);
    // Also those that have sent nothing or half of a request.
    app.server.closeAllConnections();
    await app.close();
    metricsApp.server.closeAllConnections();
    await metricsApp.close();
  }

  return { app, listen, stop };
}

/**
 * Creates the app of one port: reads no body yet, answers in JSON, closes slow and silent connections, counts requests.
 * While the host is not ready, it closes each connection with its response.
 */
function createApp({ logger, observer }: HostDependencies, state: State, { keepAliveMs, headMs }: typeof ROUTER_TIMES) {
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
  app.decorateRequest('account', null);
  app.decorateRequest('scope', null);
  app.addHook('onRequest', (request, { raw }, done) => {
    const { method, routeOptions, socket } = request;
    const start = performance.now();
    let isOver = false;
    state.unfinished++;

    /** Gives back what the request holds. No other place does. */
    async function end(): Promise<void> {
      socket.off('close', end);
      if (isOver) return;
      isOver = true;
      // Without a sent response, `statusCode` is Node's default of 200.
      observer.requestEnded(method, routeOptions.url, raw.headersSent ? raw.statusCode : '', performance.now() - start);
      // Neither for a refused request, nor a scope for one whose body is refused.
      const account = request.getDecorator<Account | null>('account');
      const scope = request.getDecorator<Scope | null>('scope');
      if (account) {
        state.inFlight--;
        observer.inFlightChanged(state.inFlight);
      }
      if (!raw.writableFinished) scope?.leave();
      // A write goes on without its caller.
      await scope?.finished;
      account?.close();
      state.unfinished--;
    }

    raw.once('close', end);
    // Before Node 24.16, a response that is queued behind another one hears nothing when their connection closes.
    socket.setMaxListeners(0).once('close', end);
    done();
  });
  app.setErrorHandler(createErrorHandler(logger));
  app.removeAllContentTypeParsers();
  app.setNotFoundHandler((_, reply) => reply.send(refusal(404)));
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
