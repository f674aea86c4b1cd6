/**
 * Nothing secret leaves the process. Every text that must not is a canary, and all that comes out is searched for them:
 * answers, their headers and traces, and the whole output of the production server at its most talkative.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { preloadFault } from '../support/process.ts';
import { request, sendBytes } from '../support/raw-http.ts';
import { type Fault, startUpstream, type Upstream } from '../support/upstream.ts';

const ROOT = new URL('../..', import.meta.url);
const SECRET = 'canary-secret-of-the-router';
const TOKEN = 'canary-token-0123456789abcdef';
/** Of the caller's own, which an answer may repeat to it where GraphQL itself speaks; the log never. */
const OWN = 'canary_own';
/** What only upstream knows: texts, addresses, stacks. */
const UPSTREAM = 'canary-upstream at http://10.9.8.7:3500/v1.0/invoke';
const STACK = 'Error: canary-upstream\n    at canary-upstream (/srv/canary-upstream/app.js:1:1)';
/** What a resident wrote: in `data` where it is asked for, and nowhere else. */
const DATA = 'canary-data';

const TICKET = {
  start_time: '2024-01-16 13:32:45',
  finish_time: '2024-01-17 13:32:45',
  created_time: '2024-01-12 13:32:45',
  description: `${DATA}-description`,
  contact: `${DATA}-contact`,
  feedback: `${DATA}-feedback`,
  maintenance_picture_url: [`https://pictures.example/${DATA}-picture`],
  state: 'in progress',
};
const LEAKY = {
  timestamp: 1,
  message: UPSTREAM,
  msg: UPSTREAM,
  error_msg: UPSTREAM,
  code: UPSTREAM,
  error: { message: UPSTREAM, stack: STACK, code: STACK },
  stack: STACK,
  authorization: `Bearer ${TOKEN}`,
  ...TICKET,
};
const LEAKY_HEADERS = {
  server: 'canary-upstream',
  'set-cookie': 'canary-upstream=1',
  'x-error': 'canary-upstream',
  'www-authenticate': 'Bearer realm="canary-upstream"',
  location: 'http://canary-upstream.example/',
  'retry-after': 'canary-upstream',
};

/**
 * An error that nobody foresaw, thrown where a command to this residence is written out. It quotes the secret and all
 * that the command holds, in its message and in a member, as errors of libraries do.
 */
const UNFORESEEN = preloadFault(`
  const text = process.env.ROUTER_SECRET + JSON.stringify(body);
  throw Object.assign(new TypeError(text), { code: 'ERR_UNFORESEEN', options: { text } });`);

interface Process {
  readonly url: string;
  /** Ends it with SIGTERM and answers everything that it wrote. */
  stop(): Promise<string>;
}

const running: ChildProcess[] = [];
let upstream: Upstream;
let subgraph: Process;

/** The production server with its defaults, save for what is given here. */
async function start(given: Record<string, string> = {}): Promise<Process> {
  const env = {
    HOST: '127.0.0.1',
    PORT: '0',
    COMMAND_API_URL: upstream.url,
    ROUTER_SECRET: SECRET,
    LOG_LEVEL: 'trace',
    DRAIN_DELAY_MS: '0',
    ...given,
  };
  const args = ['--import', './check-node.mjs', '--import', UNFORESEEN, 'src/main.ts'];
  const child = spawn(process.execPath, args, { cwd: ROOT, env });
  running.push(child);
  let output = '';
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
        const [, ready] = /"url":"([^"]+)","msg":"ready"/.exec(output) ?? [];
        if (ready) resolve(ready);
      });
    }
    void closed.then(() => reject(new Error(`ended: ${output}`)));
  });
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      await closed;
      expect(output).toMatch(/"msg":"stopped"/);
      return output;
    },
  };
}

/** The lines with a canary in them, in any of the forms that it may have taken. */
function linesWithCanary(output: string): string[] {
  const encoded = [TOKEN, SECRET, DATA, OWN].map((text) => Buffer.from(text).toString('base64').slice(0, -4));
  const pattern = new RegExp(['canary', encodeURIComponent(TOKEN), ...encoded].join('|'), 'i');
  return output.split('\n').filter((line) => pattern.test(line));
}

interface Asked {
  readonly query?: string;
  readonly variables?: unknown;
  readonly operationName?: string;
  readonly headers?: Record<string, string>;
  /** In place of all of it. */
  readonly body?: string;
  readonly path?: string;
}

