import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { freePort } from '../../dev/command-api.ts';
import { EXAMPLE } from '../../dev/seed.ts';
import { codes, NEW_MAINTENANCE, startSubgraph } from '../support/subgraph.ts';
import type { Fault } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const M = EXAMPLE.maintenanceId;
const CANARY = 'canary-of-upstream 10.1.2.3 王女士';

// Each fault is sent once, and none opens the breaker: test/subgraph/resilience.test.ts has what becomes of many.
const ONCE = { MAX_ATTEMPTS: '1', BREAKER_FAILURES: '10000' };
const patient = useSubgraph({ ...ONCE, ATTEMPT_TIMEOUT_MS: '29999', OPERATION_TIMEOUT_MS: '30000' });
const impatient = useSubgraph({ ...ONCE, ATTEMPT_TIMEOUT_MS: '300' });
/** Time is short only where a fault is to run out of it. */
const choose = (name: string, code: string) =>
  code === 'UPSTREAM_TIMEOUT' || name.endsWith('that does not end') ? impatient : patient;

const answers =
  (answer: ReturnType<Fault>): Fault =>
  () =>
    answer;
/** Anything at all to the response. */
const does =
  (act: (response: ServerResponse) => void): Fault =>
  (_, response) => {
    act(response);
    return 'taken';
  };
/** Writes a letter now and then, for as long as somebody listens. */
function drip(response: ServerResponse, write: (letter: string) => void): void {
  const letters = 'HTTP/1.1 200 OK\r\nx: '[Symbol.iterator]();
  const timer = setInterval(() => write(letters.next().value ?? 'x'), 20);
  response.once('close', () => clearInterval(timer));
}
const ok = (result: unknown) => answers({ body: { success: true, result } });
const JSON_NO = { success: false, message: CANARY };
const TWO_MB = 'x'.repeat(2 * 1024 * 1024);

