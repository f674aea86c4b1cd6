/**
 * What a scanner of GraphQL servers asks (the checks of graphql-cop), of the server as it ships and with the router's
 * secret, as if the scanner had got behind the router.
 */
import { describe, expect, it } from '@jest/globals';
import { ROUTER_SECRET } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const subgraph = useSubgraph();

interface Seen {
  readonly status: number;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a scanner reaches into whatever it is answered
  readonly json: any;
}

async function send(path: string, init: RequestInit = {}): Promise<Seen> {
  const headers = { 'user-agent': 'scanner', 'router-authorization': ROUTER_SECRET, ...init.headers };
  const response = await fetch(subgraph.url + path, { ...init, headers });
  const text = await response.text();
  return { status: response.status, text, json: JSON.parse(text) };
}

function post(body: unknown): Promise<Seen> {
  return send('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

const cop = (query: string) => post({ query, operationName: 'cop' });
const get = (query: string) => send(`/graphql?query=${encodeURIComponent(query)}`);
const CIRCLE =
  '{ __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } } }';

/** The check, its request, what it takes for a finding, and the status and code that it is answered instead. */
const CHECKS: [string, () => Promise<Seen>, (seen: Seen) => unknown, number, string][] = [
  [
    'alias overloading',
    () => cop(`query cop { ${Array.from({ length: 101 }, (_, i) => `alias${i}: __typename`).join('\n')} }`),
    ({ json }) => json.data?.alias100,
    200,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'array-based batching',
    () => post(Array.from({ length: 10 }, () => ({ query: 'query cop { __typename }' }))),
    ({ json }) => json.length >= 10,
    400,
    'BAD_REQUEST',
  ],
  [
    'directive overloading',
    () => cop(`query cop { __typename ${'@aa'.repeat(10)} }`),
    ({ json }) => json.errors.length >= 10,
    200,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'circular introspection',
    () => cop(`query cop ${CIRCLE}`),
    ({ json }) => json.data?.__schema,
    200,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'field duplication',
    () => cop(`query cop { ${'__typename \n'.repeat(500)} }`),
    ({ json }) => json.data?.__typename,
    200,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'field suggestions',
    () => cop('query cop { __schema { directive } }'),
    ({ text }) => /did you mean/i.test(text),
    200,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  ['queries by GET', () => get('query cop {__typename}'), ({ json }) => json.data?.__typename, 400, 'BAD_REQUEST'],
  ['mutations by GET', () => get('mutation cop {__typename}'), ({ json }) => json.data?.__typename, 400, 'BAD_REQUEST'],
  [
    'introspection',
    () => cop('query cop { __schema { types { name fields { name } } } }'),
    ({ json }) => json.data?.__schema,
    200,
    'GRAPHQL_VALIDATION_FAILED',
  ],
  [
    'a query in a form',
    () => send('/graphql', { method: 'POST', body: new URLSearchParams({ query: 'query cop { __typename }' }) }),
    ({ json }) => json.data?.__typename,
    415,
    'BAD_REQUEST',
  ],
  [
    'unhandled errors',
    () => cop('qwerty cop { abc }'),
    ({ text }) => /"(exception|stacktrace)"|node_modules|\.ts:/.test(text),
    200,
    'GRAPHQL_PARSE_FAILED',
  ],
];

describe('a scanner finds nothing', () => {
  it('although it sees that this is GraphQL', async () => {
    expect((await cop('query cop { __typename }')).json).toEqual({ data: { __typename: 'Query' } });
  });

  it.each(CHECKS)('by %s', async (_, request, finds, status, code) => {
    const seen = await request();
    expect(finds(seen)).toBeFalsy();
    expect(seen.status).toBe(status);
    const { errors } = seen.json as { errors: { extensions: { code: string } }[] };
    expect([...new Set(errors.map(({ extensions }) => extensions.code))]).toEqual([code]);
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('by traces: neither an answer nor an error has timings', async () => {
    expect((await cop('query cop { __typename }')).json).not.toHaveProperty('extensions');
    const { json, text } = await cop('query cop { maintenance(id: "malformed") { id } }');
    expect(json.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
    expect(text).not.toMatch(/tracing|duration|startTime|stacktrace/i);
  });

  it.each([
    '/',
    '/graphql',
    '/graphql/',
    '/graphiql',
    '/playground',
    '/console',
    '/sandbox',
    '/explorer',
    '/altair',
    '/voyager',
    '/api/graphql',
    '/v1/graphql',
    '/graphql/console',
    '/graphql/schema.json',
  ])('by a page for people at %s', async (path) => {
    const { status, text } = await send(path, { headers: { accept: 'text/html' } });
    expect(status).toBe(path === '/graphql' ? 400 : 404);
    expect(text).not.toMatch(/<|graphiql|playground|sandbox|explorer/i);
  });
});
