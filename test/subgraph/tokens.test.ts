/**
 * Tokens and headers: what a caller may send as one, and what of a request goes on to the command API.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EXAMPLE } from '../../dev/seed.ts';
import { type RawAnswer, request, sendBytes } from '../support/raw-http.ts';
import { codes, ROUTER_SECRET } from '../support/subgraph.ts';
import { TOKENS } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const LIST = `{ maintenances(residenceId: "${R}") { id } }`;
const TOKEN = EXAMPLE.token;
/** What an upstream request has of ours, whatever the caller sent. */
const OURS = [
  'accept',
  'accept-encoding',
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'host',
  'user-agent',
];

const subgraph = useSubgraph();

/** Sends an operation with these header lines, as bytes; one named `host` comes in place of the usual. */
async function askWith(lines: readonly string[], query = LIST): Promise<RawAnswer> {
  const usual = [
    `router-authorization: ${ROUTER_SECRET}`,
    'content-type: application/json',
    'accept: application/json',
    'connection: close',
    'host: subgraph.example',
  ].filter(
    (line) =>
      !lines.some(
        (given) =>
          /^(host|connection|accept|router-authorization):/i.exec(given)?.[0].toLowerCase() === line.split(' ')[0],
      ),
  );
  const [answer, ...others] = await sendBytes(
    subgraph.url,
    request(['POST /graphql HTTP/1.1', ...usual, ...lines], JSON.stringify({ query })),
  );
  if (!answer || others.length > 0) throw new Error(`${others.length + 1} answers`);
  return answer;
}

/** Keeps the header lines of every upstream request as they arrived, repeated ones too, which Node joins or drops. */
function recordLines(): [string, string][][] {
  const requests: [string, string][][] = [];
  subgraph.upstream.fail((_, response) => {
    const { rawHeaders } = response.req;
    const lines = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), rawHeaders[i + 1] ?? '']] : []));
    requests.push(lines as [string, string][]);
    return undefined;
  });
  return requests;
}

const codesOf = ({ body }: RawAnswer) =>
  codes({ errors: JSON.parse(body).errors ?? [] } as Parameters<typeof codes>[0]);

describe('no token to use: UNAUTHENTICATED and no command', () => {
  it.each([
    ['Basic before Bearer', ['authorization: Basic dXNlcjpwYXNz', `authorization: Bearer ${TOKEN}`]],
    ['an empty one before Bearer', ['authorization:', `authorization: Bearer ${TOKEN}`]],
    ['two tokens with a comma between', [`authorization: Bearer ${TOKEN}, Bearer ${TOKENS.second}`]],
    ['a tab before the token', [`authorization: Bearer\t${TOKEN}`]],
    ['a tab within the token', [`authorization: Bearer a\t${TOKEN}`]],
    ['no space before the token', [`authorization: Bearer${TOKEN}`]],
    ['a quoted scheme', [`authorization: "Bearer" ${TOKEN}`]],
    ['another scheme that begins as ours', [`authorization: BearerX ${TOKEN}`]],
    ['Bearer and nothing but spaces', ['authorization: Bearer    ']],
    ['Digest', ['authorization: Digest username="x"']],
    ['UTF-8 bytes', [`authorization: Bearer t${Buffer.from('ö').toString('latin1')}k`]],
    ['a no-break space', ['authorization: Bearer\u00a0token']],
    ['Proxy-Authorization', [`proxy-authorization: Bearer ${TOKEN}`]],
    ['X-Authorization', [`x-authorization: Bearer ${TOKEN}`]],
    ['a cookie', [`cookie: authorization=Bearer ${TOKEN}`]],
    ['Router-Authorization alone', [`router-authorization: ${ROUTER_SECRET}`]],
  ])('%s', async (_, lines) => {
    const answer = await askWith(lines);
    expect(answer.status).toBe(200);
    expect(codesOf(answer)).toEqual([['UNAUTHENTICATED', 'maintenances']]);
    expect(subgraph.upstream.commands()).toEqual([]);
    expect(subgraph.logText()).not.toContain(TOKEN);
  });
});

