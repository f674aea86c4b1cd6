/**
 * HTTP that is broken, hostile or merely unusual. Where HTTP allows an answer at all it is JSON of GraphQL's shape, no
 * command is sent for what is refused, and the server is well afterwards.
 */
import { METHODS } from 'node:http';
import net from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EXAMPLE } from '../../dev/seed.ts';
import { type RawAnswer, request, sendBytes } from '../support/raw-http.ts';
import { ROUTER_SECRET } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const LIST = `{ maintenances(residenceId: "${R}") { id } }`;
const LISTED = { data: { maintenances: [{ id: `${R}:${EXAMPLE.maintenanceId}` }] } };
const GET_LIST = `get_maintenance_list ${R}`;
const BODY = JSON.stringify({ query: LIST });
const WRITE = JSON.stringify({ query: `mutation { deleteMaintenance(id: "${R}:${EXAMPLE.maintenanceId}") { id } }` });

const POST = 'POST /graphql HTTP/1.1';
const HOST = 'host: subgraph.example';
const CREDENTIALS = [`router-authorization: ${ROUTER_SECRET}`, `authorization: Bearer ${EXAMPLE.token}`];
const JSON_TYPE = 'content-type: application/json';
const USUAL = [HOST, ...CREDENTIALS, JSON_TYPE];
const CLOSE = 'connection: close';

const subgraph = useSubgraph();

const send = (bytes: string | Buffer, options?: { end: boolean }) => sendBytes(subgraph.url, bytes, options);
/** Lines, an empty line and whatever comes after it, without a length of ours. */
const raw = (head: readonly string[], rest = '') => `${head.join('\r\n')}\r\n\r\n${rest}`;

function expectRefusal(answer: RawAnswer | undefined, status: number): void {
  expect(answer?.status).toBe(status);
  expect(answer?.headers.get('content-type')).toMatch(/^application\/json/);
  expect(answer?.headers.get('cache-control')).toBe('no-store');
  expect(JSON.parse(answer?.body ?? '')).toEqual({
    errors: [{ message: expect.any(String), extensions: { code: status === 404 ? 'NOT_FOUND' : 'BAD_REQUEST' } }],
  });
  expect(answer?.body).not.toMatch(/<|node_modules|\.[jt]s:|\bat /);
}

/** What Fastify answers itself, since Node could not read it as HTTP. */
function expectNoHttp(answer: RawAnswer | undefined, status: number): void {
  expect(answer?.status).toBe(status);
  expect(JSON.parse(answer?.body ?? '')).toMatchObject({ message: expect.any(String), statusCode: status });
  expect(answer?.body).not.toMatch(/<|node_modules|\.[jt]s:|\bat /);
}

/** Alive, ready, and an ordinary operation is answered; nothing unforeseen was logged. */
async function expectWell(): Promise<void> {
  const before = subgraph.upstream.received.length;
  expect((await fetch(`${subgraph.url}/health/ready`)).status).toBe(200);
  const { data, errors } = await subgraph.ask(LIST);
  expect({ data, errors }).toEqual({ ...LISTED, errors: [] });
  expect(subgraph.upstream.received.length).toBe(before + 1);
  expect(subgraph.logs().filter(({ level }) => Number(level) >= 50)).toEqual([]);
}

afterEach(expectWell);

