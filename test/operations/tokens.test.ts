/** Usable tokens, the headers of a command, and the separation of callers. */
import { expect, it } from '@jest/globals';
import { type GraphqlError, NEW_MAINTENANCE, ROUTER_SECRET } from '../support/ask.ts';
import { LIST, R, times } from '../support/maintenance/requests.ts';
import { request, sendBytes } from '../support/raw-http.ts';
import { TOKENS } from '../support/upstream.ts';
import { type Subgraph, useSubgraph } from '../support/use-subgraph.ts';

const { first: TOKEN, second: OTHER } = TOKENS;
const BEARER = `authorization: Bearer ${TOKEN}`;
const USUAL = ['content-type: application/json', 'accept: application/json', 'connection: close', 'host: x'];
const LONG = `Bearer ${'x'.repeat(15_000)}`;
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const subgraph = useSubgraph();
const VENDOR = 'X-Vendor-Authorization';
const ofVendor = useSubgraph({ TOKEN_HEADER: VENDOR });
// The command API would accept it, so that sending it would succeed.
const IDENTITY = `authorization: Bearer ${OTHER}`;

/** Sends an operation with these header lines. They replace usual lines of the same name. */
async function sendLines(lines: readonly string[], query = LIST, variables = {}, { url } = subgraph) {
  const nameOf = (line: string) => line.split(':')[0];
  const usual = USUAL.filter((line) => !lines.some((other) => nameOf(other) === nameOf(line)));
  const head = ['POST /graphql HTTP/1.1', `router-authorization: ${ROUTER_SECRET}`, ...usual, ...lines];
  const answers = await sendBytes(url, request(head, JSON.stringify({ query, variables })));
  expect(answers).toMatchObject([{ status: 200 }]);
  return JSON.parse(answers[0]?.body ?? '');
}

it.each<[string, string[], Subgraph?]>([
  ['no header', []],
  ['an empty header before a token', ['authorization:', BEARER]],
  ['two headers', [BEARER, `Authorization: Bearer ${OTHER}`]],
  ['two tokens in one header', [`${BEARER}, Bearer ${OTHER}`]],
  ['another scheme', [`authorization: Basic ${TOKEN}`]],
  ['a byte beyond ASCII', [`${BEARER}\xe9`]],
  ['other headers with a token', [`proxy-${BEARER}`, `cookie: authorization=Bearer ${TOKEN}`]],
  ['only Authorization, beside TOKEN_HEADER', [IDENTITY], ofVendor],
  ['an empty TOKEN_HEADER before a token', [IDENTITY, `${VENDOR}:`, `${VENDOR}: ${TOKEN}`], ofVendor],
  ['Bearer without a token in TOKEN_HEADER', [IDENTITY, `${VENDOR}: Bearer `], ofVendor],
  ['another scheme in TOKEN_HEADER', [IDENTITY, `${VENDOR}: Basic ${TOKEN}`], ofVendor],
  ['a byte beyond ASCII in TOKEN_HEADER', [IDENTITY, `${VENDOR}: ${TOKEN}\xe9`], ofVendor],
])(
  'a request without a usable token gets UNAUTHENTICATED at each data field, and sends nothing: %s',
  async (_, lines, server = subgraph) => {
    const query = `query ($r: [_Any!]!) {
    __typename _service { sdl } maintenances(residenceId: "") { id } maintenance(id: "malformed") { id }
    _entities(representations: $r) { ... on Maintenance { id } ... on Residence { id maintenances(first: -1) { id } } }
  }`;
    const r = [{ __typename: 'Maintenance' }, { __typename: 'Residence', id: R }];
    const { data, errors } = await sendLines(lines, query, { r }, server);
    const _service = { sdl: expect.stringContaining('type Maintenance') };
    const nulls = { maintenances: null, maintenance: null, _entities: [null, { id: R, maintenances: null }] };
    expect(data).toEqual({ __typename: 'Query', _service, ...nulls });
    const paths = ['_entities.0', '_entities.1.maintenances', 'maintenance', 'maintenances'];
    const found = (errors as GraphqlError[]).map(({ path, extensions }) => `${extensions.code} ${path?.join('.')}`);
    expect(found.sort()).toEqual(paths.map((path) => `UNAUTHENTICATED ${path}`));
    const form = server === ofVendor ? 'x-vendor-authorization: <token>' : 'Authorization: Bearer <token>';
    for (const { message } of errors) expect(message).toContain(`the header "${form}"`);
    expect(server.upstream.commands()).toEqual([]);
    expect(server.logText()).not.toMatch(new RegExp(`${TOKEN}|${OTHER}`));
  },
);

