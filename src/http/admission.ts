/**
 * Admits requests before their body is read: router secret, size of the head, a place and memory.
 */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { Operation } from '../graphql/operation.ts';
import { HTTP_LIMITS } from '../http-limits.ts';
import { Holding, type Memory, OPERATION_LIMIT } from '../memory.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { TakeTurn } from '../turns.ts';
import { sendHttpError, sendOverloaded } from './http-errors.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Of an admitted request: what it holds, and then its operation. */
    memory: Holding;
    operation: Operation;
    /** Settles when the operation ends, which may be after its caller has disconnected. */
    operationEnd: Promise<unknown> | undefined;
  }
}

/** Bytes that a character of a request holds, once the request is parsed. */
const CHARACTER_BYTES = 16;

/** What the host needs from the rest of the server. */
export interface HostDependencies {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly memory: Memory;
  readonly takeTurn: TakeTurn;
  startOperation(request: FastifyRequest): Operation;
}

/** Creates Fastify's hook `onRequest`. Health checks always pass, and metrics take no place and no memory. */
export function createAdmission({ config, logger, metrics, memory }: HostDependencies) {
  const secrets = config.routerSecrets.map((secret) => Buffer.from(secret));
  let inFlight = 0;

  /** Returns whether a request has the router's secret. Without configured secrets, every request passes. */
  function isFromRouter({ headers }: FastifyRequest): boolean {
    const given = Buffer.from(String(headers['router-authorization'] ?? ''));
    let isKnown = secrets.length === 0;
    // Compares all of them, in a time that reveals nothing but the length of a secret.
    for (const secret of secrets) if (secret.length === given.length && timingSafeEqual(secret, given)) isKnown = true;
    return isKnown;
  }

  /**
   * Takes a place until the response is closed, and memory until the operation has ended too. Returns the status of the
   * refusal if there is no room.
   */
  function takePlace(request: FastifyRequest, reply: FastifyReply): 413 | 503 | undefined {
    if (inFlight >= config.MAX_REQUESTS_IN_FLIGHT) return 503;
    request.memory = new Holding(memory);
    const refusal = reserveRequest(request, lengthOf(request));
    if (refusal) return refusal;
    metrics.active.set(++inFlight);
    reply.raw.once('close', () => {
      metrics.active.set(--inFlight);
      void Promise.allSettled([request.operationEnd]).then(() => request.memory[Symbol.dispose]());
    });
    return undefined;
  }

  return function admit(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
    const { url } = request.routeOptions;
    if (url?.startsWith('/health/')) done();
    else if (!isFromRouter(request)) {
      // Logged at debug level: an unauthenticated client could flood the log. A metric counts these requests.
      logger.debug('refused a request without the router secret');
      sendHttpError(reply, 401, 'ROUTER_UNAUTHENTICATED', 'Send requests through the router.');
    } else if (request.raw.rawHeaders.join('').length > HTTP_LIMITS.headCharacters)
      sendHttpError(reply.header('connection', 'close'), 431);
    else if (url === '/metrics') done();
    else {
      const refusal = takePlace(request, reply);
      if (refusal === 413) sendHttpError(reply.header('connection', 'close'), 413);
      else if (refusal) void sendOverloaded(reply);
      else done();
    }
  };
}

/**
 * Reserves what a request holds with a body of this length. Returns 413 if that exceeds what an operation may hold, or 503
 * if other operations leave no room.
 */
export function reserveRequest({ memory, url }: FastifyRequest, bodyLength: number): 413 | 503 | undefined {
  memory.release();
  const bytes = (url.length + bodyLength) * CHARACTER_BYTES;
  if (memory.reserve(bytes, 'request')) return undefined;
  return bytes > OPERATION_LIMIT ? 413 : 503;
}

/**
 * Returns the length of a body before it is read. A chunked body counts as a text of the largest allowed length that is not
 * parsed yet. Longer bodies are not read.
 */
function lengthOf({ headers }: FastifyRequest): number {
  if (headers['transfer-encoding']) return HTTP_LIMITS.bodyBytes / CHARACTER_BYTES;
  const length = Number(headers['content-length'] ?? 0);
  return length > HTTP_LIMITS.bodyBytes ? 0 : length;
}
