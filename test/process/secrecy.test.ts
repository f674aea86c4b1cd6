/**
 * Nothing secret leaves the process. Every secret text is a canary. The tests search for canaries in the responses, the
 * metrics, the log (at level trace) and the spans of the production server.
 */
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startCollector } from '../support/collector.ts';
import { create, entities, LIST, R, request } from '../support/maintenance/requests.ts';
import { fieldsOf } from '../support/maintenance/schema.ts';
import { isSentAsIs, WIRE } from '../support/maintenance/wire.ts';
import { preloadThrowInRequest } from '../support/unforeseen.ts';
import { act, type Fault, type Upstream } from '../support/upstream.ts';
import { useReplicas } from '../support/use-replicas.ts';

const SECRET = 'canary-secret-of-the-router';
const TOKEN = 'canary-token-0123456789abcdef';
/** A token that is not for the command API. */
const IDENTITY = 'canary-identity-0123456789abcdef';
const TOKEN_HEADER = 'x-vendor-authorization';
/** What the caller sends. Only the name of an unknown member is repeated, and not in the log. */
const OWN = 'canary_own';
/** What a resident wrote: allowed in `data` alone. */
const DATA = 'canary-data';
/** Texts, addresses and stacks of the command API. */
const UPSTREAM = 'canary-upstream at http://10.9.8.7:3500/v1.0/invoke';
const LEAK = /canary|10\.9\.8\.7|127\.0\.0\.1|ECONN|ETIMEDOUT|HPE_|Z_DATA|TypeError|node_modules|\/srv\/|\.[jt]s:/i;
const LEAK_BUT_OWN = new RegExp(LEAK.source.replace('canary', 'canary(?!_own)'), 'i');

const TEXTS = { description: `${DATA}-description`, contact: `${DATA}-contact`, feedback: `${DATA}-feedback` };
const TICKET = {
  ...{ ...TEXTS, maintenance_picture_url: [`https://pictures.example/${DATA}-picture`], state: 'in progress' },
  ...{ start_time: '2024-01-16 13:32:45', finish_time: '2024-01-17 13:32:45', created_time: null },
};
const STACK = `Error: ${UPSTREAM}\n    at canary-upstream (/srv/canary-upstream/app.js:1:1)`;
const MESSAGES = { message: UPSTREAM, msg: UPSTREAM, error_msg: UPSTREAM, code: UPSTREAM, stack: STACK };
const LEAKY = { ...MESSAGES, error: { ...MESSAGES, code: STACK }, authorization: `Bearer ${TOKEN}`, ...TICKET };
const LEAKY_HEADERS = {
  ...{ server: 'canary-upstream', 'set-cookie': 'canary-upstream=1', 'x-error': 'canary-upstream' },
  ...{ 'www-authenticate': 'Bearer realm="canary-upstream"', location: 'http://canary-upstream.example/' },
  'retry-after': 'canary-upstream',
};

/** The commands of its caller fail by an unforeseen error that quotes the token and the secret, as errors of libraries do. */
const UNLUCKY = 'canary-token-of-an-unlucky-caller';

const LISTED = 'get_maintenance_list';

const collector = await startCollector();
const startReplica = useReplicas([collector.stop]);
let upstream: Upstream;
let subgraph: Awaited<ReturnType<typeof startReplica>>;
beforeAll(async () => {
  const NODE_OPTIONS = `--import=${preloadThrowInRequest(UNLUCKY)}`;
  const secrets = { ROUTER_SECRET: SECRET, TOKEN_HEADER, LOG_LEVEL: 'trace', NODE_OPTIONS };
  subgraph = await startReplica({ ...secrets, ...collector.env, BREAKER_FAILURES: '1000' });
  ({ upstream } = subgraph);
});
afterEach(() => upstream.reset());

/** An operation, or a `body` in its place. */
type Asking = Partial<Record<'query' | 'operationName' | 'body' | 'pathname', string>> & {
  variables?: unknown;
  headers?: Record<string, string>;
};

async function ask({ headers, body, pathname = '/graphql', ...operation }: Asking) {
  const sent = {
    ...{ 'content-type': 'application/json', accept: 'application/json', 'router-authorization': SECRET },
    ...{ [TOKEN_HEADER]: TOKEN, authorization: `Bearer ${IDENTITY}`, tracestate: 'canary=header' },
    ...Object.fromEntries(['cookie', 'x-forwarded-for', 'user-agent', 'traceparent'].map((name) => [name, 'canary'])),
    ...headers,
  };
  const init = { method: 'POST', headers: sent, body: body ?? JSON.stringify(operation) };
  const response = await fetch(subgraph.url + pathname, init);
  const text = await response.text();
  const { data, errors = [], extensions } = JSON.parse(text);
  const head = JSON.stringify([response.statusText, ...response.headers]);
  const codes: string[] = errors.map((error: { extensions: { code: string } }) => error.extensions.code);
  const inData = [...JSON.stringify(data ?? null).matchAll(/"code":"([A-Z_]+)"/g)].map(([, code = '']) => code);
  return {
    all: [head, text].join('\n'),
    withoutData: [head, JSON.stringify({ errors, extensions })].join('\n'),
    data: JSON.stringify(data),
    codes,
    distinctCodes: [...new Set([...codes, ...inData])],
  };
}

