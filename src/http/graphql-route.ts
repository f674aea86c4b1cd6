/**
 * The route /graphql: reads bodies as memory and event loop allow, and executes them in a span.
 */
import type { ApolloServer } from '@apollo/server';
import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { Span } from '@opentelemetry/api';
import { errorCodes, type FastifyBodyParser, type FastifyInstance } from 'fastify';
import type { Operation } from '../graphql/operation.ts';
import { inRequestSpan } from '../telemetry/spans.ts';
import { type HostDependencies, reserveRequest } from './admission.ts';
import { sendOverloaded } from './http-errors.ts';

/** Units of work of a request without its characters. */
const REQUEST_WORK = 25_000;
const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/** Adds the route. Returns its operations under way, which may go on after their callers have disconnected. */
export function addGraphqlRoute(
  app: FastifyInstance,
  apollo: ApolloServer<Operation>,
  { startOperation, takeTurn }: HostDependencies,
): ReadonlySet<Promise<unknown>> {
  const underWay = new Set<Promise<unknown>>();
  const execute = fastifyApolloHandler(apollo, { context: async ({ operation }) => operation });
  app.addContentTypeParser(JSON_IN_UTF8, { parseAs: 'string' }, parseBody(app));
  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    exposeHeadRoute: false,
    async handler(request, reply) {
      const run = async (span: Span) => {
        request.operation = startOperation(request);
        const { signal, end } = request.operation;
        reply.raw.once('close', () => end(reply.raw.writableFinished));
        // Also for a fresh stack, which deep documents need. Each byte that the request holds takes a unit of work.
        await takeTurn(REQUEST_WORK + request.memory.bytes, signal);
        if (reply.raw.destroyed) return undefined;
        if (signal.aborted) return sendOverloaded(reply);
        const body = await execute.call(this, request, reply);
        // A caller that has disconnected receives no status.
        if (!reply.raw.destroyed) span.setAttribute('http.response.status_code', reply.statusCode);
        return body;
      };
      const ended = inRequestSpan(request, run);
      // Not the operation itself, which keeps its response: what was deleted from a Set may stay in memory for a while.
      const end = Promise.allSettled([ended]).then(() => void underWay.delete(end));
      underWay.add(end);
      request.operationEnd = end;
      return ended;
    },
  });
  return underWay;
}

/** Returns Fastify's parser of JSON, for bodies that have room. */
function parseBody(app: FastifyInstance): FastifyBodyParser<string> {
  const parse = app.getDefaultJsonParser('error', 'error');
  return (request, body, done) => {
    const { 'content-encoding': encoding, 'transfer-encoding': chunked } = request.headers;
    if (encoding && encoding.toLowerCase() !== 'identity') return done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE());
    const refusal = chunked && reserveRequest(request, body.length);
    if (refusal) return done(Object.assign(new Error('no memory'), { statusCode: refusal }));
    parse(request, body, done);
  };
}
