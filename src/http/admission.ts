/**
 * Admission: a request's head is checked, and memory reserved, before its body is read. The requests in flight are
 * counted.
 */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import { ROUTER_HEADER } from '../constants.ts';
import { BYTES, LIMITS } from '../limits.ts';
import { type MemoryBudget, OperationBudget } from '../resources/memory-budget.ts';
import { refusal } from './refusals.ts';

/**
 * Creates the admission of one server.
 *
 * @param inFlightChanged Is told the number of requests in flight.
 */
export function createAdmission(
  { routerSecrets, MAX_REQUESTS_IN_FLIGHT }: Config,
  memoryBudget: MemoryBudget,
  inFlightChanged: (requests: number) => void,
) {
  const secrets = routerSecrets.map((secret) => Buffer.from(secret));
  /** The requests with a budget that is not closed. */
  let inFlight = 0;

  function count(change: number): void {
    inFlight += change;
    inFlightChanged(inFlight);
  }

  /** Returns whether a request has the router's secret. Without configured secrets, every request passes. */
  function isFromRouter({ headers }: FastifyRequest): boolean {
    const given = Buffer.from(String(headers[ROUTER_HEADER] ?? ''));
    // Compares all of them, in a time that reveals nothing but the length of a secret.
    const equal = secrets.filter((secret) => secret.length === given.length && timingSafeEqual(secret, given));
    return equal.length > 0 || secrets.length === 0;
  }

  return {
    /**
     * Returns the budget of a request's operation, with the memory that its body will take, or throws the refusal.
     * Health checks always pass, and metrics need only the secret: neither has a budget.
     */
    admit(request: FastifyRequest): OperationBudget | null {
      const { headers, raw, routeOptions } = request;
      const { url } = routeOptions;
      if (url?.startsWith('/health/')) return null;
      if (!isFromRouter(request)) throw refusal(401);
      const headLength = raw.rawHeaders.reduce((sum, { length }) => sum + length, 0);
      if (headLength > LIMITS.headCharacters) throw refusal(431);
      if (url === '/metrics') return null;
      if (!/^(identity)?$/i.test(headers['content-encoding'] ?? '')) throw refusal(415);
      // A body in chunks counts as the largest one until it is there.
      const bodyLength = headers['transfer-encoding'] ? LIMITS.bodyBytes : Number(headers['content-length'] ?? 0);
      if (bodyLength > LIMITS.bodyBytes) throw refusal(413);
      if (inFlight >= MAX_REQUESTS_IN_FLIGHT) throw refusal(503);
      const budget = new OperationBudget(memoryBudget);
      const bytes = headLength + (request.url.length + bodyLength) * BYTES.requestCharacter;
      if (!budget.tryReserve(bytes, 'request')) throw refusal(503);
      count(1);
      return budget;
    },

    /** Releases what was reserved for a body in chunks and not needed: the body has this number of characters. */
    bodyArrived({ headers, budget }: FastifyRequest, characters: number): void {
      if (headers['transfer-encoding']) budget?.release((LIMITS.bodyBytes - characters) * BYTES.requestCharacter);
    },

    /** Releases everything, because the request and its operation are over. */
    release({ budget }: FastifyRequest): void {
      if (!budget) return;
      budget.close();
      count(-1);
    },
  };
}