describe('no HTTP at all: 400 and no command', () => {
  it.each([
    ['a bare CR in the token', `authorization: Bearer a\rb`],
    ['a bare LF in the token', `authorization: Bearer a\nb`],
    ['a bare LF and a header', `authorization: Bearer a\nx-evil: 1`],
    ['NUL in the token', `authorization: Bearer a\u0000b`],
    ['a line that goes on after CRLF', `authorization: Bearer a\r\n b`],
    ['a space before the colon', `authorization : Bearer ${TOKEN}`],
  ])('%s', async (_, line) => {
    const answer = await askWith([line]);
    expect(answer.status).toBe(400);
    expect(subgraph.upstream.commands()).toEqual([]);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
  });

  it('a token of 64 KB: 431', async () => {
    const answer = await askWith([`authorization: Bearer ${'x'.repeat(65_536)}`]);
    expect(answer.status).toBe(431);
    expect(subgraph.upstream.commands()).toEqual([]);
    expect((await subgraph.ask(LIST)).errors).toEqual([]);
  });
});

describe('the one Authorization that goes upstream', () => {
  it.each([
    ['as it came', [`authorization: Bearer ${TOKEN}`], `Bearer ${TOKEN}`],
    ['with a lower-case scheme', [`authorization: bearer ${TOKEN}`], `bearer ${TOKEN}`],
    ['with an upper-case scheme and name', [`AUTHORIZATION: BEARER ${TOKEN}`], `BEARER ${TOKEN}`],
    ['without the white space around it', [`authorization: \t  Bearer ${TOKEN} \t `], `Bearer ${TOKEN}`],
    ['with two spaces inside', [`authorization: Bearer  ${TOKEN}`], `Bearer  ${TOKEN}`],
    ['of 15 KB', [`authorization: Bearer ${'x'.repeat(15_000)}`], `Bearer ${'x'.repeat(15_000)}`],
    [
      'with every visible character',
      ['authorization: Bearer !"#$%&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~'],
      'Bearer !"#$%&\'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~',
    ],
    [
      'the first of two',
      [`authorization: Bearer ${TOKEN}`, `authorization: Bearer ${TOKENS.second}`],
      `Bearer ${TOKEN}`,
    ],
    [
      'the first, before one of another scheme',
      [`authorization: Bearer ${TOKEN}`, 'authorization: Basic eA=='],
      `Bearer ${TOKEN}`,
    ],
    ['the first, before a broken one', [`authorization: Bearer ${TOKEN}`, 'authorization:'], `Bearer ${TOKEN}`],
    ['with a header after it that is none of ours', [`authorization: Bearer ${TOKEN}\r\nx-evil: 1`], `Bearer ${TOKEN}`],
  ])('%s', async (_, lines, expected) => {
    const requests = recordLines();
    await askWith(lines);
    expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
    const [sent = []] = requests;
    expect(sent.filter(([name]) => name === 'authorization')).toEqual([['authorization', expected]]);
    expect(sent.map(([name]) => name).sort()).toEqual(OURS);
  });
});