/** Each fault of a list command, and the code that it must become. */
const FAULTS: [string, Fault, string][] = [
  ...['000', '099'].map((status): [string, Fault, string] => [
    `status ${status} with a success`,
    (_, response) => {
      response.socket?.end(`HTTP/1.1 ${status} odd\r\ncontent-length: 28\r\n\r\n{"success":true,"result":[]}`);
      return 'taken';
    },
    'UPSTREAM_INVALID_RESPONSE',
  ]),
  ['401', answers({ status: 401, body: JSON_NO }), 'UNAUTHENTICATED'],
  ['401 with success', answers({ status: 401, body: { success: true, result: [] } }), 'UNAUTHENTICATED'],
  ['403', answers({ status: 403, body: JSON_NO }), 'FORBIDDEN'],
  ['403 of Dapr’s', answers({ status: 403, body: { errorCode: 'ERR_DIRECT_INVOKE', message: CANARY } }), 'FORBIDDEN'],
  ['429', answers({ status: 429, headers: { 'retry-after': '1' }, body: CANARY }), 'UPSTREAM_UNAVAILABLE'],
  ['500 with success: false', answers({ status: 500, body: JSON_NO }), 'UPSTREAM_UNAVAILABLE'],
  [
    '500 of Dapr’s',
    answers({ status: 500, body: { errorCode: 'ERR_DIRECT_INVOKE', message: CANARY } }),
    'UPSTREAM_UNAVAILABLE',
  ],
  ['502 with HTML', answers({ status: 502, body: `<html>${CANARY}` }), 'UPSTREAM_UNAVAILABLE'],
  ['503 with success', answers({ status: 503, body: { success: true, result: [] } }), 'UPSTREAM_UNAVAILABLE'],
  ['504 without a body', answers({ status: 504, body: '' }), 'UPSTREAM_UNAVAILABLE'],
  ['200 with success: false', answers({ body: JSON_NO }), 'COMMAND_REJECTED'],
  ['201 with success: false', answers({ status: 201, body: JSON_NO }), 'COMMAND_REJECTED'],
  ['400 with success: false', answers({ status: 400, body: JSON_NO }), 'COMMAND_REJECTED'],
  ['404 with success: false', answers({ status: 404, body: JSON_NO }), 'COMMAND_REJECTED'],
  ['302 with success: false', answers({ status: 302, body: JSON_NO }), 'COMMAND_REJECTED'],
  [
    '404 of Dapr’s',
    answers({ status: 404, body: { errorCode: 'ERR_DIRECT_INVOKE', message: CANARY } }),
    'UPSTREAM_INVALID_RESPONSE',
  ],
  ['400 with success', answers({ status: 400, body: { success: true, result: [] } }), 'UPSTREAM_INVALID_RESPONSE'],
  ['a redirect', answers({ status: 307, headers: { location: '/elsewhere' }, body: '' }), 'UPSTREAM_INVALID_RESPONSE'],
  ['204', answers({ status: 204, body: '' }), 'UPSTREAM_INVALID_RESPONSE'],
  ['an empty body', answers({ body: '' }), 'UPSTREAM_INVALID_RESPONSE'],
  ['HTML', answers({ body: `<html>${CANARY}` }), 'UPSTREAM_INVALID_RESPONSE'],
  ['plain text', answers({ headers: { 'content-type': 'text/plain' }, body: 'OK' }), 'UPSTREAM_INVALID_RESPONSE'],
  ['half a JSON', answers({ body: '{"success":true,"result":[' }), 'UPSTREAM_INVALID_RESPONSE'],
  ['null', answers({ body: 'null' }), 'UPSTREAM_INVALID_RESPONSE'],
  ['a bare list', answers({ body: [] }), 'UPSTREAM_INVALID_RESPONSE'],
  ['no success', answers({ body: { result: [] } }), 'UPSTREAM_INVALID_RESPONSE'],
  ['success: "true"', answers({ body: { success: 'true', result: [] } }), 'UPSTREAM_INVALID_RESPONSE'],
  ['success: 1', answers({ body: { success: 1, result: [] } }), 'UPSTREAM_INVALID_RESPONSE'],
  ['no result', answers({ body: { success: true } }), 'UPSTREAM_INVALID_RESPONSE'],
  ['a null result', ok(null), 'UPSTREAM_INVALID_RESPONSE'],
  ['an object for a list', ok({ list: [] }), 'UPSTREAM_INVALID_RESPONSE'],
  ['a reply over 2 MB', answers({ body: { success: true, result: [TWO_MB] } }), 'UPSTREAM_INVALID_RESPONSE'],
  [
    'a reply that inflates to more than 2 MB',
    does((response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync(`{"success":true,"result":["${TWO_MB}"]}`));
    }),
    'UPSTREAM_INVALID_RESPONSE',
  ],
  ['401 over 2 MB', answers({ status: 401, body: TWO_MB + TWO_MB }), 'UNAUTHENTICATED'],
  ['503 over 2 MB', answers({ status: 503, body: TWO_MB + TWO_MB }), 'UPSTREAM_UNAVAILABLE'],
  [
    'thousands of codings',
    answers({ headers: { 'content-encoding': Array(2000).fill('gzip').join() }, body: JSON_NO }),
    'UPSTREAM_INVALID_RESPONSE',
  ],
  [
    'a coding that was not asked for',
    answers({ headers: { 'content-encoding': 'br' }, body: JSON_NO }),
    'UPSTREAM_INVALID_RESPONSE',
  ],
  ['bad gzip', answers({ headers: { 'content-encoding': 'gzip' }, body: CANARY }), 'UPSTREAM_INVALID_RESPONSE'],
  [
    'bytes that are no HTTP',
    does((response) => {
      response.socket?.end(`${CANARY}\r\n\r\n`);
    }),
    'UPSTREAM_INVALID_RESPONSE',
  ],
  [
    'a reset before the head',
    does((response) => {
      response.socket?.resetAndDestroy();
    }),
    'UPSTREAM_UNAVAILABLE',
  ],
  [
    'an end before the head',
    does((response) => {
      response.socket?.end();
    }),
    'UPSTREAM_UNAVAILABLE',
  ],
  [
    'a cut in the head',
    does((response) => {
      response.socket?.end('HTTP/1.1 200 OK\r\ncontent-le');
    }),
    'UPSTREAM_UNAVAILABLE',
  ],
  [
    'a cut in the body',
    does((response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('{"success":true', () => response.socket?.end());
    }),
    'UPSTREAM_UNAVAILABLE',
  ],
  [
    'a cut in a chunked body',
    does((response) => {
      response.writeHead(200);
      response.write('{"success":true', () => response.socket?.destroy());
    }),
    'UPSTREAM_UNAVAILABLE',
  ],
  ['404 with HTML', answers({ status: 404, body: `<html>${CANARY}` }), 'UPSTREAM_INVALID_RESPONSE'],
  ['409 with success: false', answers({ status: 409, body: JSON_NO }), 'COMMAND_REJECTED'],
  [
    'a head of 100 KB',
    answers({ headers: { 'x-filler': 'x'.repeat(100_000) }, body: '' }),
    'UPSTREAM_INVALID_RESPONSE',
  ],
  [
    'a body without an end',
    does((response) => {
      response.writeHead(200);
      const chunk = 'x'.repeat(64 * 1024);
      const pour = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', pour);
      pour();
    }),
    'UPSTREAM_INVALID_RESPONSE',
  ],
  [
    'a head that drips',
    does((response) => drip(response, (letter) => response.socket?.write(letter))),
    'UPSTREAM_TIMEOUT',
  ],
  [
    'a body that drips',
    does((response) => {
      response.writeHead(200);
      drip(response, (letter) => response.write(letter));
    }),
    'UPSTREAM_TIMEOUT',
  ],
  ['no answer', () => 'taken', 'UPSTREAM_TIMEOUT'],
  [
    'an answer that does not end',
    does((response) => {
      response.writeHead(200).write('{"success":true');
    }),
    'UPSTREAM_TIMEOUT',
  ],
  [
    '503 that does not end',
    does((response) => {
      response.writeHead(503).write('x');
    }),
    'UPSTREAM_TIMEOUT',
  ],
  [
    '401 that does not end',
    does((response) => {
      response.writeHead(401).write('x');
    }),
    'UNAUTHENTICATED',
  ],
  [
    '503 that is cut off',
    does((response) => {
      response.writeHead(503, { 'content-length': '100' });
      response.write('x', () => response.socket?.destroy());
    }),
    'UPSTREAM_UNAVAILABLE',
  ],
  [
    'an encoding that was not asked for',
    answers({ headers: { 'content-encoding': 'br' }, body: CANARY }),
    'UPSTREAM_INVALID_RESPONSE',
  ],
  [
    'gzip that ends too early',
    does((response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync('{"success":true,"result":[]}').subarray(0, -9));
    }),
    'UPSTREAM_UNAVAILABLE',
  ],
  ['403 with bad gzip', answers({ status: 403, headers: { 'content-encoding': 'gzip' }, body: CANARY }), 'FORBIDDEN'],
];

