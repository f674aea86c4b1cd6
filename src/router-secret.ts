import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Whether a request is a health check, which anyone may make at any time. */
export const isProbe = reads('/health/live', '/health/ready');

/** Whether a request is for the metrics, which are there under any load. */
export const isScrape = reads('/metrics');

function reads(...paths: (string | undefined)[]) {
  return ({ method = '', url = '' }: IncomingMessage) =>
    /^(GET|HEAD)$/.test(method) && paths.includes(url.split('?')[0]);
}

/** Whether a request may come in: it carries one of the secrets, or none is asked for. */
export function createRouterGuard(secrets: readonly string[]): (request: IncomingMessage) => boolean {
  const digests = secrets.map(digest);
  return ({ headers }) => {
    if (digests.length === 0) return true;
    const given = digest(String(headers['router-authorization'] ?? ''));
    // Digests are of one length, and each is compared: how long it takes tells nothing of the secret.
    return digests.filter((expected) => timingSafeEqual(expected, given)).length > 0;
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
