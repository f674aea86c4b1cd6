/** Unusual and hostile HTTP, byte for byte. After each test, the server is ready and answers an operation. */
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/maintenance/seed.ts';
import { ROUTER_SECRET } from '../support/ask.ts';
import { LIST, M, R } from '../support/maintenance/requests.ts';
import { type RawAnswer, request, sendBytes } from '../support/raw-http.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const LONGEST_BODY = 1024 * 1024;
const LISTED = { data: { maintenances: [{ id: `${R}:${M}` }] } };
const BODY = JSON.stringify({ query: LIST });
const [POST, HOST, CLOSE] = ['POST /graphql HTTP/1.1', 'host: subgraph.example', 'connection: close'];
const [JSON_TYPE, CHUNKED] = ['content-type: application/json', 'transfer-encoding: chunked'];
const CREDENTIALS = [`router-authorization: ${ROUTER_SECRET}`, `authorization: Bearer ${EXAMPLE.token}`];
const HEADERS = [HOST, ...CREDENTIALS, JSON_TYPE];
const INTERNALS = /<|node_modules|\.[jt]s:|\bat /;

const subgraph = useSubgraph();

const send = (bytes: string | Buffer) => sendBytes(subgraph.url, bytes);
/** Returns a request whose head is sent unchanged, without a computed length. */
const raw = (head: readonly string[], rest = '') => `${head.join('\r\n')}\r\n\r\n${rest}`;
const post = (head: readonly string[], rest?: string) => raw([POST, ...HEADERS, ...head], rest);
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const bodies = (answers: RawAnswer[]) => answers.map(({ status, body }) => [status, body && JSON.parse(body)]);

/** Sends a body with the headers of its type and encoding. */
function sendBody(body: string | Buffer, type = JSON_TYPE, encoding = 'x: 1') {
  return send(request([POST, HOST, ...CREDENTIALS, CLOSE, type, encoding], body));
}

function expectRefusal(answers: RawAnswer[], status: number): void {
  const code = status === 404 ? 'NOT_FOUND' : 'BAD_REQUEST';
  expect(bodies(answers)).toEqual([
    [status, { errors: [{ message: expect.any(String), extensions: { code, outcome: 'NOT_SENT' } }] }],
  ]);
  expect(answers[0]?.headers.get('content-type')).toMatch(/^application\/json/);
  expect(answers[0]?.headers.get('cache-control')).toBe('no-store');
  expect(answers[0]?.body).not.toMatch(INTERNALS);
  expect(subgraph.upstream.commands()).toEqual([]);
}

function expectListed(answers: RawAnswer[]): void {
  expect(bodies(answers)).toEqual([[200, LISTED]]);
  expect(subgraph.upstream.received.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${EXAMPLE.token}`]);
}

afterEach(async () => {
  expect((await fetch(`${subgraph.url}/health/ready`)).status).toBe(200);
  expect(await subgraph.ask(LIST)).toMatchObject({ ...LISTED, errors: [] });
  expect(subgraph.logs().filter(({ level }) => Number(level) >= 50)).toEqual([]);
});

describe('a body', () => {
  const variables = (json: string) => BODY.replace('}"}', `}","variables":${json}}`);
  const sized = (bytes: number) => BODY.padEnd(bytes);

  it.each<[string, string | Buffer, string?, string?]>([
    ['with a quoted charset', BODY, 'content-type: Application/JSON; charset="UTF-8"'],
    ['with the encoding "identity"', BODY, JSON_TYPE, 'content-encoding: Identity'],
    ['with a byte order mark', `\ufeff${BODY}`],
    ['with unknown members', BODY.replace('}"}', '}","odd":{"constructor":"x"},"":null}')],
    ['of 1 MB', sized(LONGEST_BODY)],
  ])('%s is accepted', async (...[, ...sent]) => {
    expectListed(await sendBody(...sent));
  });

  it.each<[string, string | Buffer, number, string?, string?]>([
    ['in UTF-16', BODY, 415, 'content-type: application/json; charset=utf-16'],
    ['without a content type', BODY, 415, 'x: 2'],
    ['in gzip', gzipSync(BODY), 415, JSON_TYPE, 'content-encoding: gzip'],
    ['of a list of operations', `[${BODY}]`, 400],
    ['with __proto__ deep in the variables', variables('{"a":[{"__proto__":{"x":1}}]}'), 400],
    ['with constructor.prototype', variables('{"constructor":{"prototype":{"x":1}}}'), 400],
    ['of lists 500,000 deep', '['.repeat(500_000) + ']'.repeat(500_000), 400],
    ['over 1 MB', sized(LONGEST_BODY + 1), 413],
  ])('%s is refused', async (...[, body, status, ...headers]) => {
    expectRefusal(await sendBody(body, ...headers), status);
  });
});

it.each([
  ['a malformed Host', request([POST, 'host: a b', ...CREDENTIALS, JSON_TYPE, CLOSE], BODY), 400],
  ['a head over 16 KB', raw([POST, ...HEADERS, `x: ${'x'.repeat(16_384)}`]), 431],
  ['a chunked body of 1.25 MB without an end', post([CLOSE, CHUNKED], chunk('x'.repeat(65_536)).repeat(20)), 413],
])('%s is refused', async (_, bytes, status) => {
  expectRefusal(await send(bytes), status);
});

it.each<[string, string | Buffer]>([
  ['a malformed query in its URL', request(['POST /graphql?x=%ZZ&y=% HTTP/1.1', ...HEADERS, CLOSE], BODY)],
  ['chunks of one byte', post([CLOSE, CHUNKED], `${[...BODY].map(chunk).join('')}0\r\n\r\n`)],
])('a request with %s is answered', async (_, bytes) => {
  expectListed(await send(bytes));
});

const LINES = ['PUT /graphql?a=b', 'OPTIONS *', 'POST /', 'GET //graphql', 'GET /%2e%2e/graphql', 'GET /:a((a+)+)'];
it.each(LINES)('%s is answered with 404', async (line) => {
  const head = [`${line} HTTP/1.1`, HOST, ...CREDENTIALS, CLOSE, 'accept: text/html', 'content-length: 0'];
  expectRefusal(await send(raw(head)), 404);
});

it('HEAD is answered with 404 and no body', async () => {
  expect(bodies(await send(raw(['HEAD /graphql HTTP/1.1', HOST, ...CREDENTIALS, CLOSE])))).toEqual([[404, '']]);
});