describe('a fault of the command API becomes a typed error', () => {
  it.each(FAULTS)('%s', async (name, fault, code) => {
    const subgraph = choose(name, code);
    subgraph.upstream.fail(({ param, ...rest }, response) =>
      param.residence_id === 'faulty' ? fault({ param, ...rest }, response) : undefined,
    );
    const answer = await subgraph.ask(
      `query ($r: [_Any!]!) {
        bad: maintenances(residenceId: "faulty") { id }
        good: maintenances(residenceId: "${R}") { id }
        _entities(representations: $r) { ... on Residence { id maintenances { id } } }
      }`,
      {
        variables: {
          r: [
            { __typename: 'Residence', id: 'faulty' },
            { __typename: 'Residence', id: R },
          ],
        },
      },
    );
    expect(answer.status).toBe(200);
    expect(codes(answer).sort()).toEqual([
      [code, '_entities.0.maintenances'],
      [code, 'bad'],
    ]);
    const [command] = subgraph.upstream.received.filter(({ param }) => param.residence_id === 'faulty');
    for (const error of answer.errors) {
      expect(error.extensions).toEqual({
        code,
        command: 'get_maintenance_list',
        commandId: command?.id,
        ...upstreamCode(error),
      });
      expect(error.message).toMatch(/^The command API .+\.$/);
    }
    expect(answer.data).toEqual({
      bad: null,
      good: [{ id: `${R}:${M}` }],
      _entities: [
        { id: 'faulty', maintenances: null },
        { id: R, maintenances: [{ id: `${R}:${M}` }] },
      ],
    });
    expect(JSON.stringify(answer)).not.toContain('canary');
    expect(subgraph.logText()).not.toContain('canary');
  });

  it.each(FAULTS)('of a detail, by either key, with none lost beside it: %s', async (name, fault, code) => {
    const subgraph = choose(name, code);
    subgraph.upstream.fail((exchange, response) =>
      exchange.param.residence_id === 'faulty' ? fault(exchange, response) : undefined,
    );
    const answer = await subgraph.ask(
      `query ($r: [_Any!]!) { _entities(representations: $r) { ... on Maintenance { id description } } }`,
      {
        variables: {
          r: [
            { __typename: 'Maintenance', id: 'faulty:1' },
            { __typename: 'Maintenance', id: `${R}:${M}` },
            { __typename: 'Maintenance', residence: { id: 'other' }, maintenanceId: '2' },
          ],
        },
      },
    );
    // To an info, an object is a ticket, of which nothing is known.
    const isTicket = name === 'an object for a list';
    expect(answer.data._entities).toEqual([
      isTicket ? { id: 'faulty:1', description: null } : null,
      { id: `${R}:${M}`, description: 'test' },
      null,
    ]);
    expect(codes(answer).sort()).toEqual(
      [
        [code, '_entities.0'],
        ['COMMAND_REJECTED', '_entities.2'],
      ]
        .slice(isTicket ? 1 : 0)
        .sort(),
    );
  });

  const REJECTED = ['UNAUTHENTICATED', 'FORBIDDEN', 'COMMAND_REJECTED'];

  it.each(FAULTS)('of a write, which is sent once and says what is known of it: %s', async (name, fault, code) => {
    const subgraph = choose(name, code);
    subgraph.upstream.fail(({ command, ...rest }, response) =>
      command === 'create_maintenance_info' ? fault({ command, ...rest }, response) : undefined,
    );
    const { data, errors } = await subgraph.ask(
      `mutation ($input: CreateMaintenanceInput!) {
        createMaintenance(input: $input) { id }
        deleteMaintenance(id: "${R}:${M}") { id }
      }`,
      { variables: { input: NEW_MAINTENANCE } },
    );
    expect(errors).toMatchObject([
      { path: ['createMaintenance'], extensions: { code, outcome: REJECTED.includes(code) ? 'REJECTED' : 'UNKNOWN' } },
    ]);
    expect(errors).toHaveLength(1);
    expect(data).toEqual({ createMaintenance: null, deleteMaintenance: { id: `${R}:${M}` } });
    expect(subgraph.upstream.commands()).toEqual([`create_maintenance_info ${R}`, `delete_maintenance_info ${R} ${M}`]);
  });

  function upstreamCode({ extensions }: { extensions: Record<string, unknown> }) {
    return extensions.upstreamCode === undefined ? {} : { upstreamCode: 'ERR_DIRECT_INVOKE' };
  }
});