async function post(body: string | Buffer, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const lines = Object.entries({ 'content-type': 'application/json', ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  const [answer] = await send(request([POST, HOST, ...CREDENTIALS, CLOSE, ...lines], body));
  if (!answer) throw new Error('no answer');
  return answer;
}

describe('the charset of a body', () => {
  it.each([
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'application/json; charset="utf-8"',
    'Application/JSON',
  ])('%s is taken', async (type) => {
    expect(JSON.parse((await post(BODY, { 'content-type': type })).body)).toEqual(LISTED);
    expect(subgraph.upstream.commands()).toEqual([GET_LIST]);
  });

  it.each([
    'application/json; charset=utf-32',
    'application/json; charset=utf-16',
    'application/json; charset=latin1',
    'application/json; charset="iso-8859-1"',
    'application/json; charset=utf-7',
    'application/json; charset=odd',
    'application/xml',
    'application/graphql',
    'multipart/form-data; boundary=x',
    'text/json',
    'application/jsonx',
    'application/',
    '/',
    'json',
  ])('%s is 415', async (type) => {
    expectRefusal(await post(BODY, { 'content-type': type }), 415);
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('the bytes of a body', () => {
  it.each([
    ['UTF-16', Buffer.from(BODY, 'utf16le')],
    ['bad UTF-8 before it', Buffer.concat([Buffer.from([0xff]), Buffer.from(BODY)])],
    ['bad UTF-8 between its members', Buffer.from(BODY.replace(':', ':\u00c0'), 'latin1')],
    ['bad UTF-8 in a text', Buffer.from(BODY.replace(R, 'r\u00ff\u00c0\u0080'), 'latin1')],
    ['UTF-8 that is cut off', Buffer.from(BODY.replace(R, 'r\u00e4\u00bf'), 'latin1')],
    ['a surrogate in UTF-8', Buffer.from(BODY.replace(R, 'r\u00ed\u00a0\u0080'), 'latin1')],
    ['UTF-8 that is longer than need be', Buffer.from(BODY.replace(R, 'r\u00c0\u00af'), 'latin1')],
    ['NUL after it', Buffer.from(`${BODY}\u0000`)],
    ['a raw control character in a text', Buffer.from(BODY.replace('{ m', '{\u0001m'))],
    ['two of it', Buffer.from(BODY + BODY)],
    ['a comma too many', Buffer.from(BODY.replace(/\}$/, ',}'))],
    ['single quotes', Buffer.from(`{'query':'{ __typename }'}`)],
    ['a comment', Buffer.from(`/**/${BODY}`)],
    ['white space alone', Buffer.from(' \r\n ')],
    ['null', Buffer.from('null')],
    ['a number', Buffer.from('5')],
    ['an empty list', Buffer.from('[]')],
    ['a query that is no text', Buffer.from('{"query":{"a":1}}')],
    ['an empty query', Buffer.from('{"query":""}')],
    ['variables that are a text', Buffer.from(BODY.replace('}"}', '}","variables":"{}"}'))],
    ['variables that are a list', Buffer.from(BODY.replace('}"}', '}","variables":[]}'))],
    ['extensions that are a text', Buffer.from(BODY.replace('}"}', '}","extensions":"{}"}'))],
    ['an operationName that is a list', Buffer.from(BODY.replace('}"}', '}","operationName":["A"]}'))],
    ['__proto__ among the variables', Buffer.from(BODY.replace('}"}', '}","variables":{"__proto__":{"x":1}}}'))],
    [
      '__proto__ deep in the variables',
      Buffer.from(BODY.replace('}"}', '}","variables":{"a":[{"__proto__":{"x":1}}]}}')),
    ],
    [
      'constructor.prototype among the variables',
      Buffer.from(BODY.replace('}"}', '}","variables":{"constructor":{"prototype":{"x":1}}}}')),
    ],
    ['1 MB of brackets', Buffer.from('['.repeat(1_000_000))],
    ['1 MB of nested lists', Buffer.from('['.repeat(500_000) + ']'.repeat(500_000))],
  ])('%s: 400', async (_, body) => {
    expectRefusal(await post(body), 400);
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it.each([
    ['a byte order mark before it', Buffer.from(`\ufeff${BODY}`)],
    ['white space around it', Buffer.from(`\r\n\t ${BODY} \r\n`)],
    ['members that nobody knows', Buffer.from(BODY.replace('}"}', '}","odd":{"constructor":"x"},"":null}'))],
    ['a member twice, of which the last counts', Buffer.from(`{"query":"{ nothing }",${BODY.slice(1)}`)],
    [
      'null for all that may be absent',
      Buffer.from(BODY.replace('}"}', '}","variables":null,"operationName":null,"extensions":null}')),
    ],
    [
      'variables that the operation lacks',
      Buffer.from(BODY.replace('}"}', '}","variables":{"x":1,"toString":"x","constructor":"x"}}')),
    ],
  ])('%s is taken', async (_, body) => {
    expect(JSON.parse((await post(body)).body)).toEqual(LISTED);
    expect(subgraph.upstream.commands()).toEqual([GET_LIST]);
  });

  it('a variable twice is the last of the two', async () => {
    const query = 'query ($id: ID!) { maintenances(residenceId: $id) { id } }';
    const answer = await post(`{"query":${JSON.stringify(query)},"variables":{"id":"evil","id":"${R}"}}`);
    expect(JSON.parse(answer.body)).toEqual(LISTED);
    expect(subgraph.upstream.commands()).toEqual([GET_LIST]);
  });
});

describe('a body in an encoding', () => {
  it('of none is taken', async () => {
    expect(JSON.parse((await post(Buffer.from(BODY), { 'content-encoding': 'identity' })).body)).toEqual(LISTED);
    expect(subgraph.upstream.commands()).toEqual([GET_LIST]);
  });

  it.each(['gzip', 'odd', 'gzip, odd'])('of %s is 415, whatever it would inflate to', async (encoding) => {
    for (const body of [gzipSync(BODY), gzipSync(Buffer.alloc(45_000_000))])
      expectRefusal(await post(body, { 'content-encoding': encoding }), 415);
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('what is no HTTP, or dangerous, is refused in JSON and the connection closed', () => {
  const chunked = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  const BROKEN: [string, string | Buffer, number][] = [
    [
      'a length and chunks',
      raw([POST, ...USUAL, `content-length: ${WRITE.length}`, 'transfer-encoding: chunked'], chunked(WRITE)),
      400,
    ],
    [
      'chunks and a length, with a request inside',
      raw(
        [POST, ...USUAL, 'transfer-encoding: chunked', 'content-length: 4'],
        `0\r\n\r\n${request([POST, ...USUAL], WRITE)}`,
      ),
      400,
    ],
    ['chunks by another name', raw([POST, ...USUAL, 'transfer-encoding: xchunked'], chunked(WRITE)), 400],
    [
      'chunks that are not the last encoding',
      raw([POST, ...USUAL, 'transfer-encoding: chunked, gzip'], chunked(WRITE)),
      400,
    ],
    ['a space in the name of a header', raw([POST, ...USUAL, 'transfer-encoding : chunked'], chunked(WRITE)), 400],
    ['two lengths', raw([POST, ...USUAL, `content-length: ${WRITE.length}`, 'content-length: 5'], WRITE), 400],
    [
      'the same length twice',
      raw([POST, ...USUAL, `content-length: ${WRITE.length}`, `content-length: ${WRITE.length}`], WRITE),
      400,
    ],
    ['two lengths in one', raw([POST, ...USUAL, `content-length: ${WRITE.length}, 5`], WRITE), 400],
    ['a negative length', raw([POST, ...USUAL, 'content-length: -1'], WRITE), 400],
    ['a length with a sign', raw([POST, ...USUAL, `content-length: +${WRITE.length}`], WRITE), 400],
    ['a hexadecimal length', raw([POST, ...USUAL, 'content-length: 0x10'], WRITE), 400],
    ['a length beyond all numbers', raw([POST, ...USUAL, 'content-length: 99999999999999999999'], WRITE), 400],
    [
      'a chunk whose size is no number',
      raw([POST, ...USUAL, 'transfer-encoding: chunked'], `zz\r\n${WRITE}\r\n0\r\n\r\n`),
      400,
    ],
    [
      'a chunk that is longer than it says',
      raw([POST, ...USUAL, 'transfer-encoding: chunked'], `5\r\n${WRITE}\r\n0\r\n\r\n`),
      400,
    ],
    ['a line that goes on in the next', raw([POST, ...USUAL, 'x: 1\r\n 2'], ''), 400],
    ['a header without a name', raw([POST, ...USUAL, ': 1']), 400],
    ['a header without a colon', raw([POST, ...USUAL, 'odd']), 400],
    ['NUL in a header', raw([POST, ...USUAL, 'x: \u0000']), 400],
    ['a bare LF after a header', raw([POST, ...USUAL, 'x: 1\ny: 2']), 400],
    ['a header over 16 KB', raw([POST, ...USUAL, `x: ${'x'.repeat(17_000)}`]), 431],
    [
      'headers over 16 KB together',
      raw([POST, ...USUAL, ...Array.from({ length: 200 }, (_, i) => `x-${i}: ${'x'.repeat(80)}`)]),
      431,
    ],
    ['a path over 16 KB', raw([`GET /graphql?${'x'.repeat(17_000)} HTTP/1.1`, ...USUAL]), 431],
    ['NUL in the path', raw(['GET /graphql\u0000 HTTP/1.1', ...USUAL]), 400],
    ['a space in the path', raw(['GET /graphql odd HTTP/1.1', ...USUAL]), 400],
    ['a method that nobody knows', raw(['EVIL /graphql HTTP/1.1', ...USUAL]), 400],
    ['a method in lower case', raw(['post /graphql HTTP/1.1', ...USUAL]), 400],
    ['another version', raw(['POST /graphql HTTP/9.9', ...USUAL]), 400],
    ['another protocol', raw(['POST /graphql SIP/2.0', ...USUAL]), 400],
    ['the preface of HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1'), 400],
    ['the hello of TLS', Buffer.from(`16030100a5010000a10303${'00'.repeat(160)}`, 'hex'), 400],
    ['the hello of SSH', 'SSH-2.0-OpenSSH_9.9\r\n', 400],
    ['a command of Redis', '*1\r\n$4\r\nPING\r\n', 400],
    ['bytes', Buffer.from('00ff00ff0d0a0d0a', 'hex'), 400],
  ];

  it.each(BROKEN)('%s', async (_, bytes, status) => {
    const answers = await send(bytes);
    expect(answers).toHaveLength(1);
    expectNoHttp(answers[0], status);
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it.each([
    ['a body shorter than its length', raw([POST, ...USUAL, `content-length: ${WRITE.length + 50}`], WRITE)],
    [
      'a last chunk that never comes',
      raw([POST, ...USUAL, 'transfer-encoding: chunked'], `${WRITE.length.toString(16)}\r\n${WRITE}\r\n`),
    ],
    ['headers that do not end', `${POST}\r\n${USUAL.join('\r\n')}\r\n`],
  ])('%s, where the client ends there', async (_, bytes) => {
    const answers = await send(bytes, { end: true });
    expect(answers).toHaveLength(1);
    expectNoHttp(answers[0], 400);
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it.each(['host:', 'host: [x'])('"%s"', async (host) => {
    const [answer] = await send(request([POST, host, ...CREDENTIALS, JSON_TYPE, CLOSE], BODY));
    expectRefusal(answer, 400);
  });

  it('no Host', async () => {
    const [answer] = await send(request([POST, ...CREDENTIALS, JSON_TYPE, CLOSE], BODY));
    expect([answer?.status, answer?.body]).toEqual([400, '']);
  });
});

describe('a client that goes away', () => {
  it.each([
    ['before it said anything', ''],
    ['in the midst of its headers', `${POST}\r\n${HOST}\r\nrouter-auth`],
    ['in the midst of its body', raw([POST, ...USUAL, `content-length: ${WRITE.length}`], WRITE.slice(0, 20))],
    [
      'in the midst of a chunk',
      raw([POST, ...USUAL, 'transfer-encoding: chunked'], `${WRITE.length.toString(16)}\r\n${WRITE.slice(0, 20)}`),
    ],
  ])('%s costs nothing and nobody', async (_, bytes) => {
    const { hostname, port } = new URL(subgraph.url);
    for (const leave of ['destroy', 'resetAndDestroy'] as const) {
      const socket = net.connect(Number(port), hostname);
      socket.on('error', () => {});
      await new Promise((resolve) => socket.write(bytes || '\r\n', resolve));
      const gone = new Promise((resolve) => socket.once('close', resolve));
      socket[leave]();
      await gone;
    }
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('half, once it has asked, is answered or closed', async () => {
    const answers = await send(request([POST, ...USUAL], BODY), { end: true });
    expect(answers.map(({ status, body }) => [status, JSON.parse(body)])).toEqual(answers.map(() => [200, LISTED]));
    expect(answers.length).toBeLessThanOrEqual(1);
  });

  it('at once, is no matter', async () => {
    expect(await send('', { end: true })).toEqual([]);
  });
});

describe('what is unusual and right is answered', () => {
  const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
  const RIGHT: [string, string | Buffer][] = [
    ['200 headers', request([POST, ...USUAL, CLOSE, ...Array.from({ length: 200 }, (_, i) => `x-${i}: ${i}`)], BODY)],
    ['15 KB of headers', request([POST, ...USUAL, CLOSE, `x: ${'x'.repeat(15_000)}`], BODY)],
    [
      'the whole URL in the request line',
      request(['POST http://elsewhere.example/graphql HTTP/1.1', ...USUAL, CLOSE], BODY),
    ],
    ['a query after the path', request(['POST /graphql?query={nothing}&x=%00 HTTP/1.1', ...USUAL, CLOSE], BODY)],
    ['one that cannot be decoded', request(['POST /graphql?x=%ZZ&y=% HTTP/1.1', ...USUAL, CLOSE], BODY)],
    ['a port in Host', request([POST, 'host: subgraph.example:80', ...CREDENTIALS, JSON_TYPE, CLOSE], BODY)],
    ['an IPv6 Host', request([POST, 'host: [::1]:4001', ...CREDENTIALS, JSON_TYPE, CLOSE], BODY)],
    [
      'a body in chunks of a byte',
      raw([POST, ...USUAL, CLOSE, 'transfer-encoding: chunked'], `${[...BODY].map(chunk).join('')}0\r\n\r\n`),
    ],
    [
      'chunks with extensions and trailers',
      raw(
        [POST, ...USUAL, CLOSE, 'transfer-encoding: chunked'],
        `${chunk(BODY).replace('\r\n', ';x=1\r\n')}0\r\nx-trailer: 1\r\nauthorization: Bearer evil\r\n\r\n`,
      ),
    ],
    [
      'Upgrade to WebSocket',
      request([POST, ...USUAL, 'connection: upgrade, close', 'upgrade: websocket', 'sec-websocket-key: x'], BODY),
    ],
    [
      'Upgrade to HTTP/2',
      request(
        [
          POST,
          ...USUAL,
          'connection: upgrade, http2-settings, close',
          'upgrade: h2c',
          'http2-settings: AAMAAABkAAQAAP__',
        ],
        BODY,
      ),
    ],
    ['an empty line first', Buffer.concat([Buffer.from('\r\n'), request([POST, ...USUAL, CLOSE], BODY)])],
    [
      'header names in upper case',
      request([POST, ...USUAL.map((line) => line.replace(/^[^:]+/, (name) => name.toUpperCase())), CLOSE], BODY),
    ],
  ];

  it.each(RIGHT)('%s', async (_, bytes) => {
    const answers = await send(bytes);
    expect(answers.map(({ status, body }) => [status, JSON.parse(body)])).toEqual([[200, LISTED]]);
    expect(subgraph.upstream.received.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${EXAMPLE.token}`]);
  });

  it.each(['100-continue', '100-Continue, 100-continue'])('Expect: %s, which is told to go on', async (expectation) => {
    const answers = await send(request([POST, ...USUAL, CLOSE, `expect: ${expectation}`], BODY));
    expect(answers.map(({ status }) => status)).toEqual([100, 200]);
    expect(JSON.parse(answers[1]?.body ?? '')).toEqual(LISTED);
  });

  it('Expect: 100-continue for a body that will be too large, which is told so', async () => {
    const answers = await send(raw([POST, ...USUAL, CLOSE, 'expect: 100-continue', 'content-length: 2000000']));
    expectRefusal(answers.at(-1), 413);
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('Expect: 100-continue in HTTP/1.0, which knows none', async () => {
    const answers = await send(request(['POST /graphql HTTP/1.0', ...USUAL, CLOSE, 'expect: 100-continue'], BODY));
    expect(answers.map(({ status, body }) => [status, JSON.parse(body)])).toEqual([[200, LISTED]]);
  });

  it('another expectation, which Node refuses without a body', async () => {
    const answers = await send(request([POST, ...USUAL, CLOSE, 'expect: anything'], BODY));
    expect(answers.map(({ status, body }) => [status, body])).toEqual([[417, '']]);
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('Expect: 100-continue without the secret, which is refused all the same', async () => {
    const lines = [POST, HOST, CLOSE, 'content-type: application/json', 'expect: 100-continue'];
    const answers = await send(request(lines, BODY));
    expect(answers.map(({ status }) => status)).toEqual([100, 401]);
    expect(answers[1]?.body).toContain('"code":"ROUTER_UNAUTHENTICATED"');
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('requests one behind the other, each in its turn, whatever takes longest', async () => {
    const bodies = [BODY, JSON.stringify({ query: '{ nothing }' }), BODY, JSON.stringify({ query: '{ __typename }' })];
    const requests = bodies.map((body) => request([POST, ...USUAL, 'accept: application/json'], body));
    const last = request(['GET /health/live HTTP/1.1', HOST, CLOSE]);
    const answers = await send(Buffer.concat([...requests, last]));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(answers.map(({ body }) => JSON.parse(body))).toMatchObject([
      LISTED,
      { errors: [{ extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } }] },
      LISTED,
      { data: { __typename: 'Query' } },
      { status: 'live' },
    ]);
    expect(new Set(subgraph.upstream.commands())).toEqual(new Set([GET_LIST]));
  });

  it('a request whose body is none, behind a good one, after which the connection is closed', async () => {
    const answers = await send(Buffer.concat([request([POST, ...USUAL], BODY), request([POST, ...USUAL], '{')]));
    expect(answers).toHaveLength(2);
    expect(JSON.parse(answers[0]?.body ?? '')).toEqual(LISTED);
    expectRefusal(answers[1], 400);
  });

  it('a request behind one that breaks off is not answered', async () => {
    const answers = await send(
      Buffer.concat([
        Buffer.from(raw([POST, ...USUAL, 'content-length: -1'])),
        request([POST, ...USUAL, CLOSE], WRITE),
      ]),
    );
    expect(answers.map(({ status }) => status)).toEqual([400]);
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('methods', () => {
  const head = [HOST, ...CREDENTIALS, CLOSE];
  const OTHERS = ['OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE'];

  it.each(OTHERS)('%s /graphql is 404', async (method) => {
    const [answer] = await send(raw([`${method} /graphql HTTP/1.1`, ...head]));
    expectRefusal(answer, 404);
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it.each(['OPTIONS', 'PUT', 'DELETE', 'PATCH'])('%s /graphql with an operation is no different', async (method) => {
    const [answer] = await send(request([`${method} /graphql HTTP/1.1`, ...head, JSON_TYPE], WRITE));
    expectRefusal(answer, 404);
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('HEAD /graphql is 404 without a body', async () => {
    const [answer] = await send(raw(['HEAD /graphql HTTP/1.1', ...head]));
    expect([answer?.status, answer?.body]).toEqual([404, '']);
  });

  it.each([...OTHERS, 'GET', 'POST'])('%s elsewhere is 404', async (method) => {
    for (const path of [
      '/',
      '/elsewhere',
      '/graphql/x',
      '/../../etc/passwd',
      '/%2e%2e/graphql',
      '/GRAPHQL',
      '//graphql',
      '/graphql/',
      '/graph%71l/x',
      '/:a(',
      '/:a([)',
      '/:a((a+)+)',
      '/graphql:a(',
      '/*',
    ]) {
      const [answer] = await send(
        raw([`${method} ${path} HTTP/1.1`, ...head, ...(method === 'POST' ? ['content-length: 0'] : [])]),
      );
      expectRefusal(answer, 404);
    }
  });

  it('HEAD elsewhere is 404 without a body', async () => {
    const [answer] = await send(raw(['HEAD /elsewhere HTTP/1.1', ...head]));
    expect([answer?.status, answer?.body]).toEqual([404, '']);
  });

  it('OPTIONS * is 404', async () => {
    const [answer] = await send(raw(['OPTIONS * HTTP/1.1', ...head]));
    expectRefusal(answer, 404);
  });

  it('TRACE does not send back what it was sent', async () => {
    const [answer] = await send(raw(['TRACE /graphql HTTP/1.1', ...head, 'x: canary']));
    expect(answer?.body).not.toMatch(/canary|Bearer/);
  });

  it('CONNECT is closed', async () => {
    expect(await send(raw(['CONNECT elsewhere.example:443 HTTP/1.1', ...head]))).toEqual([]);
  });

  it('another method in a header changes nothing', async () => {
    const [answer] = await send(
      raw(['GET /graphql?query={__typename} HTTP/1.1', ...head, 'x-http-method-override: POST']),
    );
    expectRefusal(answer, 400);
  });

  it('never answers 5xx, for any method and path, with the router secret and without', async () => {
    const methods = METHODS.filter((method) => method !== 'CONNECT');
    const path = fc.oneof(
      // What a pattern of a route is made of.
      fc.string({ unit: fc.constantFrom('graphql', ...'/:(*)[a-.?+%#;') }),
      fc.string({ unit: 'binary-ascii' }),
      fc.webPath(),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...methods), path, fc.boolean(), async (method, path, isRouter) => {
        const line = `${method} /${path} HTTP/1.1`;
        const answers = await send(raw([line, ...(isRouter ? head : [HOST, CLOSE]), 'content-length: 0']));
        expect(answers).not.toEqual([]);
        for (const { status } of answers) expect(status).toBeLessThan(500);
      }),
      { numRuns: 1000 },
    );
  });
});
