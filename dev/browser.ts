/**
 * Serves browsers on a developer's GraphQL server: a page to try operations, and CORS headers for hosted Sandbox.
 */
import { readdirSync, readFileSync } from 'node:fs';
import cors from '@fastify/cors';
import type { FastifyInstance } from 'fastify';
import { type Example, type Page, renderGraphiqlPage, renderSandboxPage } from './page.ts';

// Hosted Sandbox, and all servers on the same machine.
const ORIGINS = /^(https:\/\/studio\.apollographql\.com|https?:\/\/(localhost|127\.0\.0\.1)(:\d+)?)$/;

/**
 * Answers a browser that opens one of the paths with Sandbox, and with GraphiQL where the query string says `graphiql`.
 * An operation in the query string goes to the server, like all other requests.
 */
export function serveBrowsers(app: FastifyInstance, page: Page): void {
  app.register(cors, { methods: ['GET', 'POST'], origin: ORIGINS });
  app.addHook('onRequest', async ({ method, url, headers }, reply) => {
    const [path = '', search] = url.split('?');
    const isPage = method === 'GET' && page.paths.includes(path) && headers.accept?.includes('text/html');
    const asked = new URLSearchParams(search);
    if (!isPage || (asked.has('query') && !asked.has('graphiql'))) return;
    const html = asked.has('graphiql') ? renderGraphiqlPage(page) : renderSandboxPage(page);
    return reply.type('text/html; charset=utf-8').send(html);
  });
}

/** The operations of folders below examples/, each `NAME.graphql` with its variables from `NAME.json`: queries come first. */
export function readExamples(...folders: readonly string[]) {
  const examples = folders.flatMap((folder) => {
    const path = new URL(`../examples/${folder}/`, import.meta.url);
    const read = (name: string) => readFileSync(new URL(name, path), 'utf8');
    const files = readdirSync(path).sort();
    const names = files.filter((name) => name.endsWith('.graphql'));
    return names.map((name) => {
      const values = name.replace('.graphql', '.json');
      return { name, query: read(name), variables: files.includes(values) ? JSON.parse(read(values)) : {} };
    });
  });
  const writes = ({ query }: Example) => Number(/^mutation\b/m.test(query));
  return examples.sort((one, other) => writes(one) - writes(other));
}
