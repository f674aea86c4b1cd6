/** How GraphQL over HTTP is answered: health checks, the router's secret, unusual and hostile requests, and bugs. */
import { once } from 'node:events';
import net from 'node:net';
import { gzipSync } from 'node:zlib';
import type { ApolloServerPlugin } from '@apollo/server';
import { expect, it, jest } from '@jest/globals';
import { Registry } from 'prom-client';
import manifest from '../../package.json' with { type: 'json' };
import { ROUTER_SECRET } from '../support/ask.ts';
import { DELETE, LIST, M, R } from '../support/maintenance/requests.ts';
import { request, sendBytes } from '../support/raw-http.ts';
import { HEADERS } from '../support/replica.ts';
import { startSubgraph, useSubgraph } from '../support/use-subgraph.ts';

/** The longest secret that a request can carry. */
const PREVIOUS = 'x'.repeat(16_364);

/** Throws an unforeseen error that looks like an expected error, for requests with the header `throw`. */
const throwing: ApolloServerPlugin = {
  async requestDidStart({ request }) {
    if (!request.http?.headers.get('throw')) return;
    throw Object.assign(new Error('canary-of-an-unforeseen-error'), { extensions: { code: 'BAD_USER_INPUT' } });
  },
};
const subgraph = useSubgraph({ ROUTER_SECRET: `${ROUTER_SECRET} ${PREVIOUS}` }, [throwing]);

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

const withSecret = (secret: string, method = 'POST') => ({ method, headers: { 'router-authorization': secret } });
it.each<[title: string, path: string, init: RequestInit]>([
  ['metrics', '/metrics', {}],
  ['an unknown path', '/health/ready/', {}],
  ['an invalid escape', '/%', {}],
  ['a health check by another method', '/health/live', { method: 'POST' }],
  ['a body of 2 MB', '/graphql', { method: 'POST', body: 'x'.repeat(2_000_000) }],
  ['an operation, and has each character', '/graphql', withSecret(ROUTER_SECRET.slice(1))],
  ['an operation, and has its case', '/graphql', withSecret(ROUTER_SECRET.toUpperCase())],
])('the router’s secret is required for %s, and its lack is logged at debug level', async (_, path, init) => {
  const response = await fetch(subgraph.url + path, init);
  const extensions = { code: 'ROUTER_UNAUTHENTICATED', outcome: 'NOT_SENT' };
  const errors = [{ message: expect.any(String), extensions }];
  expect([response.status, await response.json()]).toEqual([401, { errors }]);
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(subgraph.upstream.commands()).toEqual([]);
  expect(subgraph.logs()).toMatchObject([{ level: 20, msg: 'refused a request without the router secret' }]);
});

it('the router’s secret may be another than the first, and as long as a head of 16 KB can be', async () => {
  const head = ['GET /metrics HTTP/1.0', `router-authorization: ${PREVIOUS}`];
  expect(await sendBytes(subgraph.url, request(head))).toMatchObject([{ status: 200 }]);
  expect(await sendBytes(subgraph.url, request([...head, 'x: ']))).toMatchObject([{ status: 431 }]);
});

const { 'content-type': _, accept: __, ...CREDENTIALS } = HEADERS;
// Production never answers with the trace of timings that a gateway may ask for.
const SENT = { host: 'a.cn', connection: 'close', 'apollo-federation-include-trace': 'ftv1', ...CREDENTIALS };
const HEAD = Object.entries(SENT).map((one) => one.join(': '));
const POST = ['POST /graphql HTTP/1.1', ...HEAD];
const JSON_TYPE = 'content-type: application/json';
const BODY = JSON.stringify({ query: LIST });
const withVariables = (json: string) => request([...POST, JSON_TYPE], BODY.replace('}"}', `}","variables":${json}}`));
const chunked = (...chunks: string[]) => {
  const written = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
  return Buffer.concat([request([...POST, JSON_TYPE, 'transfer-encoding: chunked']), Buffer.from(written)]);
};
const LISTED = { data: { maintenances: [{ id: `${R}:${M}` }] } };