describe('extensions.upstreamCode', () => {
  const CASES: [string, object, string | undefined][] = [
    ['code', { code: 'E1' }, 'E1'],
    ['a number', { code: 40001 }, '40001'],
    ['error_code', { error_code: 'E2' }, 'E2'],
    ['errorCode', { errorCode: 'ERR_DIRECT_INVOKE' }, 'ERR_DIRECT_INVOKE'],
    ['error', { error: 'E4' }, 'E4'],
    ['inside error', { error: { code: 'E5', message: CANARY } }, 'E5'],
    ['inside result', { result: { error_code: 6 } }, '6'],
    ['none', { message: CANARY }, undefined],
    ['a text', { code: CANARY }, undefined],
    ['an address', { code: '10.1.2.3' }, undefined],
    ['a text beside a code', { error: CANARY, error_code: 'E7' }, 'E7'],
    ['more than 32 characters', { code: 'E'.repeat(33) }, undefined],
    ['a telephone number', { code: 13800138000 }, undefined],
    ['a telephone number as a text', { code: '138-0013-8000' }, undefined],
    ['more than a number can be', { code: Number.MAX_VALUE }, undefined],
    ['a fraction', { code: 1.5 }, undefined],
    ['the caller’s token', { error: EXAMPLE.token }, undefined],
    ['an id', { code: EXAMPLE.residenceId }, undefined],
    ['a negative number', { code: -32601 }, '-32601'],
    ['an object', { code: { code: CANARY } }, undefined],
  ];

  it.each(CASES)('is a short code of upstream’s and nothing else: %s', async (_, body, expected) => {
    patient.upstream.fail(() => ({ body: { success: false, ...body } }));
    const { errors } = await patient.ask('{ maintenances(residenceId: "r") { id } }');
    expect(errors[0]?.extensions.upstreamCode).toBe(expected);
    expect(patient.logText()).not.toContain('canary');
    expect(patient.logText()).not.toContain(EXAMPLE.token);
  });
});