interface Told {
  readonly status: number;
  /** All that came, the trace decoded. */
  readonly all: string;
  /** All that came without `data`. */
  readonly besideData: string;
  readonly data: unknown;
  readonly codes: unknown[];
  readonly traced: boolean;
}

async function ask({ query, variables, operationName, headers, body, path = '/graphql' }: Asked): Promise<Told> {
  const response = await fetch(subgraph.url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      'router-authorization': SECRET,
      authorization: `Bearer ${TOKEN}`,
      cookie: 'session=canary-header',
      'x-forwarded-for': 'canary-header',
      'user-agent': 'canary-header',
      traceparent: 'canary-header',
      tracestate: 'canary=header',
      // The log names the client, and no other header of it.
      'apollographql-client-name': 'web',
      'apollo-federation-include-trace': 'ftv1',
      ...headers,
    },
    body: body ?? JSON.stringify({ query, variables, operationName }),
  });
  const text = await response.text();
  const { data, errors = [], extensions } = JSON.parse(text);
  const trace = Buffer.from(extensions?.ftv1 ?? '', 'base64').toString('latin1');
  const head = JSON.stringify([response.statusText, ...response.headers]);
  return {
    status: response.status,
    all: [head, text, trace].join('\n'),
    besideData: [head, JSON.stringify({ errors, extensions }), trace].join('\n'),
    data,
    codes: errors.map(({ extensions }: { extensions: { code: string } }) => extensions.code),
    traced: trace.length > 0,
  };
}

const FIELDS = 'id maintenanceId startTime finishTime createdTime description contact feedback pictureUrls state';
const INPUT = {
  residenceId: 'r',
  startTime: '2024-01-16T13:32:45Z',
  finishTime: '2024-01-17T13:32:45Z',
  description: OWN,
  contact: OWN,
  pictureFilenames: [OWN],
};
const CREATE = `mutation ($input: CreateMaintenanceInput!) {
  createMaintenance(input: $input) { id maintenance { ${FIELDS} } }
}`;
const ENTITIES = `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Maintenance { ${FIELDS} } } }`;
const LIST = `{ maintenances(residenceId: "r") { ${FIELDS} } }`;

const ALIASES = Array.from({ length: 101 }, (_, i) => `${OWN}${i}: id`).join(' ');

const READS: Asked[] = [
  { query: LIST },
  { query: `{ maintenance(id: "r:m") { ${FIELDS} } }` },
  { query: ENTITIES, variables: { r: [{ __typename: 'Maintenance', id: 'r:m', description: OWN }] } },
];
const WRITES: Asked[] = [
  { query: CREATE, variables: { input: INPUT } },
  { query: 'mutation { deleteMaintenance(id: "r:m") { id } }' },
  { query: 'mutation { deleteMaintenances(ids: ["r:m", "r:n"]) { deletedIds failures { id code message outcome } } }' },
];

const succeed: Fault = ({ command }) => {
  const ticket = { ...TICKET, maintenance_id: 'm' };
  const results: Record<string, unknown> = {
    get_maintenance_list: [ticket, { ...TICKET, maintenance_id: 'n' }, { ...TICKET, maintenance_id: '' }, TICKET],
    get_maintenance_info: TICKET,
    create_maintenance_info: { maintenance_id: 'm' },
  };
  return { headers: LEAKY_HEADERS, body: { success: true, result: results[command] ?? {} } };
};

const answers =
  (status: number, body: unknown, headers: Record<string, string> = LEAKY_HEADERS): Fault =>
  () => ({ status, body, headers });
/** Every member of a ticket is something that it must not be. */
const BAD = Object.fromEntries(Object.keys(TICKET).map((name) => [name, { text: `${DATA} ${UPSTREAM}` }]));

beforeAll(async () => {
  upstream = await startUpstream();
});
afterAll(() => upstream.stop());
afterEach(() => upstream.reset());

