/** The headers of a request: which tokens are usable, and which headers go to the command API. */
import { describe, expect, it } from '@jest/globals';
import { EXAMPLE } from '../../dev/seed.ts';
import { request, sendBytes } from '../support/raw-http.ts';
import { NEW_MAINTENANCE, ROUTER_SECRET } from '../support/subgraph.ts';
import { TOKENS } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const LIST = `{ maintenances(residenceId: "${R}") { id } }`;
const TOKEN = EXAMPLE.token;
const BEARER = `authorization: Bearer ${TOKEN}`;
const USUAL = ['content-type: application/json', 'accept: application/json', 'connection: close', 'host: x'];

const subgraph = useSubgraph();

/** Sends an operation with these header lines. A line of `connection`, `accept` or `host` replaces the usual line. */
async function sendLines(lines: readonly string[], query = LIST, variables = {}) {
  const nameOf = (line: string) => line.split(':')[0];
  const usual = USUAL.filter((line) => !lines.some((other) => nameOf(other) === nameOf(line)));
  const head = ['POST /graphql HTTP/1.1', `router-authorization: ${ROUTER_SECRET}`, ...usual, ...lines];
  const answers = await sendBytes(subgraph.url, request(head, JSON.stringify({ query, variables })));
  expect(answers).toHaveLength(1);
  return { status: answers[0]?.status, json: JSON.parse(answers[0]?.body ?? '') };
}

/** Sends an operation with these header lines and returns the header lines of its command, names in lower case. */
async function forward(lines: readonly string[]): Promise<string[][]> {
  let sent: string[] = [];
  subgraph.upstream.fail((_, { req }) => {
    sent = req.rawHeaders;
    return undefined;
  });
  await sendLines(lines);
  expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
  return sent.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), sent[i + 1] ?? '']] : [])).sort();
}

/** Returns the header lines of a command. */
const toLines = (authorization: string, traceparent?: string) => [
  ['accept', 'application/json'],
  ['accept-encoding', 'gzip'],
  ['authorization', authorization],
  ['connection', 'keep-alive'],
  ['content-length', String(subgraph.upstream.received[0]?.body.length)],
  ['content-type', 'application/json'],
  ['host', new URL(subgraph.upstream.url).host],
  ...(traceparent ? [['traceparent', traceparent]] : []),
  ['user-agent', 'maintenance-subgraph'],
];

describe('a request without a usable token', () => {
  it.each([
    ['no header', []],
    ['an empty header', ['authorization:']],
    ['an empty header before a token', ['authorization:', BEARER]],
    ['Basic before a token', ['authorization: Basic dXNlcjpwYXNz', BEARER]],
    ['Bearer without a token', ['authorization: Bearer   ']],
    ['a token without a scheme', [`authorization: ${TOKEN}`]],
    ['a word before the scheme', [`authorization: X Bearer ${TOKEN}`]],
    ['two tokens', [`authorization: Bearer ${TOKEN}, Bearer ${TOKENS.second}`]],
    ['other headers with a token', [`proxy-authorization: Bearer ${TOKEN}`, `cookie: authorization=Bearer ${TOKEN}`]],
  ])('gets UNAUTHENTICATED at each data field, and sends no command: %s', async (_, lines) => {
    const query = `query ($r: [_Any!]!) {
      __typename _service { sdl } maintenances(residenceId: "") { id } maintenance(id: "malformed") { id }
      _entities(representations: $r) { ... on Maintenance { id } ... on Residence { id maintenances(first: -1) { id } } }
    }`;
    const r = [{ __typename: 'Maintenance' }, { __typename: 'Residence', id: R }];
    const { status, json } = await sendLines(lines, query, { r });
    expect(status).toBe(200);
    expect(json.data).toEqual({
      __typename: 'Query',
      _service: { sdl: expect.stringContaining('type Maintenance') },
      maintenances: null,
      maintenance: null,
      _entities: [null, { id: R, maintenances: null }],
    });
    const errors = json.errors as { path: string[]; extensions: { code: string } }[];
    const places = ['_entities.0', '_entities.1.maintenances', 'maintenance', 'maintenances'];
    const found = errors.map(({ path, extensions }) => `${extensions.code} ${path.join('.')}`);
    expect(found.sort()).toEqual(places.map((place) => `UNAUTHENTICATED ${place}`));
    expect(subgraph.upstream.commands()).toEqual([]);
    expect(subgraph.logText()).not.toContain(TOKEN);
  });
});

