/**
 * The Fastify app of one port.
 */
import { randomUUID } from 'node:crypto';
import { fastify } from 'fastify';
import type { Logger } from 'pino';
import { HTTP_LIMITS } from '../http-limits.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createErrorHandler, sendHttpError } from './http-errors.ts';

// Longer than the idle timeout of every router; Cosmo's is the longest, 90 s. Otherwise a router could send on a
// connection that we close.
const KEEP_ALIVE_MS = 120_000;
const SERVER_OPTIONS = {
  keepAliveTimeout: KEEP_ALIVE_MS,
  // Measured from the first byte of a request to the end of its body.
  requestTimeout: KEEP_ALIVE_MS + 10_000,
  // Closes a connection without traffic, for example if its client reads no response. Longer than any operation may
  // take.
  connectionTimeout: KEEP_ALIVE_MS + 10_000,
  http: {
    headersTimeout: KEEP_ALIVE_MS + 5000,
    connectionsCheckingInterval: 5000,
    // So that we answer a request with a long token ourselves.
    maxHeaderSize: 8 * HTTP_LIMITS.headCharacters,
  },
};
// No route has a schema. Fastify would load a validator, which takes a twelfth of the start.
const refuseSchemas = () => {
  throw new Error('A route has no schema.');
};
const NO_SCHEMAS = { buildValidator: refuseSchemas, buildSerializer: refuseSchemas };
/** Only such request ids are safe to log unchanged. */
const REQUEST_ID = /^[\w.-]{1,64}$/;

export type App = ReturnType<typeof createApp>;

/**
 * Creates the app of one port: reads no body yet, answers in JSON, closes slow and silent connections, counts requests.
 * While the host is not ready, it closes each connection with its response.
 */
export function createApp(logger: Logger, metrics: Metrics, host: { readonly isReady: boolean }) {
  let unanswered = 0;
  const app = fastify({
    ...SERVER_OPTIONS,
    bodyLimit: HTTP_LIMITS.bodyBytes,
    schemaController: { compilersFactory: NO_SCHEMAS },
    return503OnClosing: false,
    // Our paths contain no escapes. Fastify would answer an invalid escape before we check the secret.
    rewriteUrl: ({ url = '' }) => url.replace(/^[^?]*%[^?]*/, '/'),
    genReqId: ({ headers }) => REQUEST_ID.exec(String(headers['x-request-id'] ?? ''))?.[0] ?? randomUUID(),
  });
  app.addHook('onRequest', ({ method, routeOptions }, { raw }, done) => {
    const start = performance.now();
    unanswered++;
    raw.once('close', () => {
      unanswered--;
      // Without a sent response, `statusCode` is Node's default of 200.
      metrics.requestEnded(method, routeOptions.url, raw.headersSent ? raw.statusCode : '', performance.now() - start);
    });
    done();
  });
  // Node would answer other expectations than `100-continue` itself, before we check the secret.
  app.server.on('checkExpectation', app.routing);
  app.setErrorHandler(createErrorHandler(logger));
  app.removeAllContentTypeParsers();
  app.setNotFoundHandler((_, reply) => sendHttpError(reply.header('connection', 'close'), 404, 'NOT_FOUND'));
  app.addHook('onSend', ({ id }, reply, payload, done) => {
    reply.header('x-request-id', id);
    // No response may be cached. Apollo would allow it for persisted queries.
    reply.header('cache-control', 'no-store');
    // Keep-alive connections would delay shutdown.
    if (!host.isReady) reply.header('connection', 'close');
    // Node encodes a text of more than ASCII slowly.
    done(null, typeof payload === 'string' ? Buffer.from(payload) : payload);
  });
  return { fastify: app, /** The number of responses under way. */ countUnanswered: () => unanswered };
}
