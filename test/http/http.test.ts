import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import manifest from '../../package.json' with { type: 'json' };
import { codes, ROUTER_SECRET } from '../support/subgraph.ts';
import { failCommands } from '../support/unforeseen.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const LIST = `{ maintenances(residenceId: "${R}") { id } }`;
const INVALID = '{ nothing }';
const TRACED = { 'apollo-federation-include-trace': 'ftv1' };

const CANARY = 'canary-of-an-unforeseen-error';
const ERRORS = new Map([
  ['plain', new Error(CANARY)],
  ['disguised', Object.assign(new Error(CANARY), { extensions: { code: 'BAD_USER_INPUT' } })],
]);

const subgraph = useSubgraph({ ROUTER_SECRET_PREVIOUS: 'previous-secret' }, [failCommands((id) => ERRORS.get(id))]);

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

  it.each([
    '',
    'router-secret-of-the-testS',
    `${ROUTER_SECRET}x`,
    ROUTER_SECRET.slice(1),
    `${ROUTER_SECRET}, previous-secret`,
  ])('is not "%s"', async (secret) => {
    await expectRefused('/graphql', { headers: { 'router-authorization': secret } });
  });

  const PATHS = ['/graphql', '/', '/nothing', '/health', '/health/ready/', '/health/../graphql', '/%', '//graphql'];

  it.each([...PATHS, '/metrics'])('is required for GET %s', async (path) => {
    await expectRefused(path, { headers: { authorization: ROUTER_SECRET } });
  });

  it.each([
    ['an operation', JSON.stringify({ query: '{ _service { sdl } }' })],
    ['a malformed body', '{'],
    ['2 MB', 'x'.repeat(2_000_000)],
  ])('is required before the body is read: %s', async (_, body) => {
    await expectRefused('/graphql', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  });

  it('is required for a health check by another method', async () => {
    await expectRefused('/health/live', { method: 'POST' });
  });

  it('is logged at debug level if a request lacks the secret', async () => {
    await fetch(`${subgraph.url}/graphql`);
    expect(subgraph.logs()).toMatchObject([{ level: 20, msg: 'refused a request without the router secret' }]);
  });

  it('may be the previous secret', async () => {
    const { errors } = await subgraph.ask(LIST, { headers: { 'router-authorization': 'previous-secret' } });
    expect(errors).toEqual([]);
  });
});

it('refuses a persisted query', async () => {
  const extensions = { persistedQuery: { version: 1, sha256Hash: 'x'.repeat(64) } };
  const answer = await subgraph.post(JSON.stringify({ extensions }));
  expect(codes(answer)).toEqual([['PERSISTED_QUERY_NOT_SUPPORTED', undefined]]);
  expect(answer.headers.get('cache-control')).toBe('no-store');
});

// audits.test.ts has the cases of one media type.
it.each([
  ['application/json, application/graphql-response+json', INVALID, 200, 'application/json'],
  ['application/json;q=0.5, application/graphql-response+json', INVALID, 200, 'application/json'],
  ['application/graphql-response+json, application/json;q=0.9', INVALID, 400, 'application/graphql-response+json'],
  ['multipart/mixed;deferSpec=20220824, application/json', '{ __typename }', 200, 'application/json'],
])('answers Accept: %s to %s with %d and %s', async (accept, query, status, type) => {
  const answer = await subgraph.ask(query, { headers: { accept } });
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toContain(type);
});

describe('production with ALLOW_NO_ROUTER_SECRET', () => {
  const open = useSubgraph({ ROUTER_SECRET: '', ALLOW_NO_ROUTER_SECRET: 'true' });

  it('answers callers without a secret, and sends no timings of fields', async () => {
    const answer = await open.ask(LIST, { headers: { ...TRACED, 'router-authorization': '' } });
    expect([answer.errors, answer.extensions]).toEqual([[], undefined]);
  });

  it('refuses introspection', async () => {
    const answer = await open.ask('{ __schema { types { name } } }');
    expect(codes(answer)).toEqual([['GRAPHQL_VALIDATION_FAILED', undefined]]);
  });
});

describe('an unforeseen error', () => {
  it.each([...ERRORS.keys()])('that is %s is masked, with an id that the log repeats', async (residenceId) => {
    const answer = await subgraph.ask(`mutation { deleteMaintenance(id: "${residenceId}:m") { id } }`);
    expect(answer.status).toBe(200);
    expect(answer.data).toEqual({ deleteMaintenance: null });
    expect(answer.errors).toMatchObject([
      {
        message: 'Internal server error',
        path: ['deleteMaintenance'],
        extensions: { code: 'INTERNAL_SERVER_ERROR', outcome: 'UNKNOWN' },
      },
    ]);
    expect(JSON.stringify(answer)).not.toContain('canary');
    const logged = subgraph.logs().find(({ msg }) => msg === 'unforeseen error');
    expect(logged).toMatchObject({
      level: 50,
      errorId: answer.errors[0]?.extensions.errorId,
      err: { type: 'Error', stack: expect.stringMatching(/^at .+test\/http\/http\.test\.ts/) },
    });
    expect(subgraph.logText()).not.toContain('canary');
  });
});