const represent = (...r: unknown[]): Asking =>
  entities(r, `... on Maintenance { ${fieldsOf('Maintenance').join(' ')} }`);
/** The example of every command, and an entity, with all fields and with the caller's texts. */
const OPERATIONS: Asking[] = [
  ...WIRE.map((example) => {
    const { root, type, args } = example;
    const replace = (_: string, value: unknown) => (value !== R && isSentAsIs(example, value) ? OWN : value);
    return request(root, JSON.parse(JSON.stringify(args, replace)), fieldsOf(type.name).join(' '));
  }),
  represent({ __typename: 'Maintenance', id: 'r:m', description: OWN }),
];
const READS = OPERATIONS.filter(({ query }) => query?.startsWith('query'));

const succeed: Fault = ({ command }) => {
  const list = ['m', 'n', '', undefined].map((id) => ({ ...TICKET, maintenance_id: id }));
  const result = command === LISTED ? list : { ...TICKET, maintenance_id: 'm' };
  return { headers: LEAKY_HEADERS, body: { success: true, result } };
};
function answers(status: number, body: unknown, headers: Record<string, string> = LEAKY_HEADERS): Fault {
  return () => ({ status, body, headers });
}
const NO_HTTP = act((response) => response.socket?.end(`HTTP/1.1 200 OK\r\n${UPSTREAM}\r\n\r\n`));
const RESET = act((response) => response.socket?.resetAndDestroy());
const CUT_OFF = act((response) => {
  response.writeHead(200, { 'content-length': '5000', ...LEAKY_HEADERS });
  response.write(JSON.stringify(LEAKY), () => response.socket?.resetAndDestroy());
});
const [INVALID, UNAVAILABLE] = ['UPSTREAM_INVALID_RESPONSE', 'UPSTREAM_UNAVAILABLE'];

