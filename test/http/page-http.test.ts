/**
 * What `npm run dev` answers a browser with, as HTTP: which page, with which policy, and who else may ask. And that the
 * server that ships has none of it.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fastify } from 'fastify';
import { serveBrowsers } from '../../dev/browser.ts';
import { EXAMPLE } from '../../dev/seed.ts';
import { killAll, run } from '../support/process.ts';
import { ROUTER_SECRET } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const QUERY = `query=${encodeURIComponent('{ __typename }')}`;
const ASKING = {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${EXAMPLE.token}` },
  body: JSON.stringify({ query: `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { contact } }` }),
};
const ANSWER = [{ contact: '10086' }];
const PREFLIGHT = {
  method: 'OPTIONS',
  headers: {
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'authorization,content-type',
    'access-control-request-private-network': 'true',
  },
};

let base = '';

beforeAll(async () => {
  const dev = run('dev/main.ts', { PORT: '0' });
  [, base = ''] = await dev.until(/Sandbox +(http:\/\/localhost:\d+)\/graphql/);
});

afterAll(killAll);

async function open(path: string, accept = BROWSER, method = 'GET') {
  const response = await fetch(base + path, { method, headers: { accept } });
  const { headers } = response;
  const html = await response.text();
  const [, title] = /<title>(.*?)<\/title>/.exec(html) ?? [];
  return { title, html, headers, type: headers.get('content-type'), policy: headers.get('content-security-policy') };
}

/** The headers that let others ask, of an answer to someone of this origin. */
function sharing({ headers }: Response): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')));
}

function from(origin: string, init: { method: string; headers: Record<string, string>; body?: string }): RequestInit {
  return { ...init, headers: { ...init.headers, origin } };
}

describe('a browser that opens', () => {
  it.each([
    ['/graphql', 'Apollo Sandbox'],
    ['/graphql?', 'Apollo Sandbox'],
    ['/graphql?graphiql', 'GraphiQL'],
    // What GraphiQL makes of its own URL, once somebody has typed.
    [`/graphql?graphiql=&${QUERY}`, 'GraphiQL'],
  ])('%s gets %s, which nobody keeps, frames or takes for anything else', async (path, title) => {
    const page = await open(path);
    expect([page.title, page.type]).toEqual([title, 'text/html; charset=utf-8']);
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(page.headers.get('x-content-type-options')).toBe('nosniff');
    expect(page.headers.get('referrer-policy')).toBe('no-referrer');
  });

  it.each([
    ['an operation in the query string', `/graphql?${QUERY}`, BROWSER, 'GET'],
    ['the endpoint without wanting a page', '/graphql', '*/*', 'GET'],
    ['the endpoint with POST', '/graphql', BROWSER, 'POST'],
    ['another path', '/', BROWSER, 'GET'],
    ['a health check', '/health/live', BROWSER, 'GET'],
  ])('%s is answered by the subgraph', async (_, path, accept, method) => {
    const answer = await open(path, accept, method);
    expect(answer.type).toMatch(/^application\/(graphql-response\+)?json/);
    expect(answer.policy).toBeNull();
  });
});

describe('the content security policy', () => {
  const nonceOf = (policy: string | null) => /'nonce-([\w-]{36})'/.exec(policy ?? '')?.[1] ?? '';

  it('of Sandbox allows its script and its frame', async () => {
    const { html, policy } = await open('/graphql');
    const nonce = nonceOf(policy);
    expect(policy?.split('; ')).toEqual([
      "default-src 'none'",
      `script-src 'nonce-${nonce}' https://embeddable-sandbox.cdn.apollographql.com/v2/embeddable-sandbox.umd.production.min.js`,
      `style-src 'nonce-${nonce}'`,
      'img-src data:',
      "frame-src 'self' https://sandbox.embed.apollographql.com",
      "connect-src 'self'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'none'",
    ]);
    expect(html.match(/<(script|style)\b[^>]*>/g)?.filter((tag) => !tag.includes(`nonce="${nonce}"`))).toEqual([]);
  });

  it('of GraphiQL allows nothing from elsewhere', async () => {
    const { html, policy } = await open('/graphql?graphiql');
    const nonce = nonceOf(policy);
    expect(policy?.split('; ')).toEqual([
      "default-src 'none'",
      `script-src 'nonce-${nonce}'`,
      "style-src 'unsafe-inline'",
      'worker-src blob:',
      'font-src data:',
      'img-src data:',
      "connect-src 'self'",
      "frame-ancestors 'self'",
      "base-uri 'none'",
      "form-action 'none'",
    ]);
    expect(html).toContain(`<script nonce="${nonce}">`);
  });

  it.each(['/graphql', '/graphql?graphiql'])('has a nonce that nobody can foresee: %s', async (path) => {
    const nonces = [await open(path), await open(path)].map(({ policy }) => nonceOf(policy));
    expect(new Set(nonces).size).toBe(2);
  });
});

