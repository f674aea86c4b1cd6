/**
 * Nothing secret leaves the process. Every secret text is a canary. The tests search for canaries in the responses, the
 * metrics, the log (at level trace) and the spans of the production server.
 */
import { afterEach, beforeAll, expect, it } from '@jest/globals';
import { postTo } from '../support/ask.ts';
import { startCollector } from '../support/collector.ts';
import { create, deleteMany, entities, LIST, R, request, times } from '../support/maintenance/requests.ts';
import { fieldsOf } from '../support/maintenance/schema.ts';
import { isSentAsIs, WIRE } from '../support/maintenance/wire.ts';
import { preloadThrowInRequest } from '../support/unforeseen.ts';
import { act, type Fault } from '../support/upstream.ts';
import { useReplicas } from '../support/use-replicas.ts';

const SECRET = 'canary-secret-of-the-router';
const TOKEN = 'canary-token-0123456789abcdef';
/** A token that is not for the command API. */
const IDENTITY = 'canary-identity-0123456789abcdef';
const TOKEN_HEADER = 'x-vendor-authorization';
/** The commands of this caller fail by an unforeseen error that quotes token and secret, as errors of libraries do. */
const UNLUCKY = 'canary-token-of-an-unlucky-caller';
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
const HEADER_NAMES = ['server', 'set-cookie', 'x-error', 'www-authenticate', 'location', 'retry-after'];
const LEAKY_HEADERS = Object.fromEntries(HEADER_NAMES.map((name) => [name, 'http://canary-upstream.example/']));

const collector = await startCollector();
const startReplica = useReplicas([collector.stop]);
let subgraph: Awaited<ReturnType<typeof startReplica>>;
beforeAll(async () => {
  const NODE_OPTIONS = `--import=${preloadThrowInRequest(UNLUCKY)}`;
  const secrets = { ROUTER_SECRET: SECRET, TOKEN_HEADER, LOG_LEVEL: 'trace', NODE_OPTIONS, BREAKER_FAILURES: '1000' };
  // The last spans leave on shutdown.
  subgraph = await startReplica({ ...secrets, ...collector.env, OTEL_BSP_SCHEDULE_DELAY: '3600000' });
});
afterEach(() => subgraph.upstream.reset());

/** An operation, or a `body` in its place. */
type Asking = Partial<Record<'query' | 'operationName' | 'body' | 'pathname', string>> & {
  variables?: unknown;
  headers?: Record<string, string> | undefined;
};
const HEADERS = {
  ...{ 'router-authorization': SECRET, [TOKEN_HEADER]: TOKEN, tracestate: 'canary=header', traceparent: 'canary' },
  ...{ cookie: 'canary', 'x-forwarded-for': 'canary', 'user-agent': 'canary' },
};

async function ask({ headers, body, pathname = '/graphql', ...operation }: Asking) {
  const sending = { token: IDENTITY, headers: { ...HEADERS, ...headers } };
  const answer = await postTo(subgraph.url + pathname, body ?? JSON.stringify(operation), sending);
  const data = JSON.stringify(answer.data ?? null);
  const withoutData = JSON.stringify([[...answer.headers], answer.errors, answer.extensions]);
  const inData = [...data.matchAll(/"code":"([A-Z_]+)"/g)].map(([, code]) => code);
  const codes = new Set([...answer.errors.map(({ extensions }) => extensions.code), ...inData]);
  return { codes: [...codes], data, withoutData, all: withoutData + data };
}

const represent = (...r: unknown[]) => entities(r, `... on Maintenance { ${fieldsOf('Maintenance').join(' ')} }`);
/** The example of every command, and an entity, with all fields and with the caller's texts. */
const OPERATIONS: Asking[] = [
  ...WIRE.map((example) => {
    const { root, type, args } = example;
    const replace = (_: string, value: unknown) => (value !== R && isSentAsIs(example, value) ? OWN : value);
    return request(root, JSON.parse(JSON.stringify(args, replace)), fieldsOf(type.name).join(' '));
  }),
  represent({ __typename: 'Maintenance', id: 'r:m', description: OWN }),
];

