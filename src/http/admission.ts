/**
 * Admits requests before their body is read: router secret, size of the head, a place and memory.
 */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { HTTP_LIMITS } from '../http-limits.ts';
import { OperationAccount } from '../memory.ts';
import { PRICES } from '../prices.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { sendHttpError, sendOverloaded } from './http-errors.ts';

/** A request that has a place, such as every request of the route /graphql. */
export interface AdmittedRequest extends FastifyRequest {
  operationMemory: OperationAccount;
  /** Settles when the operation ends, which may be after its caller has disconnected. */
  operationEnd?: Promise<unknown>;
}

/** What the host needs from the rest of the server. */
export interface HostDependencies {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Creates Fastify's hook `onRequest`. Health checks always pass, and metrics take no place and no memory. */
export function createAdmission({ config, logger, metrics }: HostDependencies) {
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
    const operationMemory = new OperationAccount();
    const refusal = reserveRequest(operationMemory, bytesOf(request));
    if (refusal) return refusal;
    const admitted: AdmittedRequest = Object.assign(request, { operationMemory });
    metrics.active.set(++inFlight);
    reply.raw.once('close', () => {
      metrics.active.set(--inFlight);
      void Promise.allSettled([admitted.operationEnd]).then(() => operationMemory[Symbol.dispose]());
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
 * Reserves bytes of a request. Returns 413 if they exceed what an operation may hold, or 503 if other operations leave no
 * room.
 */
export function reserveRequest(operationMemory: OperationAccount, bytes: number): 413 | 503 | undefined {
  if (operationMemory.reserve(bytes, 'request')) return undefined;
  return operationMemory.isWithin(bytes) ? 503 : 413;
}

/**
 * Returns the bytes that a request holds once its body is parsed. A chunked body counts as text of the largest allowed
 * length until it is read. Longer bodies are not read.
 */
function bytesOf({ headers, url }: FastifyRequest): number {
  const length = Number(headers['content-length'] ?? 0);
  const body = length > HTTP_LIMITS.bodyBytes ? 0 : length * PRICES.requestCharacter.bytes;
  return url.length * PRICES.requestCharacter.bytes + (headers['transfer-encoding'] ? HTTP_LIMITS.bodyBytes : body);
}
