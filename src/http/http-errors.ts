/**
 * Answers requests that Apollo Server does not answer, in the shape of GraphQL errors.
 */
import { STATUS_CODES } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { type Code, maskError } from '../graphql/errors.ts';

// Delay 503: hundreds of connections that retry immediately would keep half of the processor busy.
const OVERLOADED_DELAY_MS = 500;
/** The codes and messages of refusals. By default, the message only repeats the status. */
const REFUSAL_TEXTS: Readonly<Record<number, readonly [Code, string]>> = {
  401: ['ROUTER_UNAUTHENTICATED', 'Send requests through the router.'],
  404: ['NOT_FOUND', 'Not Found.'],
  415: ['BAD_REQUEST', 'Send application/json in UTF-8, with the header Content-Type and without compression.'],
  503: ['OVERLOADED', 'Too many requests. Try again later.'],
};

const STATUSES = [401, 404, 413, 415, 431, 503] as const;
/** The status of a request that the host refuses itself. */
export type RefusedStatus = (typeof STATUSES)[number];
/** Made once: an overloaded host refuses thousands of requests a second, and each stack takes time. */
const ERRORS = new Map(STATUSES.map((statusCode) => [statusCode, Object.assign(new Error(), { statusCode })]));

/** Returns the error that refuses a request with this status. */
export function httpError(status: RefusedStatus): Error {
  return ERRORS.get(status) as Error;
}

/** Creates Fastify's error handler. */
export function createErrorHandler(logger: Logger) {
  return async (error: FastifyError, _: FastifyRequest, reply: FastifyReply) => {
    // Node reports an invalid Host header or path with this code and without a status.
    const status = error.code === 'ERR_INVALID_URL' ? 400 : (error.statusCode ?? 500);
    reply.code(status);
    if (status >= 500 && status !== 503) {
      const { message, extensions } = maskError(error, logger);
      return { errors: [{ message, extensions }] };
    }
    // Logged at debug level: an unauthenticated client could flood the log. A metric counts these requests.
    if (status === 401) logger.debug('refused a request without the router secret');
    // The rest of the request is not read.
    if (status === 413 || status === 431) reply.header('connection', 'close');
    if (status === 503) {
      reply.header('retry-after', '1');
      await delay(OVERLOADED_DELAY_MS);
    }
    const [code, message] = REFUSAL_TEXTS[status] ?? ['BAD_REQUEST', `${STATUS_CODES[status]}.`];
    return { errors: [{ message, extensions: { code, outcome: 'NOT_SENT' } }] };
  };
}