describe('the command API', () => {
  it.each([
    ['without outer white space', [`AUTHORIZATION: \t  BEARER ${TOKEN} \t `], `BEARER ${TOKEN}`],
    ['of 15 KB', [`authorization: Bearer ${'x'.repeat(15_000)}`], `Bearer ${'x'.repeat(15_000)}`],
    ['that is the first of two', [BEARER, `authorization: Bearer ${TOKENS.second}`], `Bearer ${TOKEN}`],
  ])('gets the Authorization header unchanged: %s', async (_, lines, expected) => {
    expect(await forward(lines)).toEqual(toLines(expected));
  });

  const [TRACE, SPAN] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
  const TRACEPARENT = `00-${TRACE}-${SPAN}-01`;
  const FOREIGN = `x-forwarded-for x-forwarded-host x-real-ip forwarded via keep-alive proxy-connection
    proxy-authorization te trailer cookie set-cookie accept accept-language accept-encoding user-agent referer origin from
    x-canary range if-none-match cache-control x-http-method-override x-api-key apollo-require-preflight
    apollo-federation-include-trace tracestate baggage b3 x-b3-traceid __proto__ constructor`.split(/\s+/);

  it('gets no other header of the caller, except a valid traceparent', async () => {
    const lines = ['host: canary.example', 'connection: close, authorization, x-canary', `traceparent: ${TRACEPARENT}`];
    const foreign = FOREIGN.map((name) => `${name}: ${name === 'accept' ? 'application/json, text/' : ''}canary`);
    expect(await forward([BEARER, ...lines, ...foreign])).toEqual(toLines(`Bearer ${TOKEN}`, TRACEPARENT));
    expect(subgraph.logs()).toMatchObject([{ codes: [] }]);
    expect(subgraph.logText()).not.toContain('canary');
  });

  it.each([
    ['a traceparent of a later version that is not sampled', [`01-${TRACE}-${SPAN}-00`], `01-${TRACE}-${SPAN}-00`],
    ['no traceparent with a longer trace id', [`00-${TRACE}0-${SPAN}-01`], undefined],
    ['no traceparent with a trace id of zeros', [`00-${'0'.repeat(32)}-${SPAN}-01`], undefined],
    ['no traceparent after another word', [`x ${TRACEPARENT}`], undefined],
    ['neither of two traceparents', [TRACEPARENT, `00-${TRACE}-${SPAN}-00`], undefined],
  ])('gets %s', async (_, values, expected) => {
    const sent = await forward([BEARER, ...values.map((value) => `traceparent: ${value}`)]);
    expect(sent).toEqual(toLines(`Bearer ${TOKEN}`, expected));
  });
});

it('two callers never get each other’s data, in 960 rounds of simultaneous operations', async () => {
  const operations = [
    'query ($id: ID!) { maintenances(residenceId: $id) { description } }',
    'query ($m1: ID!) { maintenance(id: $m1) { description } }',
    'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Maintenance { description } } }',
    'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { maintenance { description } } }',
  ];
  const toVariables = (id: string) => ({
    id,
    m1: `${id}:m1`,
    input: { ...NEW_MAINTENANCE, residenceId: id },
    r: ['m1', 'm2'].map((m) => ({ __typename: 'Maintenance', id: `${id}:${m}` })),
  });
  // Each description is the Authorization header of the command; every third reply is late.
  subgraph.upstream.fail(({ command, headers: { authorization: description } }, response) => {
    const ticket = { maintenance_id: 'm1', description };
    const result = command === 'get_maintenance_list' ? [ticket, { ...ticket, maintenance_id: 'm2' }] : ticket;
    const reply = () => response.end(JSON.stringify({ success: true, result }));
    if (subgraph.upstream.received.length % 3 === 0) setImmediate(() => setImmediate(reply));
    else reply();
    return 'taken';
  });

  async function ask(operation: number, residenceId: string, token: string): Promise<void> {
    const query = operations[operation % 4] ?? '';
    const { data } = await subgraph.ask(query, { token, variables: toVariables(residenceId) });
    const descriptions = JSON.stringify(data).match(/(?<="description":")[^"]*/g);
    expect(new Set(descriptions)).toEqual(new Set([`Bearer ${token}`]));
  }
  // 3 residences × 4 operations of one caller × 4 of the other × 2 orders × 10.
  const rounds = Array(960).keys();
  const run = async () => {
    for (const i of rounds) {
      const [one = '', other = ''] = i % 96 < 48 ? [TOKENS.first, TOKENS.second] : [TOKENS.second, TOKENS.first];
      const residenceId = `r${i % 3}`;
      await Promise.all([ask(Math.floor(i / 3), residenceId, one), ask(Math.floor(i / 12), residenceId, other)]);
    }
  };
  await Promise.all(Array.from({ length: 20 }, run));
  for (const token of Object.values(TOKENS)) expect(subgraph.logText()).not.toContain(token);
});