it('Sandbox is waited for so long that GraphiQL can be there within three seconds', async () => {
  const { html } = await open('/graphql');
  expect(Number(/"patienceMs":(\d+)/.exec(html)?.[1])).toBeLessThanOrEqual(2000);
});

describe('any server', () => {
  const app = fastify();
  afterAll(() => app.close());

  it('gets the page at its own paths, filled in with whatever it has', async () => {
    const examples = [
      { query: '# </script> $& {{nonce}}\nquery Some { b }', variables: { ids: ['a'] } },
      { query: '# Other\nquery Other { c }', variables: {} },
    ];
    serveBrowsers(app, { paths: ['/', '/graphql'], examples, headers: { authorization: 'Bearer x' } });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    for (const path of ['/', '/graphql']) {
      const response = await fetch(url + path, { headers: { accept: BROWSER } });
      const [, settings = ''] = /type="application\/json">(.*?)<\/script>/.exec(await response.text()) ?? [];
      expect(JSON.parse(settings).options.initialState).toMatchObject({
        document: examples.map(({ query }) => query).join('\n'),
        variables: { ids: ['a'] },
        headers: { authorization: 'Bearer x' },
      });
    }
    expect((await fetch(`${url}/other`, { headers: { accept: BROWSER } })).status).toBe(404);
  });
});

describe('a page of', () => {
  it.each([
    'https://studio.apollographql.com',
    'http://localhost',
    'http://localhost:3000',
    'https://localhost:8443',
    'http://127.0.0.1:5173',
  ])('%s may ask', async (origin) => {
    const preflight = await fetch(`${base}/graphql`, from(origin, PREFLIGHT));
    expect(preflight.status).toBe(204);
    expect(sharing(preflight)).toEqual({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'authorization,content-type',
      'access-control-allow-private-network': 'true',
    });
    const answer = await fetch(`${base}/graphql`, from(origin, ASKING));
    expect(sharing(answer)).toEqual({ 'access-control-allow-origin': origin });
    expect(answer.headers.get('vary')).toMatch(/origin/i);
    expect(await answer.json()).toMatchObject({ data: { maintenances: ANSWER } });
  });

  it.each([
    'https://example.com',
    'http://studio.apollographql.com',
    'https://studio.apollographql.com.example.com',
    'https://studio.apollographql.com:8443',
    'https://evil-studio.apollographql.com',
    'http://localhost.example.com',
    'http://localhost:3000.example.com',
    'http://127.0.0.10',
    'null',
  ])('%s may not', async (origin) => {
    const preflight = await fetch(`${base}/graphql`, from(origin, PREFLIGHT));
    expect([preflight.status, sharing(preflight)]).toEqual([404, {}]);
    expect(sharing(await fetch(`${base}/graphql`, from(origin, ASKING)))).toEqual({});
  });

  it('hosted Sandbox learns of the private network only where it asks for that', async () => {
    const { 'access-control-request-private-network': _, ...headers } = PREFLIGHT.headers;
    const asking = from('https://studio.apollographql.com', { method: 'OPTIONS', headers });
    const preflight = await fetch(`${base}/graphql`, asking);
    expect(sharing(preflight)).not.toHaveProperty('access-control-allow-private-network');
  });
});

describe('the server that ships', () => {
  const subgraph = useSubgraph();
  const SECRET = { 'router-authorization': ROUTER_SECRET };
  const ORIGIN = 'https://studio.apollographql.com';

  it.each(['/graphql', '/graphql?graphiql'])('has no page at %s', async (path) => {
    const answer = await fetch(subgraph.url + path, { headers: { accept: BROWSER, ...SECRET } });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.headers.get('content-security-policy')).toBeNull();
  });

  it('lets no page of another origin ask', async () => {
    const preflight = await fetch(`${subgraph.url}/graphql`, {
      ...PREFLIGHT,
      headers: { ...PREFLIGHT.headers, ...SECRET, origin: ORIGIN },
    });
    expect([preflight.status, sharing(preflight)]).toEqual([404, {}]);
    const answer = await fetch(`${subgraph.url}/graphql`, {
      ...ASKING,
      headers: { ...ASKING.headers, ...SECRET, origin: ORIGIN },
    });
    expect(await answer.json()).toEqual({ data: { maintenances: ANSWER } });
    expect([sharing(answer), answer.headers.get('vary')]).toEqual([{}, null]);
  });
});
