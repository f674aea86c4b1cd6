import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

/** Returns a check of the router's secret. Without configured secrets, every request passes. */
export function createRouterGuard(secrets: readonly string[]): (request: FastifyRequest) => boolean {
  const digests = secrets.map((secret) => hash('sha256', secret, 'buffer'));
  return ({ headers }) => {
    if (digests.length === 0) return true;
    const given = hash('sha256', String(headers['router-authorization'] ?? ''), 'buffer');
    // Compare digests of equal length, and compare all of them, so that the duration reveals nothing about a secret.
    return digests.filter((expected) => timingSafeEqual(expected, given)).length > 0;
  };
}
