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
const WRONG_CONTENT = 'Send application/json in UTF-8, without compression.';
const NO_CONTENT_TYPE = 'The header Content-Type is missing. Send application/json.';

/** Refuses a request before it is parsed. By default, the message only repeats the status. */
export function sendHttpError(
  reply: FastifyReply,
  status: number,
  code: Code = 'BAD_REQUEST',
  message = `${STATUS_CODES[status]}.`,
): FastifyReply {
  return reply.code(status).send({ errors: [{ message, extensions: { code, outcome: 'NOT_SENT' } }] });
}

/** Answers a request for which there is no place or no memory. */
export async function sendOverloaded(reply: FastifyReply): Promise<FastifyReply> {
  await delay(OVERLOADED_DELAY_MS);
  reply.header('retry-after', '1');
  return sendHttpError(reply, 503, 'OVERLOADED', 'Too many requests. Try again later.');
}

/** Creates Fastify's error handler. */
export function createErrorHandler(logger: Logger) {
  return async (error: FastifyError, { headers }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    // Node reports an invalid Host header or path with this code and without a status.
    const status = error.code === 'ERR_INVALID_URL' ? 400 : (error.statusCode ?? 500);
    if (status === 503) return sendOverloaded(reply);
    if (status === 415)
      return sendHttpError(reply, 415, undefined, headers['content-type'] ? WRONG_CONTENT : NO_CONTENT_TYPE);
    if (status < 500) return sendHttpError(reply, status);
    const { message, extensions } = maskError(error, logger);
    return reply.code(status).send({ errors: [{ message, extensions }] });
  };
}