describe('no other header of the caller’s goes upstream', () => {
  const BEARER = `authorization: Bearer ${TOKEN}`;
  /** Those by which the log tells requests and clients apart. */
  const LOGGED = /^(x-request-id|apollographql-client-name):/;
  it.each([
    'x-forwarded-for: canary',
    'x-forwarded-host: canary',
    'x-forwarded-proto: canary',
    'x-real-ip: canary',
    'forwarded: for=canary',
    'via: 1.1 canary',
    'connection: close, x-canary',
    'connection: close, authorization',
    'keep-alive: timeout=canary',
    'proxy-connection: canary',
    'proxy-authorization: Bearer canary',
    'proxy-authenticate: canary',
    'te: trailers, canary',
    'trailer: canary',
    'cookie: session=canary',
    'set-cookie: session=canary',
    'host: canary.example',
    'accept: application/json, text/canary',
    'accept-language: canary',
    'accept-encoding: canary',
    'accept-charset: canary',
    'user-agent: canary',
    'referer: http://canary.example/',
    'origin: http://canary.example',
    'from: canary@example.com',
    'range: bytes=canary',
    'if-none-match: "canary"',
    'cache-control: canary',
    'x-http-method-override: canary',
    'x-api-key: canary',
    'apollographql-client-name: canary',
    'apollo-federation-include-trace: ftv1',
    'apollo-require-preflight: canary',
    'tracestate: canary=1',
    'baggage: user=canary',
    'x-request-id: canary',
    'x-b3-traceid: canary',
    'b3: canary',
    'uber-trace-id: canary',
    '__proto__: canary',
    'constructor: canary',
    'traceparent: canary',
  ])('%s', async (line) => {
    const requests = recordLines();
    const answer = await askWith([BEARER, line]);
    expect(codesOf(answer)).toEqual([]);
    const [sent = []] = requests;
    expect(sent.map(([name]) => name).sort()).toEqual(OURS);
    expect(JSON.stringify(sent)).not.toMatch(/canary|subgraph\.example/);
    expect(sent).toContainEqual(['host', new URL(subgraph.upstream.url).host]);
    expect(JSON.stringify(sent)).not.toContain(ROUTER_SECRET);
    if (!LOGGED.test(line)) expect(subgraph.logText()).not.toContain('canary');
  });

  it('tracestate and baggage neither, where the traceparent beside them does', async () => {
    const requests = recordLines();
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await askWith([BEARER, `traceparent: ${traceparent}`, 'tracestate: canary=1', 'baggage: user=canary']);
    expect(requests[0]?.map(([name]) => name).sort()).toEqual([...OURS, 'traceparent'].sort());
    expect(requests[0]).toContainEqual(['traceparent', traceparent]);
  });
});

