import type { ApolloServerPlugin } from '@apollo/server';
import { afterAll, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import manifest from '../../package.json' with { type: 'json' };
import { codes, ROUTER_SECRET } from '../support/ask.ts';
import { request, sendBytes } from '../support/raw-http.ts';
import { throwInRequest } from '../support/unforeseen.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const LIST = `{ maintenances(residenceId: "${R}") { id } }`;
const SDL = '{ _service { sdl } }';

/** Returns an unforeseen error that looks like an expected error with this code. */
const disguise = (code: unknown) => Object.assign(new Error('canary-of-an-unforeseen-error'), { extensions: { code } });

afterAll(throwInRequest('disguised', () => disguise('BAD_USER_INPUT')));
/** Hooks outside of resolvers. Apollo Server handles an error in each of them differently. */
const HOOKS = ['requestDidStart', 'parsingDidStart', 'didResolveOperation'] as const;
/** Throws in the hook and with the code that the header `throw` names. */
const throwing: ApolloServerPlugin = {
  async requestDidStart({ request }) {
    const [place, code] = request.http?.headers.get('throw')?.split(' ') ?? [];
    const throwIn = async (hook: (typeof HOOKS)[number]) => {
      if (hook === place) throw disguise(code);
    };
    await throwIn('requestDidStart');
    return {
      parsingDidStart: () => throwIn('parsingDidStart'),
      didResolveOperation: () => throwIn('didResolveOperation'),
    };
  },
};
const subgraph = useSubgraph({ ROUTER_SECRET_PREVIOUS: 'previous-secret' }, [throwing]);
const open = useSubgraph({ ROUTER_SECRET: '', ALLOW_NO_ROUTER_SECRET: 'true' });

describe('health', () => {
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
});

describe('the router’s secret', () => {
  async function expectRefused(path: string, init: RequestInit): Promise<void> {
    const response = await fetch(subgraph.url + path, init);
    const errors = [{ message: expect.any(String), extensions: { code: 'ROUTER_UNAUTHENTICATED' } }];
    expect([response.status, await response.json()]).toEqual([401, { errors }]);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(subgraph.upstream.commands()).toEqual([]);
  }

  it.each(['', ROUTER_SECRET.slice(1), `${ROUTER_SECRET}x`, ROUTER_SECRET.toUpperCase()])(
    'is not "%s"',
    async (secret) => {
      await expectRefused('/graphql', { headers: { 'router-authorization': secret } });
    },
  );

  const PATHS = ['/graphql', '/', '/nothing', '/health', '/health/ready/', '/health/../graphql', '/%', '//graphql'];

  it.each([...PATHS, '/metrics'])('is required for GET %s', async (path) => {
    await expectRefused(path, { headers: { authorization: ROUTER_SECRET } });
  });

  it.each([
    ['the SDL', '/graphql', JSON.stringify({ query: SDL })],
    ['a malformed body', '/graphql', '{'],
    ['a body of 2 MB', '/graphql', 'x'.repeat(2_000_000)],
    ['a health check by another method', '/health/live', '{}'],
  ])('is required for %s, and its lack is logged at debug level', async (_, path, body) => {
    const headers = { 'content-type': 'application/json' };
    await expectRefused(path, { method: 'POST', headers, body });
    expect(subgraph.logs()).toMatchObject([{ level: 20, msg: 'refused a request without the router secret' }]);
  });

  it('is required for an expectation that Node does not know', async () => {
    const head = ['POST /graphql HTTP/1.1', 'host: x', 'expect: x', 'connection: close'];
    expect(await sendBytes(subgraph.url, request(head))).toMatchObject([{ status: 401 }]);
    const secret = `router-authorization: ${ROUTER_SECRET}`;
    expect(await sendBytes(subgraph.url, request([...head, secret]))).toMatchObject([{ status: 400 }]);
  });

  it.each([ROUTER_SECRET, 'previous-secret'])('"%s" gives access to the SDL', async (secret) => {
    const { data, extensions } = await subgraph.ask(SDL, { headers: { 'router-authorization': secret } });
    expect(data._service.sdl).toContain('type Maintenance');
    expect(extensions).toBeUndefined();
  });
});

it('refuses a persisted query', async () => {
  const extensions = { persistedQuery: { version: 1, sha256Hash: 'x'.repeat(64) } };
  const answer = await subgraph.post(JSON.stringify({ extensions }));
  expect(codes(answer)).toEqual([['PERSISTED_QUERY_NOT_SUPPORTED', undefined]]);
  expect(answer.headers.get('cache-control')).toBe('no-store');
});

it('with ALLOW_NO_ROUTER_SECRET, production answers callers without a secret, and sends no trace with timings', async () => {
  const headers = { 'router-authorization': '', 'apollo-federation-include-trace': 'ftv1' };
  const answer = await open.ask(LIST, { headers });
  expect([answer.errors, answer.extensions]).toEqual([[], undefined]);
});

// test/process/telemetry.test.ts has a plain error, and the id that the log repeats.
it('masks an unforeseen error that looks like an expected error', async () => {
  const answer = await subgraph.ask('mutation { deleteMaintenance(id: "r:m") { deletedId } }', { token: 'disguised' });
  expect([answer.status, answer.data]).toEqual([200, { deleteMaintenance: null }]);
  const extensions = { code: 'INTERNAL_SERVER_ERROR', outcome: 'NOT_SENT' };
  expect(answer.errors).toMatchObject([{ message: 'Internal server error', path: ['deleteMaintenance'], extensions }]);
  const err = { type: 'Error', stack: expect.stringMatching(/^at .+test\/process\/http\.test\.ts/) };
  expect(subgraph.logs()).toMatchObject([{ level: 50, msg: 'unforeseen error', err }, { msg: 'operation' }]);
  expect(JSON.stringify(answer) + subgraph.logText()).not.toContain('canary');
});

const THROWN = HOOKS.flatMap((hook) => [`${hook} BAD_USER_INPUT`, `${hook} INTERNAL_SERVER_ERROR`]);
it.each(THROWN)('masks an unforeseen error outside of resolvers, in %s, and logs it with its id', async (thrown) => {
  const answer = await subgraph.ask(LIST, { headers: { throw: thrown } });
  expect([answer.status, answer.data]).toEqual([500, undefined]);
  const extensions = { code: 'INTERNAL_SERVER_ERROR', errorId: expect.any(String) };
  expect(answer.errors).toEqual([{ message: 'Internal server error', extensions }]);
  const err = { type: 'Error', stack: expect.stringMatching(/^at .+test\/process\/http\.test\.ts/) };
  const line = { level: 50, msg: 'unforeseen error', errorId: answer.errors[0]?.extensions.errorId, err };
  expect(subgraph.logs()[0]).toMatchObject(line);
  expect(JSON.stringify(answer) + subgraph.logText()).not.toContain('canary');
});
