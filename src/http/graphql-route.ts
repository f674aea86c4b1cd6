/**
 * The route /graphql: reads bodies as memory allows, and executes operations in their turn and in a span.
 */
import type { ApolloServer } from '@apollo/server';
import { type ApolloFastifyContextFunction, fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyBodyParser, FastifyInstance, FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import type { Operation } from '../graphql/operation.ts';
import { inRequestSpan } from '../telemetry/spans.ts';
import { createOwnTurns, type Queue } from '../turns.ts';
import { reserveRequest } from './admission.ts';
import { httpError } from './http-errors.ts';

/** Units of work of a request, in addition to one for each byte that it holds. */
const REQUEST_WORK = 25_000;
const JSON_IN_UTF8 = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

/** Adds the route. */
export function addGraphqlRoute(
  app: FastifyInstance,
  apollo: ApolloServer<Operation>,
  queue: Queue,
  createOperation: (request: FastifyRequest) => Operation,
  config: Config,
): void {
  const context: ApolloFastifyContextFunction<Operation> = async (request, reply) => {
    const operation = createOperation(request);
    reply.raw.once('close', () => operation.end(reply.raw.writableFinished));
    return operation;
  };
  const execute = fastifyApolloHandler(apollo, { context });
  app.addContentTypeParser(JSON_IN_UTF8, { parseAs: 'string' }, parseBody(app));
  app.route({
    method: ['GET', 'POST'],
    url: '/graphql',
    exposeHeadRoute: false,
    async handler(request, reply) {
      request.startedAt = performance.now();
      // Also for a fresh stack, which deep documents need.
      await createOwnTurns(queue, request.startedAt).take(REQUEST_WORK + request.holding.bytes);
      if (reply.raw.destroyed) return undefined;
      if (performance.now() - request.startedAt >= config.OPERATION_TIMEOUT_MS) throw httpError(503);
      const ended = inRequestSpan(request, async (span) => {
        const body = await execute.call(this, request, reply);
        // A caller that has disconnected receives no status.
        if (!reply.raw.destroyed) span.setAttribute('http.response.status_code', reply.statusCode);
        return body;
      });
      // Not the operation itself: it keeps its response in memory.
      request.operationEnd = ended.then(() => {}).catch(() => {});
      return ended;
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
