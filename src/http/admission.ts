/**
 * Admits requests before their body is read: router secret, size of the head, number in flight and memory.
 */
import { timingSafeEqual } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Config, HEAD_CHARACTERS } from '../config.ts';
import { Lease, OPERATION_LIMIT, type Resources } from '../lease.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { httpError, type RefusedStatus } from './http-errors.ts';

export const BODY_BYTES = 1024 * 1024;
/** Bytes that a character of a path or body holds, once the request is parsed: an estimate, see docs/decisions.md. */
const CHARACTER_BYTES = 16;

declare module 'fastify' {
  interface FastifyRequest {
    /** Of the route /graphql, every request that was admitted has one. */
    lease: Lease;
  }
}

/** Creates Fastify's hook `onRequest`. Health checks always pass, and metrics take no memory. */
export function createAdmission(config: Config, metrics: Metrics, resources: Resources) {
  const secrets = config.routerSecrets.map((secret) => Buffer.from(secret));
  let inFlight = 0;

  /** Returns whether a request has the router's secret. Without configured secrets, every request passes. */
  function isFromRouter({ headers }: FastifyRequest): boolean {
    const given = Buffer.from(String(headers['router-authorization'] ?? ''));
    // Compares all of them, in a time that reveals nothing but the length of a secret.
    const known = secrets.filter((secret) => secret.length === given.length && timingSafeEqual(secret, given));
    return known.length > 0 || secrets.length === 0;
  }

  /**
   * Counts a request as in flight until its response is closed, and gives it a lease with memory. Returns the status of
   * the refusal if there is no room.
   */
  function giveLease(request: FastifyRequest, reply: FastifyReply): 413 | 503 | undefined {
    if (inFlight >= config.MAX_REQUESTS_IN_FLIGHT) return 503;
    request.lease = new Lease(resources);
    const refusal = reserveRequest(request, countedLengthOf(request));
    if (refusal) return refusal;
    metrics.active.set(++inFlight);
    reply.raw.once('close', () => metrics.active.set(--inFlight));
    return undefined;
  }

  /** Returns the status of the refusal, if any. */
  function admit(request: FastifyRequest, reply: FastifyReply): RefusedStatus | undefined {
    const { url } = request.routeOptions;
    if (url?.startsWith('/health/')) return undefined;
    if (!isFromRouter(request)) return 401;
    if (headLengthOf(request) > HEAD_CHARACTERS) return 431;
    return url === '/metrics' ? undefined : giveLease(request, reply);
  }

  return (request: FastifyRequest, reply: FastifyReply, done: (refusal?: Error) => void): void => {
    const status = admit(request, reply);
    done(status ? httpError(status) : undefined);
  };
}

/**
 * Reserves what a request holds with a body of this length. Returns 413 if that exceeds what an operation may hold, or
 * 503 if other operations leave no room.
 */
export function reserveRequest(request: FastifyRequest, bodyLength: number): 413 | 503 | undefined {
  const { lease, url } = request;
  lease.bytes.release();
  const bytes = headLengthOf(request) + (url.length + bodyLength) * CHARACTER_BYTES;
  if (lease.bytes.reserve(bytes, 'request')) return undefined;
  return bytes > OPERATION_LIMIT ? 413 : 503;
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
