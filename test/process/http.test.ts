/** Health checks, the router's secret, and errors outside of resolvers. */
import type { ApolloServerPlugin } from '@apollo/server';
import { describe, expect, it } from '@jest/globals';
import manifest from '../../package.json' with { type: 'json' };
import { ROUTER_SECRET } from '../support/ask.ts';
import { DELETE, LIST } from '../support/maintenance/requests.ts';
import { request, sendBytes } from '../support/raw-http.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

/** The longest secret that a request can carry. */
const PREVIOUS = 'x'.repeat(16_364);

/** Throws an unforeseen error that looks like an expected error, in the hook that the header `throw` names. */
const throwing: ApolloServerPlugin = {
  async requestDidStart({ request }) {
    const throwIn = async (hook: string) => {
      if (hook !== request.http?.headers.get('throw')) return;
      throw Object.assign(new Error('canary-of-an-unforeseen-error'), { extensions: { code: 'BAD_USER_INPUT' } });
    };
    await throwIn('requestDidStart');
    return { didResolveOperation: () => throwIn('didResolveOperation') };
  },
};
const subgraph = useSubgraph({ ROUTER_SECRET: `${ROUTER_SECRET} ${PREVIOUS}` }, [throwing]);
const open = useSubgraph({ ROUTER_SECRET: '', ALLOW_NO_ROUTER_SECRET: 'true' });

it.each([
  ['/health/live', { status: 'live', version: manifest.version }],
  ['/health/ready?probe=1', { status: 'ready' }],
])('%s answers without a secret and without a command', async (path, body) => {
  const response = await fetch(subgraph.url + path);
  expect([response.status, await response.json()]).toEqual([200, body]);
  expect(response.headers.get('cache-control')).toBe('no-store');
  // Longer than any router keeps an idle connection.
  expect(response.headers.get('keep-alive')).toBe('timeout=120');
  expect(subgraph.upstream.commands()).toEqual([]);
});

describe('the router’s secret', () => {
  type Row = [title: string, path: string, init: RequestInit];

  it.each<Row>([
    ['GET', '/graphql', { headers: { authorization: ROUTER_SECRET } }],
    ['metrics', '/metrics', {}],
    ['an unknown path', '/health/ready/', {}],
    ['an invalid escape', '/%', {}],
    ['a health check by another method', '/health/live', { method: 'POST' }],
    ['a body of 2 MB', '/graphql', { method: 'POST', body: 'x'.repeat(2_000_000) }],
    ...['', ROUTER_SECRET.slice(1), `${ROUTER_SECRET}x`, ROUTER_SECRET.toUpperCase()].map((secret): Row => {
      return [`an operation, and is not "${secret}"`, '/graphql', { headers: { 'router-authorization': secret } }];
    }),
  ])('is required for %s, and its lack is logged at debug level', async (_, path, init) => {
    const response = await fetch(subgraph.url + path, init);
    const extensions = { code: 'ROUTER_UNAUTHENTICATED', outcome: 'NOT_SENT' };
    const errors = [{ message: expect.any(String), extensions }];
    expect([response.status, await response.json()]).toEqual([401, { errors }]);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(subgraph.upstream.commands()).toEqual([]);
    expect(subgraph.logs()).toMatchObject([{ level: 20, msg: 'refused a request without the router secret' }]);
  });

  it('may be another than the first, and as long as a head can be', async () => {
    const head = ['GET /metrics HTTP/1.0', `router-authorization: ${PREVIOUS}`];
    expect(await sendBytes(subgraph.url, request(head))).toMatchObject([{ status: 200 }]);
  });
});

it('with ALLOW_NO_ROUTER_SECRET, production answers callers without a secret, and sends no trace with timings', async () => {
  const headers = { 'router-authorization': '', 'apollo-federation-include-trace': 'ftv1' };
  const answer = await open.ask(LIST, { headers });
  expect([answer.errors, answer.extensions]).toEqual([[], undefined]);
});

// Apollo Server handles an error in each of these hooks differently.
it.each(['requestDidStart', 'didResolveOperation'])(
  'masks an unforeseen error in %s that looks like an expected error, and logs it with its id',
  async (hook) => {
    const answer = await subgraph.ask(DELETE, { headers: { throw: hook } });
    expect([answer.status, answer.data]).toEqual([500, undefined]);
    const extensions = { code: 'INTERNAL_SERVER_ERROR', errorId: expect.any(String) };
    expect(answer.errors).toEqual([{ message: 'Internal server error', extensions }]);
    const err = { type: 'Error', stack: expect.stringMatching(/^at .+\/http\.test\.ts/) };
    const line = { level: 50, msg: 'unforeseen error', errorId: answer.errors[0]?.extensions.errorId, err };
    expect(subgraph.logs()[0]).toMatchObject(line);
    expect(JSON.stringify(answer) + subgraph.logText()).not.toContain('canary');
  },
);
