import net from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import manifest from '../../package.json' with { type: 'json' };
import { codes, ROUTER_SECRET } from '../support/subgraph.ts';
import { failCommands } from '../support/unforeseen.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const LIST = `{ maintenances(residenceId: "${R}") { id } }`;
const SECRET = { 'router-authorization': ROUTER_SECRET };

const CANARY = 'canary-of-an-unforeseen-error';
const ERRORS = new Map([
  ['plain', new Error(CANARY)],
  ['disguised', Object.assign(new Error(CANARY), { extensions: { code: 'BAD_USER_INPUT' } })],
]);

const subgraph = useSubgraph({ ROUTER_SECRET_PREVIOUS: 'previous-secret' }, [failCommands((id) => ERRORS.get(id))]);

async function send(path: string, init: RequestInit = {}) {
  const response = await fetch(subgraph.url + path, init);
  const text = await response.text();
  return { status: response.status, type: response.headers.get('content-type'), text };
}

function post(headers: Record<string, string>, body: string) {
  return send('/graphql', { method: 'POST', headers: { ...SECRET, ...headers }, body });
}

/** Sends bytes as they are and answers the status line and body that came. */
async function sendRaw(bytes: string): Promise<string> {
  const { hostname, port } = new URL(subgraph.url);
  const socket = net.connect(Number(port), hostname);
  socket.end(bytes);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

it.each([
  ['a health check', '/health/live', {}],
  ['a refusal', '/graphql', {}],
  ['what is not there', '/nothing', SECRET],
  ['a path that cannot be decoded', '/%', SECRET],
])('%s is kept by no cache', async (_, path, headers) => {
  const response = await fetch(subgraph.url + path, { headers });
  expect(response.headers.get('cache-control')).toBe('no-store');
});

it('keeps an idle connection longer than any router does', async () => {
  expect((await fetch(`${subgraph.url}/health/live`)).headers.get('keep-alive')).toBe('timeout=120');
});

describe('health', () => {
  it.each([
    ['/health/live', { status: 'live', version: manifest.version }],
    ['/health/ready', { status: 'ready' }],
    ['/health/ready?probe=1', { status: 'ready' }],
  ])('%s answers without a secret and without a command', async (path, body) => {
    expect(await send(path)).toMatchObject({ status: 200, text: JSON.stringify(body) });
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('the router’s secret', () => {
  const REFUSED = {
    status: 401,
    type: 'application/json; charset=utf-8',
    text: expect.stringContaining('"code":"ROUTER_UNAUTHENTICATED"'),
  };

  it.each([
    ['no header', {}],
    ['an empty one', { 'router-authorization': '' }],
    ['a wrong one', { 'router-authorization': 'router-secret-of-the-testS' }],
    ['a longer one', { 'router-authorization': `${ROUTER_SECRET}x` }],
    ['a shorter one', { 'router-authorization': ROUTER_SECRET.slice(1) }],
    ['one that is named otherwise', { authorization: ROUTER_SECRET }],
  ])('is asked for on every path, before anything is read: %s', async (_, headers) => {
    for (const path of [
      '/graphql',
      '/',
      '/nothing',
      '/health',
      '/health/ready/',
      '/health/../graphql',
      '/%',
      '//graphql',
      '/metrics',
    ]) {
      expect(await send(path, { headers: headers as Record<string, string> })).toEqual(REFUSED);
    }
    const body = {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' } as Record<string, string>,
    };
    for (const text of [JSON.stringify({ query: '{ _service { sdl } }' }), '{', 'x'.repeat(2_000_000)]) {
      expect(await send('/graphql', { ...body, body: text })).toEqual(REFUSED);
    }
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('is asked for on the health checks by %s', async (method) => {
    expect(await send('/health/live', { method })).toEqual(REFUSED);
  });

  it('is missed in the log, for who looks for it', async () => {
    await send('/graphql');
    expect(subgraph.logs()).toMatchObject([{ level: 20, msg: 'refused a request without the router secret' }]);
  });

  it.each([ROUTER_SECRET, 'previous-secret'])('lets in with %s', async (secret) => {
    expect((await subgraph.ask(LIST, { headers: { 'router-authorization': secret } })).data).toBeDefined();
  });
});

describe('what is no GraphQL request is refused in JSON', () => {
  const JSON_TYPE = { 'content-type': 'application/json' };
  const query = JSON.stringify({ query: '{ __typename }' });
  const CASES: [string, () => ReturnType<typeof send>, number][] = [
    ['an unknown path', () => send('/elsewhere', { headers: SECRET }), 404],
    ['another method', () => send('/graphql', { method: 'PUT', headers: SECRET }), 404],
    ['one with a query', () => send('/graphql?a=b', { method: 'PUT', headers: SECRET }), 404],
    ['a path that cannot be decoded', () => send('/%', { headers: SECRET }), 404],
    ['invalid JSON', () => post(JSON_TYPE, '{"query":'), 400],
    ['an empty body', () => post(JSON_TYPE, ''), 400],
    ['a list of operations', () => post(JSON_TYPE, `[${query}]`), 400],
    ['a string', () => post(JSON_TYPE, '"query"'), 400],
    ['no query', () => post(JSON_TYPE, '{"variables":{}}'), 400],
    ['a __proto__ key', () => post(JSON_TYPE, '{"query":"{ __typename }","__proto__":{}}'), 400],
    ['text', () => post({ 'content-type': 'text/plain' }, query), 415],
    ['a form', () => post({ 'content-type': 'application/x-www-form-urlencoded' }, 'query={__typename}'), 415],
    [
      'more than 1 MB',
      () => post(JSON_TYPE, JSON.stringify({ query: '{ __typename }', x: 'x'.repeat(1_048_576) })),
      413,
    ],
    [
      'a query in the URL without a header that a form cannot send',
      () => send('/graphql?query={__typename}', { headers: SECRET }),
      400,
    ],
    ['a browser', () => send('/graphql', { headers: { ...SECRET, accept: 'text/html' } }), 400],
  ];

  it.each(CASES)('%s', async (_, request, status) => {
    const answer = await request();
    expect(answer).toMatchObject({ status, type: expect.stringMatching(/^application\/json/) });
    const { errors } = JSON.parse(answer.text);
    expect(errors).toEqual([
      { message: expect.any(String), extensions: { code: expect.stringMatching(/^(BAD_REQUEST|NOT_FOUND)$/) } },
    ]);
    expect(answer.text).not.toMatch(/node_modules|\.ts:/);
  });

  it('a malformed Host', async () => {
    const answer = await sendRaw(
      `POST /graphql HTTP/1.1\r\nhost: a b\r\nrouter-authorization: ${ROUTER_SECRET}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${query.length}\r\n\r\n${query}`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('"code":"BAD_REQUEST"');
  });

  it('a persisted query', async () => {
    const extensions = { persistedQuery: { version: 1, sha256Hash: 'x'.repeat(64) } };
    const answer = await subgraph.post(JSON.stringify({ extensions }));
    expect(codes(answer)).toEqual([['PERSISTED_QUERY_NOT_SUPPORTED', undefined]]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('takes a body of just under 1 MB', async () => {
    const filler = 'x'.repeat(1_048_576 - query.length - 10);
    expect(await post(JSON_TYPE, JSON.stringify({ query: '{ __typename }', x: filler }))).toMatchObject({
      status: 200,
    });
  });
});

describe('the status and type of an answer', () => {
  const INVALID = '{ nothing }';
  it.each([
    ['application/json', INVALID, 200, 'application/json'],
    ['*/*', INVALID, 200, 'application/json'],
    ['application/json, application/graphql-response+json', INVALID, 200, 'application/json'],
    ['application/json;q=0.5, application/graphql-response+json', INVALID, 200, 'application/json'],
    ['application/graphql-response+json', INVALID, 400, 'application/graphql-response+json'],
    ['application/graphql-response+json, application/json;q=0.9', INVALID, 400, 'application/graphql-response+json'],
    ['application/graphql-response+json', '{ __typename }', 200, 'application/graphql-response+json'],
    ['multipart/mixed;deferSpec=20220824, application/json', '{ __typename }', 200, 'application/json'],
  ])('for Accept: %s and %s', async (accept, query, status, type) => {
    const answer = await post({ 'content-type': 'application/json', accept }, JSON.stringify({ query }));
    expect(answer.status).toBe(status);
    expect(answer.type).toContain(type);
  });
});

const TRACED = { 'apollo-federation-include-trace': 'ftv1' };

describe('federated traces', () => {
  it('go to a router that has the secret and asks', async () => {
    expect((await subgraph.ask('{ __typename }')).extensions).toBeUndefined();
    expect((await subgraph.ask('{ __typename }', { headers: TRACED })).extensions).toHaveProperty('ftv1');
  });
});

describe('production without a secret, asked for by name', () => {
  const open = useSubgraph({ ROUTER_SECRET: '', ALLOW_NO_ROUTER_SECRET: 'true' });

  it('answers anyone', async () => {
    expect((await open.ask(LIST, { headers: { 'router-authorization': '' } })).errors).toEqual([]);
  });

  it('tells nobody its schema by introspection, and nobody its timings', async () => {
    const answer = await open.ask('{ __schema { types { name } } }', { headers: TRACED });
    expect(codes(answer)).toEqual([['GRAPHQL_VALIDATION_FAILED', undefined]]);
    expect((await open.ask('{ __typename }', { headers: TRACED })).extensions).toBeUndefined();
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
