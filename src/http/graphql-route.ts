/**
 * The route /graphql: reads bodies as memory and event loop allow, and executes them in a span.
 */
import type { ApolloServer, BaseContext } from '@apollo/server';
import { type ApolloFastifyContextFunction, fastifyApolloHandler } from '@as-integrations/fastify';
import type { Span } from '@opentelemetry/api';
import { errorCodes, type FastifyBodyParser, type FastifyInstance } from 'fastify';
import { waitForEventLoop } from '../event-loop.ts';
import { HTTP_LIMITS } from '../http-limits.ts';
import { PRICES } from '../prices.ts';
import { inRequestSpan } from '../tracing.ts';
import { type AdmittedRequest, reserveRequest } from './admission.ts';

const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;
// No `url.query`: a query string may contain an operation with its variables.
const SPAN_ATTRIBUTES = { 'http.route': '/graphql', 'url.path': '/graphql', 'url.scheme': 'http' };

/** Adds the route. Returns its operations under way, which may go on after their callers have disconnected. */
export function addGraphqlRoute<T extends BaseContext>(
  app: FastifyInstance,
  apollo: ApolloServer<T>,
  contextOf: ApolloFastifyContextFunction<T>,
): ReadonlySet<Promise<unknown>> {
  const underWay = new Set<Promise<unknown>>();
  const execute = fastifyApolloHandler(apollo, { context: contextOf });
  app.addContentTypeParser(JSON_IN_UTF8, { parseAs: 'string' }, parseBody(app));
  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    exposeHeadRoute: false,
    async handler(request, reply) {
      const run = async (span?: Span) => {
        // The body of a POST has waited already.
        if (request.method === 'GET') await waitToStart(request.url);
        if (reply.raw.destroyed) return undefined;
        const body = await execute.call(this, request, reply);
        // A caller that has disconnected receives no status.
        if (!reply.raw.destroyed) span?.setAttribute('http.response.status_code', reply.statusCode);
        return body;
      };
      const requestId = { 'http.response.header.x-request-id': [request.id] };
      const attributes = { ...SPAN_ATTRIBUTES, 'http.request.method': request.method, ...requestId };
      // The span's name until the operation is known; see telemetry/operation-report.ts.
      const operation = inRequestSpan('GraphQL Operation', attributes, request.headers, run);
      // Not the operation itself, which keeps its response: what was deleted from a Set may stay in memory for a while.
      const end = Promise.allSettled([operation]).then(() => void underWay.delete(end));
      underWay.add(end);
      (request as AdmittedRequest).operationEnd = end;
      return operation;
    },
  });
  return underWay;
}

/** Returns Fastify's parser of JSON, for bodies that have room and when the event loop has time. */
function parseBody(app: FastifyInstance): FastifyBodyParser<string> {
  const parse = app.getDefaultJsonParser('error', 'error');
  return (request, body, done) => {
    const { operationMemory } = request as AdmittedRequest;
    const { 'content-encoding': encoding, 'transfer-encoding': chunked } = request.headers;
    if (encoding && encoding.toLowerCase() !== 'identity') return done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE());
    // Until now, the body counted as text of the largest allowed length.
    if (chunked) operationMemory.release(HTTP_LIMITS.bodyBytes);
    const refusal = chunked && reserveRequest(operationMemory, body.length * PRICES.requestCharacter.bytes);
    if (refusal) return done(Object.assign(new Error('no memory'), { statusCode: refusal }));
    // With a fresh stack, which deep documents need. Not if the caller has disconnected: its memory is released already.
    void waitToStart(body).then(() => request.socket.destroyed || parse(request, body, done));
  };
}

function waitToStart(text: string): Promise<void> {
  return waitForEventLoop('request', PRICES.request.work + text.length * PRICES.requestCharacter.work);
}