const LISTED = 'get_maintenance_list';
const succeed: Fault = ({ command }) => {
  const list = ['m', 'n', '', undefined].map((id) => ({ ...TICKET, maintenance_id: id }));
  const result = command === LISTED ? list : { ...TICKET, maintenance_id: 'm' };
  return { headers: LEAKY_HEADERS, body: { success: true, result } };
};
const answers =
  (status: number, body: unknown): Fault =>
  () => ({ status, body, headers: LEAKY_HEADERS });
const CUT_OFF = act((response) => {
  response.writeHead(200, { 'content-length': '5000', ...LEAKY_HEADERS });
  response.write(JSON.stringify(LEAKY), () => response.socket?.resetAndDestroy());
});
const [INVALID, UNAVAILABLE] = ['UPSTREAM_INVALID_RESPONSE', 'UPSTREAM_UNAVAILABLE'];

it('a ticket leaves in `data` alone', async () => {
  subgraph.upstream.fail(succeed);
  for (const asked of OPERATIONS) {
    const answer = await ask(asked);
    expect(answer.codes).toEqual([]);
    expect(answer.withoutData).not.toMatch(/canary/i);
    if (asked.query?.includes('description')) expect(answer.data).toContain(TEXTS.description);
  }
});

it.each<[string, Fault | undefined, string, Asking['headers']?]>([
  ['401', answers(401, LEAKY), 'UNAUTHENTICATED'],
  ['success: false', answers(409, { ...LEAKY, success: false, result: LEAKY }), 'COMMAND_REJECTED'],
  ['incomplete JSON', answers(200, JSON.stringify(LEAKY).slice(0, -5)), INVALID],
  // The default of MAX_REPLY_BYTES is 2 MiB.
  ['over 2 MiB', answers(200, { success: true, result: UPSTREAM.padEnd(2_100_000) }), INVALID],
  ['503 in HTML', answers(503, `<html>${UPSTREAM}<pre>${STACK}</pre></html>`), UNAVAILABLE],
  ['a reply that is cut off', CUT_OFF, UNAVAILABLE],
  ['an unforeseen error', undefined, 'INTERNAL_SERVER_ERROR', { [TOKEN_HEADER]: UNLUCKY }],
])('nothing of a failure leaves: %s', async (...[, fault, code, headers]) => {
  subgraph.upstream.fail(fault);
  for (const asked of OPERATIONS) {
    const answer = await ask({ ...asked, headers });
    expect(answer.codes).toEqual([code]);
    expect(answer.all).not.toMatch(LEAK);
  }
});

it('nothing of undecodable members leaves, beside decoded members', async () => {
  const bad = Object.fromEntries(Object.keys(TICKET).map((name) => [name, { text: `${DATA} ${UPSTREAM}` }]));
  const texts = { state: `${DATA}-state`, start_time: `2024-01-16 13:32:45 ${DATA}`, description: 'decoded' };
  const partly = { ...bad, ...texts, maintenance_id: 'm', maintenance_picture_url: [DATA, { url: DATA }] };
  const list = [{ ...bad, maintenance_id: 'n' }, bad, UPSTREAM, partly];
  subgraph.upstream.fail(({ command }) => ({ body: { success: true, result: command === LISTED ? list : partly } }));
  for (const asked of OPERATIONS.filter(({ query }) => query?.startsWith('query'))) {
    const answer = await ask(asked);
    expect(answer.codes).toEqual([INVALID]);
    expect(answer.data).toContain('decoded');
    expect(answer.all).not.toMatch(LEAK);
  }
});

