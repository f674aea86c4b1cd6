/**
 * The HTTP side of the page for browsers: `npm run dev` serves the page, and the server that ships does not.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { killAll, run } from '../support/process.ts';
import { ROUTER_SECRET } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const STUDIO = 'https://studio.apollographql.com';
const QUERY = `query=${encodeURIComponent('{ __typename }')}`;
const OPERATION = JSON.stringify({ query: `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { contact } }` });
const DATA = { data: { maintenances: [{ contact: '10086' }] } };
const PREFLIGHT = {
  'access-control-request-method': 'POST',
  'access-control-request-headers': 'authorization,content-type',
};

const subgraph = useSubgraph();
let base = '';
beforeAll(async () => {
  [, base = ''] = await run('dev/main.ts', { PORT: '0' }).until(/Sandbox +(http:\/\/localhost:\d+)\/graphql/);
});
afterAll(killAll);

/** Returns the headers of a response that allow other origins. */
const corsOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')));

const preflight = (origin: string, url = base, headers = {}) =>
  fetch(`${url}/graphql`, { method: 'OPTIONS', headers: { origin, ...PREFLIGHT, ...headers } });

function ask(origin: string, url = base, headers = {}) {
  const own = { origin, 'content-type': 'application/json', authorization: `Bearer ${EXAMPLE.token}` };
  return fetch(`${url}/graphql`, { method: 'POST', headers: { ...own, ...headers }, body: OPERATION });
}

describe('npm run dev', () => {
  it.each([
    ['/graphql?', 'Apollo Sandbox'],
    // The URL of GraphiQL after a user edits the operation.
    [`/graphql?graphiql=&${QUERY}`, 'GraphiQL'],
  ])('serves %s as %s without a cache', async (path, title) => {
    const response = await fetch(base + path, { headers: { accept: BROWSER } });
    expect(await response.text()).toContain(`<title>${title}</title>`);
    const headers = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' };
    expect(Object.fromEntries(response.headers)).toMatchObject(headers);
  });

  it.each([
    ['an operation in the query string', `/graphql?${QUERY}`, BROWSER, 'GET'],
    ['a client that does not accept HTML', '/graphql', '*/*', 'GET'],
    ['a POST', '/graphql', BROWSER, 'POST'],
  ])('answers %s with JSON and no page', async (_, path, accept, method) => {
    const { headers } = await fetch(base + path, { method, headers: { accept } });
    expect(headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json/);
  });

  it.each([STUDIO, 'http://localhost', 'https://127.0.0.1:8443'])('allows operations from %s', async (origin) => {
    const allowed = await preflight(origin);
    expect(allowed.status).toBe(204);
    expect(corsOf(allowed)).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'authorization,content-type',
    });
    const answer = await ask(origin);
    expect(corsOf(answer)).toEqual({ 'access-control-allow-origin': origin });
    expect(await answer.json()).toMatchObject(DATA);
  });

  it.each(['http://studio.apollographql.com', `${STUDIO}.example.com`, `${STUDIO}:8443`, 'http://127.0.0.10', 'null'])(
    'does not allow operations from %s',
    async (origin) => {
      for (const answer of [await preflight(origin), await ask(origin)])
        expect(corsOf(answer)).not.toHaveProperty('access-control-allow-origin');
    },
  );
});

describe('the server that ships', () => {
  const SECRET = { 'router-authorization': ROUTER_SECRET };

  it.each(['/graphql', '/graphql?graphiql'])('serves no page at %s', async (path) => {
    const { status, headers } = await fetch(subgraph.url + path, { headers: { accept: BROWSER, ...SECRET } });
    expect([status, headers.get('content-type')]).toEqual([400, expect.stringMatching(/^application\/json/)]);
  });

  it('allows no other origin', async () => {
    const [refused, answer] = [await preflight(STUDIO, subgraph.url, SECRET), await ask(STUDIO, subgraph.url, SECRET)];
    expect([refused.status, corsOf(refused), await answer.json(), corsOf(answer)]).toEqual([404, {}, DATA, {}]);
  });
});