it.each<[status: number, title: string, bytes: Buffer]>([
  [200, 'a body with a quoted charset', request([...POST, 'content-type: Application/JSON; charset="UTF-8"'], BODY)],
  [200, 'a body with the encoding identity', request([...POST, JSON_TYPE, 'content-encoding: Identity'], BODY)],
  [200, 'a body of 256 KB', request([...POST, JSON_TYPE], BODY.padEnd(256 * 1024))],
  [413, 'a body over 256 KB', request([...POST, JSON_TYPE], BODY.padEnd(256 * 1024 + 1))],
  [200, 'a body in chunks', chunked(BODY.slice(0, 9), BODY.slice(9), '')],
  [413, 'a body in chunks over 256 KB', chunked(BODY.padEnd(256 * 1024 + 1))],
  [415, 'a body in UTF-16', request([...POST, 'content-type: application/json; charset=utf-16'], BODY)],
  [415, 'a body in gzip', request([...POST, JSON_TYPE, 'content-encoding: gzip'], gzipSync(BODY))],
  [400, 'a list of operations', request([...POST, JSON_TYPE], `[${BODY}]`)],
  [400, '__proto__ deep in the variables', withVariables('{"a":[{"__proto__":{"x":1}}]}')],
  [400, 'constructor.prototype in the variables', withVariables('{"constructor":{"prototype":{"x":1}}}')],
  [400, 'a malformed Host', request([...POST, JSON_TYPE].with(1, 'host: a b'), BODY)],
  [431, 'a head over 16 KB', request(POST.with(2, `x: ${'x'.repeat(16_384)}`))],
  [404, 'another method', request(['PUT /graphql?a=b HTTP/1.1', ...HEAD])],
  [404, 'a path that is an asterisk', request(['OPTIONS * HTTP/1.1', ...HEAD])],
  [404, 'a path with dots', request(['GET /%2e%2e/graphql HTTP/1.1', ...HEAD])],
  [404, 'a path with an invalid escape', request(['GET /% HTTP/1.1', ...HEAD])],
])('status %d answers %s, and the next operation is answered too', async (status, _, bytes) => {
  const [answer, ...others] = await sendBytes(subgraph.url, bytes);
  expect([answer?.status, others]).toEqual([status, []]);
  expect(answer?.headers.get('content-type')).toMatch(/^application\/json/);
  expect(answer?.headers.get('cache-control')).toBe('no-store');
  const extensions = { code: status === 404 ? 'NOT_FOUND' : 'BAD_REQUEST', outcome: 'NOT_SENT' };
  const refused = { errors: [{ message: expect.not.stringMatching(/<|node_modules|\.[jt]s:|\bat /), extensions }] };
  expect(JSON.parse(answer?.body ?? '')).toEqual(status === 200 ? LISTED : refused);
  const tokens = subgraph.upstream.received.map(({ headers }) => headers.authorization);
  expect(tokens).toEqual(status === 200 ? [HEADERS.authorization] : []);
  expect(await subgraph.ask(LIST)).toMatchObject({ ...LISTED, errors: [] });
  expect(subgraph.logs().filter(({ level }) => Number(level) >= 50)).toEqual([]);
});

it.each([
  ['application/json;q=0.5, application/graphql-response+json', 'application/graphql-response+json'],
  ['application/graphql-response+json;q=0, application/json', 'application/json'],
  ['application/json-seq, Application/GraphQL-Response+JSON', 'application/graphql-response+json'],
])('a response to "Accept: %s" is %s', async (accept, type) => {
  const { status, headers } = await subgraph.ask(LIST, { headers: { accept } });
  expect([status, headers.get('content-type')]).toEqual([200, `${type}; charset=utf-8`]);
});

it('HEAD is answered with 404 and no body', async () => {
  const answers = await sendBytes(subgraph.url, request(['HEAD /graphql HTTP/1.1', ...HEAD]));
  expect(answers).toMatchObject([{ status: 404, body: '' }]);
});

it('an unforeseen error that looks like an expected error is masked, and logged with its id', async () => {
  const answer = await subgraph.ask(DELETE, { headers: { throw: 'yes' } });
  expect([answer.status, answer.data]).toEqual([500, undefined]);
  const extensions = { code: 'INTERNAL_SERVER_ERROR', errorId: expect.any(String) };
  expect(answer.errors).toEqual([{ message: 'Internal server error', extensions }]);
  const err = { type: 'Error', stack: expect.stringMatching(/^at .+\/http\.test\.ts/) };
  const line = { level: 50, msg: 'unforeseen error', errorId: answer.errors[0]?.extensions.errorId, err };
  const operation = { level: 50, msg: 'operation', codes: [extensions.code], errorIds: [line.errorId] };
  expect(subgraph.logs()).toMatchObject([line, operation]);
  expect(JSON.stringify(answer) + subgraph.logText()).not.toContain('canary');
});

it('an unforeseen error outside GraphQL is masked, and logged with its id', async () => {
  jest.spyOn(Registry.prototype, 'metrics').mockRejectedValueOnce(new Error('canary-of-an-unforeseen-error'));
  const response = await fetch(`${subgraph.url}/metrics`, withSecret(ROUTER_SECRET, 'GET'));
  const text = await response.text();
  const [line] = subgraph.logs();
  expect(line).toMatchObject({
    level: 50,
    msg: 'unforeseen error',
    errorId: expect.any(String),
    err: { type: 'Error' },
  });
  const extensions = { code: 'INTERNAL_SERVER_ERROR', errorId: line?.errorId };
  expect([response.status, JSON.parse(text)]).toEqual([
    500,
    { errors: [{ message: 'Internal server error', extensions }] },
  ]);
  expect(text + subgraph.logText()).not.toContain('canary');
});

it('a server whose port is taken gives back its port of metrics, too', async () => {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port: free } = probe.address() as net.AddressInfo;
  await new Promise((done) => probe.close(done));
  const port = new URL(subgraph.url).port;
  const starting = startSubgraph({ PORT: port, METRICS_PORT: String(free) });
  await expect(starting).rejects.toMatchObject({ code: 'EADDRINUSE', port: Number(port) });
  await expect(fetch(`http://127.0.0.1:${free}/metrics`)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
});
