/**
 * Refusals: requests that the HTTP server answers itself, without Apollo Server.
 */
import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { NOT_SENT } from '../command-api/failures.ts';
import { type Code, PublicError, UnforeseenErrors } from '../errors/public-error.ts';

/** The codes and messages of refused requests, by status. By default, the message repeats the status. */
const REFUSED: Readonly<Record<number, readonly [Code, string]>> = {
  401: ['ROUTER_UNAUTHENTICATED', 'Send requests through the router.'],
  404: ['NOT_FOUND', 'Not Found.'],
  415: ['BAD_REQUEST', 'Send application/json in UTF-8, with the header Content-Type and without compression.'],
  503: ['OVERLOADED', 'Too many requests. Try again later.'],
};

const STATUSES = [401, 404, 413, 415, 431, 503] as const;
type RefusedStatus = (typeof STATUSES)[number];
/** Made once: an overloaded server refuses thousands of requests a second, and each stack takes time. */
const REFUSALS = new Map(STATUSES.map((statusCode) => [statusCode, Object.assign(new Error(), { statusCode })]));

/** Returns the error that refuses a request with this status. */
export function refusal(status: RefusedStatus): Error {
  return REFUSALS.get(status) as Error;
}

/** Creates Fastify's error handler, which answers with our refusals and Fastify's. Masks every other error. */
export function createErrorHandler(logger: Logger) {
  return async (error: FastifyError, _: FastifyRequest, reply: FastifyReply) => {
    // Node reports an invalid Host header or path with this code and without a status.
    const status = error.code === 'ERR_INVALID_URL' ? 400 : (error.statusCode ?? 500);
    reply.code(status);
    const isMasked = status >= 500 && status !== 503;
    const { message, extensions } = isMasked ? maskError(error, logger) : publicRefusal(status);
    // Logged at debug level: an unauthenticated client could flood the log. A metric counts these requests.
    if (status === 401) logger.debug('refused a request without the router secret');
    // The rest of the request is not read.
    if (status === 413 || status === 431) reply.header('connection', 'close');
    if (status === 503) reply.header('retry-after', '1');
    return { errors: [{ message, extensions }] };
  };
}

function maskError(error: unknown, logger: Logger): PublicError {
  const unforeseen = new UnforeseenErrors();
  const masked = unforeseen.mask(error);
  unforeseen.log(logger);
  return masked;
}

/** Returns the error of a request that is answered with this status before it is executed. */
function publicRefusal(status: number): PublicError {
  const [code, message] = REFUSED[status] ?? ['BAD_REQUEST', `${STATUS_CODES[status]}.`];
  return new PublicError(code as Code, message as string, { outcome: NOT_SENT });
}