describe('the production server leaks nothing', () => {
  it('of a ticket outside of `data`', async () => {
    upstream.fail(succeed);
    for (const asked of OPERATIONS) {
      const answer = await ask(asked);
      expect(answer.codes).toEqual([]);
      expect(answer.withoutData).not.toMatch(/canary/i);
      if (asked.query?.includes('description')) expect(answer.data).toContain(TEXTS.description);
    }
  });

  it.each([
    ['401', answers(401, LEAKY), 'UNAUTHENTICATED'],
    ['403', answers(403, { errorCode: 'ERR_DIRECT_INVOKE', message: UPSTREAM }), 'FORBIDDEN'],
    ['success: false', answers(409, { ...LEAKY, success: false, result: LEAKY }), 'COMMAND_REJECTED'],
    ['a code that is the token', answers(200, { success: false, code: TOKEN.repeat(2) }), 'COMMAND_REJECTED'],
    ['incomplete JSON', answers(200, JSON.stringify(LEAKY).slice(0, -5)), INVALID],
    ['bytes that are no gzip', answers(200, JSON.stringify(LEAKY), { 'content-encoding': 'gzip' }), INVALID],
    ['bytes that are no HTTP', NO_HTTP, INVALID],
    // The default of MAX_REPLY_BYTES is 2 MiB.
    ['over 2 MiB', answers(200, { success: true, result: UPSTREAM.padEnd(2_100_000) }), INVALID],
    ['503 in HTML', answers(503, `<html>${UPSTREAM}<pre>${STACK}</pre></html>`), UNAVAILABLE],
    ['a reset', RESET, UNAVAILABLE],
    ['a reply that is cut off', CUT_OFF, UNAVAILABLE],
  ])('of a faulty reply: %s', async (_, fault, code) => {
    upstream.fail(fault);
    for (const asked of OPERATIONS) {
      const answer = await ask(asked);
      expect(answer.distinctCodes).toEqual([code]);
      expect(answer.all).not.toMatch(LEAK);
    }
  });

  it('of members that cannot be decoded, beside decoded members', async () => {
    const bad = Object.fromEntries(Object.keys(TICKET).map((name) => [name, { text: `${DATA} ${UPSTREAM}` }]));
    const texts = { state: `${DATA}-state`, start_time: `2024-01-16 13:32:45 ${DATA}` };
    const partly = { ...TICKET, ...texts, maintenance_id: 'm', maintenance_picture_url: [DATA, { url: DATA }] };
    const list = [{ ...bad, maintenance_id: 'm' }, bad, UPSTREAM, partly];
    upstream.fail(({ command }) => ({ body: { success: true, result: command === LISTED ? list : bad } }));
    for (const [index, asked] of READS.entries()) {
      const answer = await ask(asked);
      expect(answer.codes).toEqual(Array(index === 0 ? 11 : 8).fill(INVALID));
      expect(answer.withoutData).not.toMatch(LEAK);
      if (index === 0) expect(answer.data).toContain(TEXTS.contact);
      else expect(answer.data).not.toMatch(LEAK);
    }
  });

  it('of an unforeseen error', async () => {
    for (const asked of OPERATIONS) {
      const answer = await ask({ ...asked, headers: { [TOKEN_HEADER]: UNLUCKY } });
      expect(answer.distinctCodes).toEqual(['INTERNAL_SERVER_ERROR']);
      expect(answer.all).not.toMatch(LEAK);
    }
  });

  const ids = Array.from({ length: 60 }, () => ({ id: OWN }));
  const DELETE = request('deleteMaintenances', { ids });
  const PERSISTED = { extensions: { persistedQuery: { version: 1, sha256Hash: OWN.padEnd(64) } } };
  const [VALIDATION, RESOLUTION] = ['GRAPHQL_VALIDATION_FAILED', 'OPERATION_RESOLUTION_FAILURE'];
  it.each<[string, Asking, string, RegExp?]>([
    ['a malformed token', { query: LIST, headers: { [TOKEN_HEADER]: `${TOKEN} ${TOKEN}` } }, 'UNAUTHENTICATED'],
    ['a malformed id', { query: `{ maintenance(id: "${OWN}") { id } }` }, 'BAD_USER_INPUT'],
    ['a blank contact', create({ contact: ' ' }), 'BAD_USER_INPUT'],
    ['a representation of an unknown type', represent({ __typename: OWN, id: OWN }), 'BAD_USER_INPUT'],
    ['invalid JSON', { body: `{"query":"${OWN}", ${TOKEN}` }, 'BAD_REQUEST'],
    ['a persisted query', { body: JSON.stringify(PERSISTED) }, 'PERSISTED_QUERY_NOT_SUPPORTED'],
    ['an unknown path', { pathname: `/${OWN}?access_token=${TOKEN}` }, 'NOT_FOUND'],
    ['a token in the URL', { query: '', pathname: `/graphql?access_token=${TOKEN}` }, 'BAD_REQUEST'],
    ['a wrong secret', { query: LIST, headers: { 'router-authorization': 'canary' } }, 'ROUTER_UNAUTHENTICATED'],
    ['a field unknown to GraphQL', { query: `{ ${OWN} }` }, VALIDATION],
    ['a syntax error', { query: `{ "${OWN}" }` }, 'GRAPHQL_PARSE_FAILED'],
    ['an unknown operation', { query: 'query A { __typename }', operationName: `${OWN} ü` }, RESOLUTION],
    ['a malformed time', create({ startTime: OWN }), 'BAD_USER_INPUT'],
    ['an object for a text', create({ contact: { [OWN]: OWN } }), 'BAD_USER_INPUT'],
    ['an unknown member', create({ [OWN]: OWN }), 'BAD_USER_INPUT', LEAK_BUT_OWN],
    ['objects for ids', DELETE, 'BAD_USER_INPUT'],
  ])('of a refused request, except the name of an unknown member: %s', async (...row) => {
    const [, asked, code, leak = LEAK] = row;
    const answer = await ask(asked);
    expect(answer.distinctCodes).toEqual([code]);
    expect(answer.all).not.toMatch(leak);
    expect(upstream.commands()).toEqual([]);
  });

  it('in /metrics, health checks, the log and the spans', async () => {
    for (const path of ['/metrics', '/health/live', '/health/ready']) {
      const headers = { 'router-authorization': SECRET, [TOKEN_HEADER]: TOKEN, authorization: `Bearer ${IDENTITY}` };
      const response = await fetch(subgraph.url + path, { headers });
      expect(JSON.stringify([await response.text(), ...response.headers])).not.toMatch(/canary/i);
    }
    upstream.fail(succeed);
    expect((await ask({ query: `query LastOne ${LIST}` })).codes).toEqual([]);

    expect(await subgraph.stop()).toBe(0);
    const texts = [TOKEN, IDENTITY, SECRET, DATA, OWN].map((text) => Buffer.from(text).toString('base64').slice(0, -4));
    const canary = new RegExp(['canary', ...texts].join('|'), 'i');
    const printed = subgraph.output();
    expect([...printed.split('\n'), ...collector.bodies].filter((text) => canary.test(text))).toEqual([]);
    expect(printed).toContain('"operationName":"LastOne"');
    expect(printed).toContain('"msg":"unforeseen error"');
    expect(printed).toContain('"err":{"type":"TypeError","stack":"at unforeseenError ');
    expect(collector.spans.map(({ name }) => name)).toEqual(expect.arrayContaining(['query', LISTED]));
  });
});
