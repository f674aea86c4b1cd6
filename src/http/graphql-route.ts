/**
 * The route /graphql: reads bodies as memory allows, and executes operations in their turn and in a span.
 */
import type { ApolloServer } from '@apollo/server';
import { type ApolloFastifyContextFunction, fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyBodyParser, FastifyInstance, FastifyRequest } from 'fastify';
import type { Operation } from '../graphql/operation.ts';
import { inRequestSpan } from '../telemetry/spans.ts';
import { reserveRequest } from './admission.ts';
import { httpError } from './http-errors.ts';

/** Units of work of a request, 0.5 ms, in addition to one for each byte that it holds. */
const REQUEST_WORK = 25_000;
const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/** Adds the route. */
export function addGraphqlRoute(
  app: FastifyInstance,
  apollo: ApolloServer<Operation>,
  createOperation: (request: FastifyRequest) => Operation,
): void {
  const context: ApolloFastifyContextFunction<Operation> = async (request, reply) => {
    const operation = createOperation(request);
    reply.raw.once('close', () => reply.raw.writableFinished || operation.leave());
    return operation;
  };
  const execute = fastifyApolloHandler(apollo, { context });
  app.addContentTypeParser(JSON_IN_UTF8, { parseAs: 'string' }, parseBody(app));
  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    exposeHeadRoute: false,
    async handler(request, reply) {
      const { lease } = request;
      lease.start();
      // Also for a fresh stack, which deep documents need.
      await lease.turn(REQUEST_WORK + lease.bytes.count);
      // Its caller may have left.
      if (reply.raw.destroyed) return undefined;
      if (lease.signal.aborted) throw httpError(503);
      const answer = inRequestSpan(request, lease.startedAt, async (span) => {
        const body = await execute.call(this, request, reply);
        // A caller that has disconnected receives no status.
        if (!reply.raw.destroyed) span.setAttribute('http.response.status_code', reply.statusCode);
        return body;
      });
      return lease.run(answer);
    },
  });
}

/** Returns Fastify's parser of JSON, for bodies that have room. */
function parseBody(app: FastifyInstance): FastifyBodyParser<string> {
  const parse = app.getDefaultJsonParser('error', 'error');
  return (request, body, done) => {
    const { 'content-encoding': encoding, 'transfer-encoding': chunked } = request.headers;
    if (encoding && encoding.toLowerCase() !== 'identity') return done(httpError(415));
    const refusal = chunked && reserveRequest(request, body.length);
    if (refusal) return done(httpError(refusal));
    parse(request, body, done);
  };
}
