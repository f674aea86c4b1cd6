/**
 * Admission, before a body is read. It depends on the router's secret, the size of the head, the number of requests in
 * flight, and the memory that the request will hold.
 */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { type Config, HEAD_CHARACTERS } from '../config.ts';
import { Account, type Memory, OPERATION_LIMIT } from '../resources/memory.ts';
import { refusal } from './refusals.ts';

export const BODY_BYTES = 1024 * 1024;
/**
 * Bytes that a character of a path or body holds, once the request is parsed. Up to 21 were measured, for variables;
 * with 16, `npm run test:soak -- hostile-callers` keeps its bounds.
 */
const CHARACTER_BYTES = 16;

/**
 * Creates the check of every request's head, and of the number in flight. It returns the account that it opens, or
 * throws the refusal. Health checks always pass, and metrics need only the secret: neither has an account.
 */
export function createAdmission({ routerSecrets, MAX_REQUESTS_IN_FLIGHT }: Config, memory: Memory) {
  const secrets = routerSecrets.map((secret) => Buffer.from(secret));

  /** Returns whether a request has the router's secret. Without configured secrets, every request passes. */
  function isFromRouter({ headers }: FastifyRequest): boolean {
    const given = Buffer.from(String(headers['router-authorization'] ?? ''));
    // Compares all of them, in a time that reveals nothing but the length of a secret.
    const known = secrets.filter((secret) => secret.length === given.length && timingSafeEqual(secret, given));
    return known.length > 0 || secrets.length === 0;
  }

  return (request: FastifyRequest, inFlight: number): Account | null => {
    const { url } = request.routeOptions;
    if (url?.startsWith('/health/')) return null;
    if (!isFromRouter(request)) throw refusal(401);
    if (headLengthOf(request) > HEAD_CHARACTERS) throw refusal(431);
    if (url === '/metrics') return null;
    if (inFlight >= MAX_REQUESTS_IN_FLIGHT) throw refusal(503);
    const account = new Account(memory);
    reserveRequest(account, request, countedLengthOf(request));
    return account;
  };
}

/**
 * Reserves what a request holds with a body of this length. Throws a refusal: 413 if that exceeds what an operation may
 * hold, or 503 if other operations leave no room.
 */
export function reserveRequest(account: Account, request: FastifyRequest, bodyLength: number): void {
  account.clear();
  const bytes = headLengthOf(request) + (request.url.length + bodyLength) * CHARACTER_BYTES;
  if (!account.tryReserve(bytes, 'request')) throw refusal(bytes > OPERATION_LIMIT ? 413 : 503);
}

/** Returns the characters of the names and values of a request's headers, of which each is a byte in memory. */
function headLengthOf({ raw }: FastifyRequest): number {
  return raw.rawHeaders.reduce((sum, { length }) => sum + length, 0);
}

/**
 * Returns the length of a body before it is read. A chunked body counts as a text of the largest allowed length that is
 * not parsed yet. Longer bodies are not read.
 */
function countedLengthOf({ headers }: FastifyRequest): number {
  if (headers['transfer-encoding']) return BODY_BYTES / CHARACTER_BYTES;
  const length = Number(headers['content-length'] ?? 0);
  return length > BODY_BYTES ? 0 : length;
}