describe('an ordinary day', () => {
  beforeAll(async () => {
    subgraph = await start();
  });
  afterAll(() => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
  });

  it('a resident’s words are told to who asks, in data alone', async () => {
    upstream.fail(succeed);
    for (const asked of READS) {
      const told = await ask(asked);
      expect(told.codes).toEqual([]);
      expect(JSON.stringify(told.data)).toContain(`${DATA}-description`);
      expect(told.besideData).not.toMatch(/canary/i);
      expect(told.traced).toBe(true);
    }
    for (const asked of WRITES) {
      const told = await ask(asked);
      expect(told.codes).toEqual([]);
      expect(told.besideData).not.toMatch(/canary/i);
    }
  });

  /** What upstream does, and the code that it becomes. */
  const FAULTS: [string, Fault, string][] = [
    ['401', answers(401, LEAKY), 'UNAUTHENTICATED'],
    ['403', answers(403, { errorCode: 'ERR_DIRECT_INVOKE', message: UPSTREAM }), 'FORBIDDEN'],
    ['404 with success: false', answers(404, { ...LEAKY, success: false }), 'COMMAND_REJECTED'],
    ['409 with success: false', answers(409, { ...LEAKY, success: false, result: LEAKY }), 'COMMAND_REJECTED'],
    ['200 with success: false', answers(200, { ...LEAKY, success: false, result: LEAKY }), 'COMMAND_REJECTED'],
    ['a code that is the token', answers(200, { success: false, code: TOKEN.repeat(2) }), 'COMMAND_REJECTED'],
    ['404 of a gateway', answers(404, LEAKY), 'UPSTREAM_INVALID_RESPONSE'],
    ['a redirect', answers(302, LEAKY), 'UPSTREAM_INVALID_RESPONSE'],
    ['HTML', answers(200, `<html>${UPSTREAM}<pre>${STACK}</pre></html>`), 'UPSTREAM_INVALID_RESPONSE'],
    ['JSON that breaks off', answers(200, JSON.stringify(LEAKY).slice(0, -5)), 'UPSTREAM_INVALID_RESPONSE'],
    ['a text', answers(200, JSON.stringify(UPSTREAM)), 'UPSTREAM_INVALID_RESPONSE'],
    ['no success', answers(200, { ...LEAKY, result: TICKET }), 'UPSTREAM_INVALID_RESPONSE'],
    ['"true" for success', answers(200, { ...LEAKY, success: 'true' }), 'UPSTREAM_INVALID_RESPONSE'],
    ['a text for a result', answers(200, { ...LEAKY, success: true, result: UPSTREAM }), 'UPSTREAM_INVALID_RESPONSE'],
    ['a number for a result', answers(200, { ...LEAKY, success: true, result: 5 }), 'UPSTREAM_INVALID_RESPONSE'],
    [
      'bytes that are no gzip',
      answers(200, JSON.stringify(LEAKY), { 'content-encoding': 'gzip' }),
      'UPSTREAM_INVALID_RESPONSE',
    ],
    [
      'bytes that are no HTTP',
      (_, response) => {
        response.socket?.end(`HTTP/1.1 200 OK\r\n${UPSTREAM}\r\n\r\n`);
        return 'taken';
      },
      'UPSTREAM_INVALID_RESPONSE',
    ],
    [
      'over 10 MB',
      answers(200, { success: true, result: `${UPSTREAM} `.repeat(220_000) }),
      'UPSTREAM_INVALID_RESPONSE',
    ],
  ];

  it.each(FAULTS)('an upstream that answers %s', async (_, fault, code) => {
    upstream.fail(fault);
    for (const asked of [...READS, ...WRITES]) {
      const told = await ask(asked);
      expect(told.status).toBe(200);
      const inData = [...JSON.stringify(told.data).matchAll(/"code":"([A-Z_]+)"/g)].map(([, found]) => found);
      expect(new Set([...told.codes, ...inData])).toEqual(new Set([code]));
      expect(told.all).not.toMatch(/canary|10\.9\.8\.7|127\.0\.0\.1|ECONN|HPE_|\/srv\//i);
      expect(told.traced).toBe(true);
    }
  });

  it('members that cannot be read', async () => {
    upstream.fail(({ command }) => {
      const result = command === 'get_maintenance_list' ? [{ ...BAD, maintenance_id: 'm' }, BAD, UPSTREAM] : BAD;
      return { body: { success: true, result } };
    });
    for (const asked of READS) {
      const told = await ask(asked);
      expect(new Set(told.codes)).toEqual(new Set(['UPSTREAM_INVALID_RESPONSE']));
      expect(told.codes).toHaveLength(8);
      expect(told.all).not.toMatch(/canary|10\.9\.8\.7/i);
    }
  });

  it.each([
    ['a state', 'state', `${DATA}-state`],
    ['a time', 'created_time', `${DATA}-time`],
    ['a time that almost is one', 'start_time', `2024-01-16 13:32:45 ${DATA}`],
    ['pictures that are one text', 'maintenance_picture_url', `${DATA}-picture`],
    ['a picture among texts', 'maintenance_picture_url', [DATA, { url: DATA }]],
  ])('%s that cannot be read, beside members that can', async (_, member, value) => {
    upstream.fail(() => ({ body: { success: true, result: [{ ...TICKET, maintenance_id: 'm', [member]: value }] } }));
    const told = await ask({ query: LIST });
    expect(told.codes).toEqual(['UPSTREAM_INVALID_RESPONSE']);
    expect(told.besideData).not.toMatch(/canary/i);
    expect(JSON.stringify(told.data)).toContain(`${DATA}-contact`);
  });

  const unforeseen = { ...INPUT, residenceId: 'unforeseen' };
  it.each<[string, Asked]>([
    ['a read', { query: '{ maintenances(residenceId: "unforeseen") { id } }' }],
    ['a detail', { query: '{ maintenance(id: "unforeseen:m") { id } }' }],
    ['an entity', { query: ENTITIES, variables: { r: [{ __typename: 'Maintenance', id: 'unforeseen:m', x: OWN }] } }],
    ['a create', { query: CREATE, variables: { input: unforeseen } }],
    ['a delete', { query: 'mutation { deleteMaintenance(id: "unforeseen:m") { id } }' }],
    ['a batch', { query: 'mutation { deleteMaintenances(ids: ["unforeseen:m"]) { failures { code message } } }' }],
  ])('an unforeseen error in %s', async (_, asked) => {
    const told = await ask(asked);
    expect(told.all).toContain('"code":"INTERNAL_SERVER_ERROR"');
    expect(told.all).not.toMatch(/canary|TypeError|\.ts:|\bat \w/i);
  });

  /** Refused by us: the message repeats nothing of what was given. */
  const REFUSED: [string, Asked, string][] = [
    ['no token', { query: LIST, headers: { authorization: '' } }, 'UNAUTHENTICATED'],
    ['a token of another scheme', { query: LIST, headers: { authorization: `Basic ${TOKEN}` } }, 'UNAUTHENTICATED'],
    ['two tokens', { query: LIST, headers: { authorization: `Bearer ${TOKEN} ${TOKEN}` } }, 'UNAUTHENTICATED'],
    ['an id that is none', { query: `{ maintenance(id: "${OWN}") { id } }` }, 'BAD_USER_INPUT'],
    [
      'an id to delete that is none',
      { query: `mutation { deleteMaintenance(id: "${OWN}") { id } }` },
      'BAD_USER_INPUT',
    ],
    [
      'ids that are none',
      { query: `mutation { deleteMaintenances(ids: ["r:m", "${OWN}"]) { deletedIds } }` },
      'BAD_USER_INPUT',
    ],
    ['a negative first', { query: `{ maintenances(residenceId: "${OWN}", first: -1) { id } }` }, 'BAD_USER_INPUT'],
    ['a blank contact', { query: CREATE, variables: { input: { ...INPUT, contact: ' ' } } }, 'BAD_USER_INPUT'],
    [
      'an end before the beginning',
      { query: CREATE, variables: { input: { ...INPUT, finishTime: INPUT.startTime } } },
      'BAD_USER_INPUT',
    ],
    [
      'a representation of a type that is none',
      { query: ENTITIES, variables: { r: [{ __typename: OWN, id: OWN }] } },
      'BAD_USER_INPUT',
    ],
    [
      'a representation with an id that is none',
      { query: ENTITIES, variables: { r: [{ __typename: 'Maintenance', id: OWN }] } },
      'BAD_USER_INPUT',
    ],
    ['a representation that is a text', { query: ENTITIES, variables: { r: [OWN] } }, 'BAD_USER_INPUT'],
    [
      'too many representations',
      { query: ENTITIES, variables: { r: Array.from({ length: 1001 }, () => OWN) } },
      'BAD_USER_INPUT',
    ],
    ['invalid JSON', { body: `{"query":"${OWN}", ${OWN}` }, 'BAD_REQUEST'],
    ['invalid JSON with the token', { body: TOKEN }, 'BAD_REQUEST'],
    ['__proto__', { body: `{"query":"{ ${OWN} }","variables":{"__proto__":{"x":"${OWN}"}}}` }, 'BAD_REQUEST'],
    ['over 1 MB', { body: JSON.stringify({ query: OWN.repeat(110_000) }) }, 'BAD_REQUEST'],
    ['another type', { body: OWN, headers: { 'content-type': `text/${OWN}` } }, 'BAD_REQUEST'],
    ['another path', { query: LIST, path: `/${OWN}?access_token=${TOKEN}` }, 'NOT_FOUND'],
    ['a path that cannot be decoded', { query: LIST, path: `/%${OWN}?access_token=${TOKEN}` }, 'NOT_FOUND'],
    ['a query of the URL that nobody reads', { query: '', path: `/graphql?access_token=${TOKEN}` }, 'BAD_REQUEST'],
    ['a wrong secret', { query: LIST, headers: { 'router-authorization': 'canary-secret' } }, 'ROUTER_UNAUTHENTICATED'],
  ];

  it.each(REFUSED)('%s', async (_, asked, code) => {
    upstream.fail(succeed);
    const told = await ask(asked);
    expect(told.codes).toEqual([code]);
    expect(told.all).not.toMatch(/canary|node_modules|\.[jt]s:/i);
  });

  /** Refused by GraphQL, which repeats to the caller what the caller gave, and no more. */
  const ECHOED: [string, Asked, string][] = [
    ['an unknown field', { query: `{ ${OWN} }` }, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'an unknown argument',
      { query: `{ maintenances(residenceId: "r", ${OWN}: "${OWN}") { id } }` },
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'a text for a number',
      { query: `{ maintenances(residenceId: "r", first: "${OWN}") { id } }` },
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'a time in the document',
      {
        query: `mutation { createMaintenance(input: {
          residenceId: "r", startTime: "${OWN}", finishTime: "${OWN}", description: "${OWN}", contact: "${OWN}"
        }) { id } }`,
      },
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'a state in the document',
      { query: `{ maintenances(residenceId: "r", states: [${OWN}]) { id } }` },
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['a document that does not parse', { query: `{ "${OWN}" }` }, 'GRAPHQL_PARSE_FAILED'],
    ['a text without an end', { query: `{ maintenance(id: "${OWN}` }, 'GRAPHQL_PARSE_FAILED'],
    [
      'too many aliases',
      {
        query: `{ maintenances(residenceId: "r") { ${ALIASES} } }`,
      },
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['an unknown operation', { query: `query A { __typename }`, operationName: OWN }, 'OPERATION_RESOLUTION_FAILURE'],
    [
      'an unknown operation, named as a person',
      { query: `query A { __typename } query B { __typename }`, operationName: `${OWN} Müller` },
      'OPERATION_RESOLUTION_FAILURE',
    ],
    ['a time', { query: CREATE, variables: { input: { ...INPUT, startTime: OWN } } }, 'BAD_USER_INPUT'],
    [
      'an object for a text',
      { query: CREATE, variables: { input: { ...INPUT, contact: { [OWN]: OWN } } } },
      'BAD_USER_INPUT',
    ],
    ['an unknown member', { query: CREATE, variables: { input: { ...INPUT, [OWN]: OWN } } }, 'BAD_USER_INPUT'],
    ['a missing member', { query: CREATE, variables: { input: { description: OWN } } }, 'BAD_USER_INPUT'],
    ['a text for an input', { query: CREATE, variables: { input: OWN } }, 'BAD_USER_INPUT'],
    [
      'an unknown state',
      {
        query: 'query ($s: [MaintenanceState!]) { maintenances(residenceId: "r", states: $s) { id } }',
        variables: { s: [OWN] },
      },
      'BAD_USER_INPUT',
    ],
    [
      'a list of objects for ids',
      {
        query: 'mutation ($ids: [ID!]!) { deleteMaintenances(ids: $ids) { deletedIds } }',
        variables: { ids: Array.from({ length: 60 }, () => ({ id: OWN })) },
      },
      'BAD_USER_INPUT',
    ],
    ['variables that are no object', { query: LIST, variables: OWN }, 'BAD_REQUEST'],
    [
      'a persisted query',
      { body: JSON.stringify({ extensions: { persistedQuery: { version: 1, sha256Hash: OWN } } }) },
      'PERSISTED_QUERY_NOT_SUPPORTED',
    ],
  ];

  it.each(ECHOED)('%s', async (_, asked, code) => {
    upstream.fail(succeed);
    const told = await ask(asked);
    expect(new Set(told.codes)).toEqual(new Set([code]));
    expect(told.all).not.toMatch(/canary(?!_own)|node_modules|\.[jt]s:/i);
    expect(upstream.commands()).toEqual([]);
  });

  it('a request that is no HTTP', async () => {
    const lines = [`router-authorization: ${SECRET}`, `authorization: Bearer ${TOKEN}`, 'connection: close'];
    const broken = [
      request(['POST /graphql HTTP/1.1', 'host: a', ...lines, `x: ${OWN}\u0000`], OWN),
      request(['POST /graphql HTTP/1.1', 'host: a', ...lines, `x: ${OWN.repeat(2000)}`], OWN),
      request([`POST /graphql HTTP/1.1`, `host: [${OWN}`, ...lines, 'content-type: application/json'], OWN),
      request([`${OWN} /graphql HTTP/1.1`, 'host: a', ...lines], OWN),
    ];
    for (const bytes of broken) {
      const [answer, ...others] = await sendBytes(subgraph.url, bytes);
      expect(others).toEqual([]);
      expect(answer?.status).toBeGreaterThanOrEqual(400);
      expect(JSON.stringify([answer, ...(answer?.headers ?? [])])).not.toMatch(/canary|node_modules|\.[jt]s:/i);
    }
  });

  it.each(['/metrics', '/health/live', '/health/ready'])('GET %s afterwards', async (path) => {
    const response = await fetch(subgraph.url + path, {
      headers: { 'router-authorization': SECRET, authorization: `Bearer ${TOKEN}` },
    });
    expect(JSON.stringify([await response.text(), ...response.headers])).not.toMatch(/canary/i);
  });

  it('and the output of the process, at its end, has none of it', async () => {
    upstream.fail(succeed);
    expect((await ask({ query: '{ maintenance(id: "unforeseen:m") { id } }' })).codes).toEqual([
      'INTERNAL_SERVER_ERROR',
    ]);
    expect((await ask({ query: `query LastOne ${LIST}` })).codes).toEqual([]);
    const output = await subgraph.stop();
    expect(linesWithCanary(output)).toEqual([]);
    // It did speak: of operations, of what went wrong, and of the unforeseen.
    expect(output).toContain('"operationName":"LastOne"');
    expect(output).toMatch(/"errorId":"[^"]+","err":\{"type":"TypeError"/);
    expect(output).toContain('"INTERNAL_SERVER_ERROR"');
  });
});

describe('an upstream that cannot be talked to', () => {
  // A process for each, since many failures in a row may stop it from trying.
  afterEach(() => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
  });

  const reset: Fault = (_, response) => {
    response.socket?.resetAndDestroy();
    return 'taken';
  };
  const CASES: [string, Fault, string][] = [
    ['429', answers(429, LEAKY), 'UPSTREAM_UNAVAILABLE'],
    ['500 of a sidecar', answers(500, { errorCode: 'ERR_DIRECT_INVOKE', message: UPSTREAM }), 'UPSTREAM_UNAVAILABLE'],
    ['500 with success: false', answers(500, { ...LEAKY, success: false }), 'UPSTREAM_UNAVAILABLE'],
    ['502 in HTML', answers(502, `<html>${UPSTREAM}</html>`), 'UPSTREAM_UNAVAILABLE'],
    ['503', answers(503, LEAKY), 'UPSTREAM_UNAVAILABLE'],
    ['a reset', reset, 'UPSTREAM_UNAVAILABLE'],
    [
      'half an answer',
      (_, response) => {
        response.writeHead(200, { 'content-length': '5000', ...LEAKY_HEADERS });
        response.write(JSON.stringify(LEAKY), () => response.socket?.resetAndDestroy());
        return 'taken';
      },
      'UPSTREAM_UNAVAILABLE',
    ],
    ['no answer', () => 'taken', 'UPSTREAM_TIMEOUT'],
    [
      'an answer that never ends',
      (_, response) => {
        response.writeHead(200, LEAKY_HEADERS);
        response.write(JSON.stringify(LEAKY).slice(0, -1));
        return 'taken';
      },
      'UPSTREAM_TIMEOUT',
    ],
  ];

  it.each(CASES)(
    '%s',
    async (_, fault, code) => {
      // Short only where time is to run out: a slow machine must not make one failure of another.
      subgraph = await start(code === 'UPSTREAM_TIMEOUT' ? { ATTEMPT_TIMEOUT_MS: '300' } : {});
      upstream.fail(fault);
      for (const asked of [READS[0], READS[2], WRITES[0]]) {
        const told = await ask(asked ?? {});
        expect(told.codes).toEqual([code]);
        expect(told.all).not.toMatch(/canary|10\.9\.8\.7|127\.0\.0\.1|ECONN|ETIMEDOUT|HPE_|\/srv\//i);
      }
      const output = await subgraph.stop();
      expect(linesWithCanary(output)).toEqual([]);
      expect(output).toContain(`"${code}"`);
    },
    30_000,
  );
});
