import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';

/** Returns a check of the router's secret. Without configured secrets, every request passes. */
export function createRouterGuard(secrets: readonly string[]): (request: FastifyRequest) => boolean {
  const expected = secrets.map((secret) => Buffer.from(secret));
  return ({ headers }) => {
    if (expected.length === 0) return true;
    const given = Buffer.from(String(headers['router-authorization'] ?? ''));
    // Compares all of them, in a time that reveals nothing but the length of a secret.
    const isEqual = (one: Buffer) => one.length === given.length && timingSafeEqual(one, given);
    return expected.filter(isEqual).length > 0;
  };
}