describe('traceparent', () => {
  const TRACE = '0af7651916cd43dd8448eb211c80319c';
  const SPAN = 'b7ad6b7169203331';

  it.each([
    ['sampled', `00-${TRACE}-${SPAN}-01`],
    ['not sampled', `00-${TRACE}-${SPAN}-00`],
    ['of a later version', `01-${TRACE}-${SPAN}-01`],
  ])('goes on as it came: %s', async (_, traceparent) => {
    await subgraph.ask(LIST, { headers: { traceparent } });
    expect(subgraph.upstream.received.map(({ headers }) => headers.traceparent)).toEqual([traceparent]);
  });

  it.each([
    ['upper case', `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ['too short a trace id', `00-${TRACE.slice(1)}-${SPAN}-01`],
    ['too long a trace id', `00-${TRACE}0-${SPAN}-01`],
    ['no hexadecimal digits', `00-${'g'.repeat(32)}-${SPAN}-01`],
    ['no flags', `00-${TRACE}-${SPAN}`],
    ['more than version 00 has', `00-${TRACE}-${SPAN}-01-x`],
    ['something after it', `00-${TRACE}-${SPAN}-01 evil`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`],
    ['a span id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['the forbidden version', `ff-${TRACE}-${SPAN}-01`],
    ['an empty one', ''],
    ['one of 15 KB', 'x'.repeat(15_000)],
  ])('stays here: %s', async (_, traceparent) => {
    expect((await subgraph.ask(LIST, { headers: { traceparent } })).errors).toEqual([]);
    expect(subgraph.upstream.received.map(({ headers }) => headers.traceparent)).toEqual([undefined]);
  });

  it('stays here where there are two', async () => {
    const requests = recordLines();
    const lines = [`traceparent: 00-${TRACE}-${SPAN}-01`, `traceparent: 00-${TRACE}-${SPAN}-00`];
    await askWith([`authorization: Bearer ${TOKEN}`, ...lines]);
    expect(requests[0]?.map(([name]) => name).sort()).toEqual(OURS);
  });
});

describe('two callers who ask for the same at the same time', () => {
  const RESIDENCES = ['shared-1', 'shared-2', 'shared-3'];
  const OPERATIONS: ((residence: string) => { query: string; variables?: Record<string, unknown> })[] = [
    (residence) => ({ query: `{ maintenances(residenceId: "${residence}") { description } }` }),
    (residence) => ({ query: `{ maintenance(id: "${residence}:m1") { description } }` }),
    (residence) => ({
      query: 'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Maintenance { description } } }',
      variables: { r: ['m1', 'm2'].map((id) => ({ __typename: 'Maintenance', id: `${residence}:${id}` })) },
    }),
    (residence) => ({
      query: `mutation { createMaintenance(input: {
        residenceId: "${residence}", startTime: "2024-01-16T13:32:45Z", finishTime: "2024-01-17T13:32:45Z",
        description: "x", contact: "x"
      }) { maintenance { description } } }`,
    }),
  ];
  const CALLERS = ['first', 'second'] as const;

  it('never see each other’s data, in 1,000 rounds', async () => {
    // The fake knows a caller by the token alone, and writes whose it is into every ticket.
    const aliases = new Map<string | undefined, string>(CALLERS.map((alias) => [`Bearer ${TOKENS[alias]}`, alias]));
    let arrived = 0;
    subgraph.upstream.fail(({ command, param, headers }, response) => {
      const description = `of ${aliases.get(headers.authorization)}`;
      const result =
        command === 'get_maintenance_list'
          ? ['m1', 'm2'].map((maintenance_id) => ({ maintenance_id, description }))
          : command === 'get_maintenance_info'
            ? { description }
            : { maintenance_id: param.maintenance_id ?? 'm1' };
      arrived += 1;
      // Every third answer is overtaken by those after it.
      const answer = () =>
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ success: true, result }));
      if (arrived % 3 === 0) setImmediate(() => setImmediate(answer));
      else answer();
      return 'taken';
    });

    const round = fc.record({
      residence: fc.constantFrom(...RESIDENCES),
      operation: fc.nat(OPERATIONS.length - 1),
      other: fc.nat(OPERATIONS.length - 1),
      secondGoesFirst: fc.boolean(),
    });
    const rounds = fc.sample(round, { numRuns: 1000, seed: 20260105 });
    const seen: [string, string[]][] = [];
    const next = rounds.values();
    const worker = async () => {
      for (const { residence, operation, other, secondGoesFirst } of next) {
        const callers = secondGoesFirst ? CALLERS.toReversed() : CALLERS;
        const asked = callers.map(async (alias, i) => {
          const { query, variables } = OPERATIONS[i === 0 ? operation : other]?.(residence) ?? { query: '' };
          const answer = await subgraph.ask(query, { token: TOKENS[alias], ...(variables && { variables }) });
          expect(answer.errors).toEqual([]);
          const descriptions = [...JSON.stringify(answer.data).matchAll(/"description":"([^"]*)"/g)].map(
            ([, text = '']) => text,
          );
          seen.push([alias, descriptions]);
        });
        await Promise.all(asked);
      }
    };
    await Promise.all(Array.from({ length: 20 }, worker));

    expect(seen).toHaveLength(2000);
    expect(seen.filter(([, descriptions]) => descriptions.length === 0)).toEqual([]);
    expect(seen.filter(([alias, descriptions]) => descriptions.some((text) => text !== `of ${alias}`))).toEqual([]);
    // Both were there all the time, and nobody else.
    const authorizations = subgraph.upstream.received.map(({ headers }) => headers.authorization);
    expect(new Set(authorizations)).toEqual(new Set(aliases.keys()));
    for (const token of Object.values(TOKENS)) expect(subgraph.logText()).not.toContain(token);
  }, 60_000);
});