/** Headers that concern only the connection of the caller, or that names of object members could confuse. */
const FOREIGN = `keep-alive proxy-connection proxy-authorization te trailer cookie set-cookie accept x-canary
  x-api-key __proto__ constructor`.split(/\s+/);

it.each<[string, string[], object]>([
  ['a token of 15 KB', [`authorization: ${LONG}`], { authorization: LONG }],
  ['the token after another spelling of Bearer', [`AUTHORIZATION: bEARER   ${TOKEN} `], {}],
  ['a valid traceparent', [BEARER, `traceparent: ${TRACEPARENT}`], { traceparent: TRACEPARENT }],
  ['no traceparent of zeros', [BEARER, `traceparent: ${TRACEPARENT.replace(/\w{32}/, '0'.repeat(32))}`], {}],
  [
    'no header of the connection, and no unknown header',
    [
      ...[BEARER, 'host: canary.example', 'connection: close, authorization, x-canary'],
      ...FOREIGN.map((name) => `${name}: ${name === 'accept' ? 'application/json, text/' : ''}canary`),
    ],
    {},
  ],
])('the command API gets %s', async (_, lines, expected) => {
  await sendLines(lines);
  expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  const [{ headers, body } = { headers: {}, body: '' }] = subgraph.upstream.received;
  expect(headers).toEqual({
    accept: 'application/json',
    'accept-encoding': 'gzip',
    authorization: `Bearer ${TOKEN}`,
    connection: 'keep-alive',
    'content-length': String(body.length),
    'content-type': 'application/json',
    host: new URL(subgraph.upstream.url).host,
    'user-agent': 'maintenance-subgraph',
    ...expected,
  });
  expect(subgraph.logText()).not.toContain('canary');
});

it.each([
  ['a token', `${VENDOR}: ${TOKEN}`],
  ['a token after Bearer', `${VENDOR.toUpperCase()}: bearer  ${TOKEN} `],
])('the command API gets the token of TOKEN_HEADER, and nothing of Authorization: %s', async (_, line) => {
  for (const lines of [[line], [IDENTITY, line], [line, IDENTITY, IDENTITY]]) {
    const { data } = await sendLines(lines, LIST, {}, ofVendor);
    expect(data.maintenances).toHaveLength(1);
  }
  const sent = ofVendor.upstream.received.map(({ headers }) => headers);
  expect(sent.map(({ authorization }) => authorization)).toEqual(Array(3).fill(`Bearer ${TOKEN}`));
  expect(JSON.stringify(sent)).not.toMatch(new RegExp(`${OTHER}|${VENDOR}`, 'i'));
  expect(ofVendor.logText()).not.toMatch(new RegExp(`${TOKEN}|${OTHER}`));
});

it('two callers never get each other’s data, in simultaneous operations', async () => {
  const operations = [
    'query ($id: ID!) { maintenances(residenceId: $id) { description } }',
    'query ($m1: ID!) { maintenance(id: $m1) { description } }',
    'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Maintenance { description } } }',
    'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { maintenance { description } } }',
  ];
  // Each description is the Authorization header of the command.
  subgraph.upstream.fail(({ command, headers: { authorization: description } }) => {
    const ticket = { maintenance_id: 'm1', description };
    const result = command === 'get_maintenance_list' ? [ticket, { ...ticket, maintenance_id: 'm2' }] : ticket;
    return { body: { success: true, result } };
  });
  // Of each caller, each operation on each of three residences, 20 times.
  const asked = times(480, async (index) => {
    const [token, id] = [index % 2 === 0 ? TOKEN : OTHER, `r${index % 3}`];
    const r = ['m1', 'm2'].map((m) => ({ __typename: 'Maintenance', id: `${id}:${m}` }));
    const variables = { id, m1: r[0]?.id, r, input: { ...NEW_MAINTENANCE, residenceId: id } };
    const query = String(operations[Math.floor(index / 6) % 4]);
    const { data, errors } = await subgraph.ask(query, { token, variables });
    const descriptions = JSON.stringify(data).match(/(?<="description":")[^"]*/g);
    expect([errors, new Set(descriptions)]).toEqual([[], new Set([`Bearer ${token}`])]);
  });
  await Promise.all(asked);
  expect(subgraph.logText()).not.toMatch(new RegExp(`${TOKEN}|${OTHER}`));
});
