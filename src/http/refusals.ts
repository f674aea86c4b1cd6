/**
 * Refusals: requests that the host answers itself, without Apollo Server.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { publicRefusal } from '../graphql/public-errors.ts';

// Delay 503: hundreds of connections that retry immediately would keep half of the processor busy.
const OVERLOADED_DELAY_MS = 500;

const STATUSES = [401, 404, 413, 415, 431, 503] as const;
type RefusedStatus = (typeof STATUSES)[number];
/** Made once: an overloaded host refuses thousands of requests a second, and each stack takes time. */
const REFUSALS = new Map(STATUSES.map((statusCode) => [statusCode, Object.assign(new Error(), { statusCode })]));

/** Returns the error that refuses a request with this status. */
export function refusal(status: RefusedStatus): Error {
  return REFUSALS.get(status) as Error;
}

/** Creates Fastify's error handler, which answers with a refusal of ours or of Fastify. Masks every other error. */
export function createErrorHandler(logger: Logger) {
  return async (error: FastifyError, _: FastifyRequest, reply: FastifyReply) => {
    // Node reports an invalid Host header or path with this code and without a status.
    const status = error.code === 'ERR_INVALID_URL' ? 400 : (error.statusCode ?? 500);
    reply.code(status);
    const { message, extensions } = publicRefusal(status, error, logger);
    // Logged at debug level: an unauthenticated client could flood the log. A metric counts these requests.
    if (status === 401) logger.debug('refused a request without the router secret');
    // The rest of the request is not read.
    if (status === 413 || status === 431) reply.header('connection', 'close');
    if (status === 503) {
      reply.header('retry-after', '1');
      await delay(OVERLOADED_DELAY_MS);
    }
    return { errors: [{ message, extensions }] };
  };
}
