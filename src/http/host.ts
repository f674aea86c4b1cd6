/**
 * The HTTP host of Apollo Server: router secret, admission of requests, health, metrics and draining.
 */
import { randomUUID } from 'node:crypto';
import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApolloServer, BaseContext } from '@apollo/server';
import { type ApolloFastifyContextFunction, fastifyApolloHandler } from '@as-integrations/fastify';
import type { Span } from '@opentelemetry/api';
import {
  errorCodes,
  type FastifyBodyParser,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { waitForEventLoop } from '../event-loop.ts';
import { maskError } from '../graphql/errors.ts';
import { LIMITS } from '../graphql/limits.ts';
import { BYTES, type Memory, type MemoryAccount } from '../memory.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { inSpan } from '../tracing.ts';
import { VERSION } from '../version.ts';
import { createRouterGuard } from './router-secret.ts';

// Longer than the idle timeout of every router; Cosmo's is the longest, 90 s. Otherwise a router could send on a
// connection that we close.
const KEEP_ALIVE_MS = 120_000;
const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
const SERVER_OPTIONS = {
  keepAliveTimeout: KEEP_ALIVE_MS,
  // Measured from the first byte of a request to the end of its body.
  requestTimeout: KEEP_ALIVE_MS + 10_000,
  // Closes a connection without traffic, for example if its client reads no response. Longer than any operation may
  // take.
  connectionTimeout: KEEP_ALIVE_MS + 10_000,
  http: { headersTimeout: KEEP_ALIVE_MS + 5000, connectionsCheckingInterval: 5000 },
};
// Added to an operation's deadline before its response is cut off during shutdown.
const GRACE_MS = 1000;
// During shutdown, a request may still be on its way. A packet that is lost is sent again after 200 ms.
const LAST_REQUEST_MS = 300;
// Delay 503: hundreds of connections that retry immediately would keep half of the processor busy.
const REFUSAL_DELAY_MS = 500;
// No route has a schema. Fastify would load a validator, which takes a twelfth of the start.
const refuseSchemas = () => {
  throw new Error('A route has no schema.');
};
const NO_SCHEMAS = { buildValidator: refuseSchemas, buildSerializer: refuseSchemas };
/** Only such request ids are safe to log unchanged. */
const REQUEST_ID = /^[\w.-]{1,64}$/;
// Connections that may wait to be accepted. Without room, the client's system retries after seconds.
const BACKLOG = 4096;
// No `url.query`: a query string may contain an operation with its variables.
const SPAN_ATTRIBUTES = { 'http.route': '/graphql', 'url.path': '/graphql', 'url.scheme': 'http' };
// Connections to METRICS_PORT. Further connections are closed.
const SCRAPERS = 50;
// Node's errors for headers over 16 KB and for a request that comes too slowly. Other bytes that are not HTTP get 400.
const PARSER_STATUSES: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };
// The sender has reset or ended the connection.
const SENDER_LEFT = ['ECONNRESET', 'HPE_INVALID_EOF_STATE'];
const WRONG_CONTENT = 'Send application/json in UTF-8, without compression.';
const NO_CONTENT_TYPE = 'The header Content-Type is missing. Send application/json.';
const REFUSAL_HEADERS =
  'content-type: application/json; charset=utf-8\r\ncache-control: no-store\r\nconnection: close\r\n';

declare module 'fastify' {
  interface FastifyRequest {
    /** The memory of the operation. Only requests to /graphql have it. */
    operationMemory: MemoryAccount;
    /** Settles when the operation ends, which may be after its caller has disconnected. */
    operation?: Promise<unknown>;
  }
}