describe('the time of an operation', () => {
  const slow = useSubgraph({ ATTEMPT_TIMEOUT_MS: '400', OPERATION_TIMEOUT_MS: '600' });

  it('caps all of its commands; one that comes after it is not sent', async () => {
    slow.upstream.fail(() => 'taken');
    const answer = await slow.ask(
      `mutation {
        a: deleteMaintenance(id: "r:1") { id }
        b: deleteMaintenance(id: "r:2") { id }
        c: deleteMaintenance(id: "r:3") { id }
      }`,
    );
    expect(answer.errors).toMatchObject([
      { path: ['a'], extensions: { code: 'UPSTREAM_TIMEOUT', outcome: 'UNKNOWN' } },
      { path: ['b'], extensions: { code: 'UPSTREAM_TIMEOUT', outcome: 'UNKNOWN' } },
      { path: ['c'], extensions: { code: 'UPSTREAM_TIMEOUT', outcome: 'NOT_SENT' } },
    ]);
    expect(slow.upstream.commands()).toEqual(['delete_maintenance_info r 1', 'delete_maintenance_info r 2']);
    // The second was cut off by the operation, before its attempt was out of time.
    expect(slow.logs()).toMatchObject([
      {
        commands: [
          { detail: expect.stringContaining('ETIMEDOUT') },
          { detail: expect.stringContaining('out of time') },
          {},
        ],
      },
    ]);
  });
});

describe('a command API that is not there', () => {
  it.each([
    ['refuses connections', async () => `http://127.0.0.1:${await freePort()}`],
    ['has no name', async () => 'https://no-such-host.invalid'],
    ['speaks no TLS', async () => `https://127.0.0.1:${new URL(patient.upstream.url).port}`],
  ])('%s: nothing was sent', async (_, origin) => {
    const alone = await startSubgraph({ COMMAND_API_URL: await origin() });
    try {
      const read = await alone.ask(`{ maintenance(id: "r:m") { id } }`);
      expect(codes(read)).toEqual([['UPSTREAM_UNAVAILABLE', 'maintenance']]);
      const write = await alone.ask(`mutation { deleteMaintenance(id: "r:m") { id } }`);
      expect(write.errors).toMatchObject([{ extensions: { code: 'UPSTREAM_UNAVAILABLE', outcome: 'NOT_SENT' } }]);
    } finally {
      await alone.stop();
    }
  });
});
