/**
 * The page that a browser is shown at a developer's GraphQL URL.
 */
import type { FastifyInstance } from 'fastify';

export function servePage(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ method, url, headers }, reply) => {
    const wantsPage = method === 'GET' && url === '/graphql' && headers.accept?.includes('text/html');
    if (wantsPage) return reply.type('text/html').send('<!doctype html><title>Maintenance</title>');
  });
}