/** Serves a started Apollo Server. Rejects with Node's error if it cannot listen. */
export async function startHost<T extends BaseContext>(
  apollo: ApolloServer<T>,
  startOperation: ApolloFastifyContextFunction<T>,
  { config, logger, metrics, memory }: { config: Config; logger: Logger; metrics: Metrics; memory: Memory },
  extend: (app: FastifyInstance) => void = () => {},
) {
  const isFromRouter = createRouterGuard(config.routerSecrets);
  const underWay = new Set<Promise<unknown>>();
  let ready = true;
  let inFlight = 0;

  /** Refuses requests without the secret, or without a place or memory, before reading the body. */
  function admit(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const { url } = request.routeOptions;
    if (url?.startsWith('/health/')) done();
    else if (!isFromRouter(request)) {
      // Logged at debug level: an unauthenticated client could flood the log. A metric counts these requests.
      logger.debug('refused a request without the router secret');
      sendHttpError(reply, 401, 'ROUTER_UNAUTHENTICATED', 'Send requests through the router.');
    } else if (url === '/metrics' || findRoom(request, reply)) done();
    else void refuseOverload(reply);
  }

  /** Takes a place and memory, until the response is closed and its operation has ended. Returns false if there is no room. */
  function findRoom(request: FastifyRequest, reply: FastifyReply): boolean {
    const operationMemory = memory.openOperation();
    if (inFlight >= config.MAX_REQUESTS_IN_FLIGHT || !operationMemory.reserve(bytesOf(request), 'request'))
      return false;
    request.operationMemory = operationMemory;
    metrics.active.set(++inFlight);
    reply.raw.once('close', () => {
      metrics.active.set(--inFlight);
      void Promise.allSettled([request.operation]).then(() => operationMemory.release());
    });
    return true;
  }

  async function refuseOverload(reply: FastifyReply): Promise<FastifyReply> {
    await delay(REFUSAL_DELAY_MS);
    reply.header('retry-after', '1');
    return sendHttpError(reply, 503, 'OVERLOADED', 'Too many requests. Try again later.');
  }

  /** Answers errors outside of Apollo Server as JSON in the shape of GraphQL errors. */
  async function sendError(
    error: FastifyError,
    { headers }: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    // Node reports an invalid Host header or path with this code and without a status.
    const status = error.code === 'ERR_INVALID_URL' ? 400 : (error.statusCode ?? 500);
    if (status === 503) return refuseOverload(reply);
    if (status === 415)
      return sendHttpError(reply, 415, undefined, headers['content-type'] ? WRONG_CONTENT : NO_CONTENT_TYPE);
    if (status < 500) return sendHttpError(reply, status);
    const { message, extensions } = maskError(error, logger);
    return reply.code(status).send({ errors: [{ message, extensions }] });
  }

  /**
   * Creates the app of one port: reads no body yet, answers in JSON, closes slow and silent connections. `unanswered`
   * receives the responses under way.
   */
  function createApp(unanswered: Set<ServerResponse>): FastifyInstance {
    /** Answers bytes that are no HTTP, too many or too slow as JSON too, unless their sender has left or sent none. */
    function refuseBytes({ code = '' }: NodeJS.ErrnoException, socket: Socket): void {
      if (socket.writable && socket.bytesRead > 0 && !SENDER_LEFT.includes(code)) {
        const status = PARSER_STATUSES[code] ?? 400;
        const body = JSON.stringify(describeHttpError(status));
        const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${REFUSAL_HEADERS}content-length: ${body.length}`;
        // In a body, they belong to a request, which is counted when it ends.
        const response = [...unanswered].find((one) => one.socket === socket);
        if (!response) metrics.requestEnded('', undefined, status, 0);
        if (!response?.headersSent) socket.write(`${head}\r\n\r\n${body}`);
      }
      socket.destroy();
    }

    const app = fastify({
      ...SERVER_OPTIONS,
      bodyLimit: LIMITS.bodyBytes,
      clientErrorHandler: refuseBytes,
      schemaController: { compilersFactory: NO_SCHEMAS },
      return503OnClosing: false,
      // Our paths contain no escapes. Fastify would answer an invalid escape before we check the secret.
      rewriteUrl: ({ url = '' }) => url.replace(/^[^?]*%[^?]*/, '/'),
      genReqId: ({ headers }) => REQUEST_ID.exec(String(headers['x-request-id'] ?? ''))?.[0] ?? randomUUID(),
    });
    app.addHook('onRequest', (request, reply, done) => {
      const start = performance.now();
      unanswered.add(reply.raw);
      reply.raw.once('close', () => {
        unanswered.delete(reply.raw);
        // Without a sent response, `statusCode` is Node's default of 200.
        const status = reply.raw.headersSent ? reply.raw.statusCode : '';
        metrics.requestEnded(request.method, request.routeOptions.url, status, performance.now() - start);
      });
      done();
    });
    app.setErrorHandler(sendError);
    app.removeAllContentTypeParsers();
    app.setNotFoundHandler((_, reply) => sendHttpError(reply.header('connection', 'close'), 404, 'NOT_FOUND'));
    app.addHook('onSend', ({ id }, reply, payload, done) => {
      reply.header('x-request-id', id);
      // No response may be cached. Apollo would allow it for persisted queries.
      reply.header('cache-control', 'no-store');
      // Keep-alive connections would delay shutdown.
      if (!ready) reply.header('connection', 'close');
      // Node encodes a text of more than ASCII slowly.
      done(null, typeof payload === 'string' ? Buffer.from(payload) : payload);
    });
    return app;
  }

  const unanswered = new Set<ServerResponse>();
  const app = createApp(unanswered);
  app.addHook('onRequest', admit);
  app.addContentTypeParser(JSON_IN_UTF8, { parseAs: 'string' }, parseBody(app));
  app.get('/health/live', () => ({ status: 'live', version: VERSION }));
  app.get('/health/ready', (_, reply) => reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'stopping' }));
  const execute = fastifyApolloHandler(apollo, { context: startOperation });
  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    exposeHeadRoute: false,
    async handler(request, reply) {
      const requestId = { 'http.response.header.x-request-id': [request.id] };
      const attributes = { ...SPAN_ATTRIBUTES, 'http.request.method': request.method, ...requestId };
      const run = async (span?: Span) => {
        // The body of a POST has waited already.
        if (request.method === 'GET') await waitForEventLoop('request');
        if (reply.raw.destroyed) return undefined;
        const body = await execute.call(this, request, reply);
        // A caller that has disconnected receives no status.
        if (!reply.raw.destroyed) span?.setAttribute('http.response.status_code', reply.statusCode);
        return body;
      };
      // The span's name until the operation is known; see telemetry/operation-report.ts.
      const operation = inSpan('GraphQL Operation', { kind: 'SERVER', attributes, headers: request.headers }, run);
      underWay.add(operation);
      request.operation = operation.finally(() => underWay.delete(operation));
      return request.operation;
    },
  });
  extend(app);
  // Without `admit`: METRICS_PORT needs no secret, because network policy decides who reaches it.
  const metricsApp = config.METRICS_PORT === undefined ? app : createApp(new Set());
  metricsApp.get('/metrics', async (_, reply) => reply.type(metrics.contentType).send(await metrics.write()));
  if (config.METRICS_PORT !== undefined) {
    metricsApp.server.maxConnections = SCRAPERS;
    await metricsApp.listen({ host: config.HOST, port: config.METRICS_PORT }).catch((error) => {
      throw Object.assign(error, { variable: 'METRICS_PORT' });
    });
  }
  await app.listen({ host: config.HOST, port: config.PORT, backlog: BACKLOG });

  const { address, family, port } = app.server.address() as AddressInfo;

  return {
    /** Scheme, address and port of the server. */
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    /** The port that serves metrics. */
    metricsPort: (metricsApp.server.address() as AddressInfo).port,
    /** Reports not ready, finishes the requests in flight and closes. */
    async stop() {
      ready = false;
      await delay(config.DRAIN_DELAY_MS);
      // Node would cut off responses that are ended but not sent yet.
      app.server.closeIdleConnections = () => {};
      const closed = app.close();
      const cutOffAt = performance.now() + config.OPERATION_TIMEOUT_MS + GRACE_MS;
      do await delay(LAST_REQUEST_MS);
      while (unanswered.size > 0 && performance.now() < cutOffAt);
      // Also connections that have sent nothing or half of a head.
      app.server.closeAllConnections();
      await closed;
      // Wait for writes whose callers have disconnected. Fastify does not wait for them.
      await Promise.allSettled(underWay);
      metricsApp.server.closeAllConnections();
      await metricsApp.close();
    },
  };
}

/** Returns Fastify's parser of JSON, for bodies that have room and when the event loop has time. */
function parseBody(app: FastifyInstance): FastifyBodyParser<string> {
  const parse = app.getDefaultJsonParser('error', 'error');
  return (request, body, done) => {
    const { 'content-encoding': encoding, 'transfer-encoding': chunked } = request.headers;
    if (encoding && encoding.toLowerCase() !== 'identity') return done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE());
    if (chunked) request.operationMemory.hold(-LIMITS.bodyBytes);
    if (chunked && !request.operationMemory.reserve(body.length * BYTES.bodyByte, 'request'))
      return done(Object.assign(new Error('no memory'), { statusCode: 503 }));
    // With a fresh stack, which deep documents need. Not if the caller has disconnected: its memory is released already.
    void Promise.resolve(waitForEventLoop('request')).then(
      () => request.socket.destroyed || parse(request, body, done),
    );
  };
}

/**
 * Returns the bytes that a request holds once its body is parsed. Until a chunked body is read, its length counts as the
 * largest allowed. Longer bodies are not read.
 */
function bytesOf({ headers, url }: FastifyRequest): number {
  const length = Number(headers['content-length'] ?? 0);
  const body = length > LIMITS.bodyBytes ? 0 : length * BYTES.bodyByte;
  return url.length * BYTES.bodyByte + (headers['transfer-encoding'] ? LIMITS.bodyBytes : body);
}

/** Answers with an HTTP error. */
function sendHttpError(reply: FastifyReply, status: number, code?: string, message?: string) {
  return reply.code(status).send(describeHttpError(status, code, message));
}

/** Returns the body of an HTTP error. By default, the message only repeats the status. */
function describeHttpError(status: number, code = 'BAD_REQUEST', message = `${STATUS_CODES[status]}.`) {
  return { errors: [{ message, extensions: { code } }] };
}