const PERSISTED = { extensions: { persistedQuery: { version: 1, sha256Hash: OWN.padEnd(64) } } };
it.each<[string, Asking, string, RegExp?]>([
  ['a malformed token', { query: LIST, headers: { [TOKEN_HEADER]: `${TOKEN} ${TOKEN}` } }, 'UNAUTHENTICATED'],
  ['a malformed id', { query: `{ maintenance(id: "${OWN}") { id } }` }, 'BAD_USER_INPUT'],
  ['a representation of an unknown type', represent({ __typename: OWN, id: OWN }), 'BAD_USER_INPUT'],
  ['invalid JSON', { body: `{"query":"${OWN}", ${TOKEN}` }, 'BAD_REQUEST'],
  ['a persisted query', { body: JSON.stringify(PERSISTED) }, 'PERSISTED_QUERY_NOT_SUPPORTED'],
  ['an unknown path', { pathname: `/${OWN}?access_token=${TOKEN}` }, 'NOT_FOUND'],
  ['a token in the URL', { query: '', pathname: `/graphql?access_token=${TOKEN}` }, 'BAD_REQUEST'],
  ['a wrong secret', { query: LIST, headers: { 'router-authorization': 'canary' } }, 'ROUTER_UNAUTHENTICATED'],
  ['a field unknown to GraphQL', { query: `{ ${OWN} }` }, 'GRAPHQL_VALIDATION_FAILED'],
  ['a syntax error', { query: `{ "${OWN}" }` }, 'GRAPHQL_PARSE_FAILED'],
  ['no such operation', { query: 'query A { __typename }', operationName: `${OWN} ü` }, 'OPERATION_RESOLUTION_FAILURE'],
  ['a malformed time, a blank text', create({ startTime: OWN, contact: ' ' }), 'BAD_USER_INPUT'],
  ['an unknown member, an object', create({ [OWN]: OWN, contact: { x: TOKEN } }), 'BAD_USER_INPUT', LEAK_BUT_OWN],
  ['objects for ids', deleteMany(times(60, () => ({ id: OWN }))), 'BAD_USER_INPUT'],
])(
  'nothing of a refused request leaves, except the name of an unknown member: %s',
  async (...[, asked, code, leak = LEAK]) => {
    const answer = await ask(asked);
    expect(answer.codes).toEqual([code]);
    expect(answer.all).not.toMatch(leak);
    expect(subgraph.upstream.commands()).toEqual([]);
  },
);

it('no secret is in /metrics, health checks, the log and the spans, of which the last leave on shutdown', async () => {
  const headers = { ...HEADERS, authorization: `Bearer ${IDENTITY}` };
  await fetch(`${subgraph.url}/canary`, { method: 'PROPFIND', headers });
  const texts = ['/metrics', '/health/live', '/health/ready'].map(async (path) => {
    const answer = await fetch(subgraph.url + path, { headers });
    const text = await answer.text();
    const sent = JSON.stringify([text, ...answer.headers]);
    expect([answer.status, sent]).toEqual([200, expect.not.stringMatching(/canary/i)]);
    return text;
  });
  const [metrics] = await Promise.all(texts);
  expect(metrics).toContain('http_request_method="_OTHER",http_route="",http_response_status_code="404"');
  subgraph.upstream.fail(succeed);
  expect((await ask({ query: `query LastOne ${LIST}` })).codes).toEqual([]);
  expect(collector.bodies.join('')).not.toContain('LastOne');

  expect(await subgraph.stop()).toBe(0);
  const encoded = [TOKEN, IDENTITY, SECRET, DATA, OWN].map((text) => Buffer.from(text).toString('base64').slice(0, -4));
  const canary = new RegExp(['canary', ...encoded].join('|'), 'i');
  const printed = subgraph.output();
  expect([...printed.split('\n'), ...collector.bodies].filter((text) => canary.test(text))).toEqual([]);
  expect(printed).toContain('"operationName":"LastOne"');
  expect(printed).toContain('"msg":"unforeseen error"');
  expect(printed).toContain('"err":{"type":"TypeError","stack":"at unforeseenError ');
  expect(collector.bodies.join('')).toContain('LastOne');
});
