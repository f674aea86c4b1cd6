/**
 * The log: one line for each operation, which holds what docs/observability.md says and nothing else.
 */
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { Logger } from 'pino';
import { EXAMPLE } from '../../dev/seed.ts';
import manifest from '../../package.json' with { type: 'json' };
import { createLogger, FIELDS } from '../../src/telemetry/log.ts';
import { readDocument, readKeys } from '../support/documents.ts';
import { NEW_MAINTENANCE, ROUTER_SECRET } from '../support/subgraph.ts';
import { failCommands } from '../support/unforeseen.ts';
import type { Answer } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { settle, until } from '../support/wait.ts';

const R = EXAMPLE.residenceId;
const LIST = `{ maintenances(residenceId: "${R}") { id } }`;
const CREATE = `mutation ($input: CreateMaintenanceInput!) {
  createMaintenance(input: $input) { id maintenance { description contact pictureUrls feedback } }
}`;
const TRACE = '0af7651916cd43dd8448eb211c80319c';

const subgraph = useSubgraph({ MAX_ATTEMPTS: '2' }, [failCommands()]);

describe('the line of an operation', () => {
  it('has all that tells it apart and what became of it', async () => {
    const query = `query Two { a: maintenance(id: "${R}:gone") { id } b: maintenances(residenceId: "nowhere") { id } }`;
    const code = (residenceId: unknown) => (residenceId === R ? 'NO_TICKET' : 'NO_RESIDENCE');
    subgraph.upstream.fail(({ command, param: { residence_id } }) =>
      residence_id === R && command === 'get_maintenance_list'
        ? undefined
        : { body: { success: false, code: code(residence_id) } },
    );
    await subgraph.ask(query, {
      headers: {
        'x-request-id': 'request-1',
        traceparent: `00-${TRACE}-b7ad6b7169203331-01`,
        'apollographql-client-name': 'residents-app',
        'apollographql-client-version': '1.2.3',
      },
    });
    const commands = subgraph.upstream.received.map(({ command, id, param }) => {
      const sent = { name: command, id, durationMs: expect.any(Number), attempts: 1 };
      if (param.residence_id === R && command === 'get_maintenance_list') return sent;
      const upstreamCode = code(param.residence_id);
      return { ...sent, code: 'COMMAND_REJECTED', detail: `${command}: status 200`, upstreamCode };
    });
    expect(commands).toHaveLength(3);
    expect(subgraph.logs()).toEqual([
      {
        level: 30,
        time: expect.any(Number),
        hostname: hostname(),
        service: 'maintenance-subgraph',
        version: manifest.version,
        requestId: 'request-1',
        traceId: TRACE,
        clientName: 'residents-app',
        clientVersion: '1.2.3',
        operationName: 'Two',
        operationType: 'query',
        durationMs: expect.any(Number),
        commands: expect.arrayContaining(commands),
        codes: ['COMMAND_REJECTED'],
        msg: 'operation',
      },
    ]);
  });

  const failing = (answer: Answer) => () => subgraph.upstream.fail(() => answer);
  const ticket = { maintenance_id: 'm' };

  it.each<[string, number, () => void, string]>([
    ['that went well', 30, () => {}, LIST],
    ['that does not parse', 30, () => {}, '{'],
    ['with a wrong argument', 30, () => {}, '{ maintenance(id: "x") { id } }'],
    ['whose token is refused', 30, failing({ status: 401 }), LIST],
    ['that the command API refuses', 30, failing({ body: { success: false } }), LIST],
    ['that it does not answer', 40, failing({ status: 500 }), LIST],
    ['that it answers nonsense', 40, failing({ body: 'no' }), LIST],
    [
      'that shows a member which cannot be read',
      40,
      failing({ body: { success: true, result: [{ ...ticket, contact: 1 }] } }),
      `{ maintenances(residenceId: "${R}") { contact } }`,
    ],
    [
      'of which a part failed that is data',
      40,
      failing({ status: 500 }),
      `mutation { deleteMaintenances(ids: ["${R}:m"]) { deletedIds } }`,
    ],
  ])('%s has level %d', async (_, level, prepare, query) => {
    prepare();
    await subgraph.ask(query);
    expect(subgraph.logs()).toMatchObject([{ msg: 'operation', level }]);
  });

  it('of one that failed for reasons nobody foresaw is an error, with the id that the client was told', async () => {
    const { errors } = await subgraph.ask(LIST.replace(R, 'faulty'));
    const errorId = errors[0]?.extensions.errorId;
    expect(errorId).toEqual(expect.any(String));
    expect(subgraph.logs()).toMatchObject([
      { level: 50, msg: 'unforeseen error', errorId, count: 1 },
      { level: 50, msg: 'operation', codes: ['INTERNAL_SERVER_ERROR'], errorIds: [errorId] },
    ]);
  });

  it('of one that failed so at many fields shares one id and one line among them', async () => {
    const lists = Array.from({ length: 20 }, (_, i) => `a${i}: maintenances(residenceId: "faulty${i}") { id }`);
    const { errors } = await subgraph.ask(`{ ${lists.join(' ')} }`);
    expect(errors).toHaveLength(20);
    const [errorId, ...others] = new Set(errors.map(({ extensions }) => extensions.errorId));
    expect(others).toEqual([]);
    expect(subgraph.logs()).toMatchObject([
      { msg: 'unforeseen error', errorId, count: 20 },
      { msg: 'operation', errorIds: [errorId] },
    ]);
  });

  it.each([
    ['a UUID', '5b0c1b9e-6b1f-4f0e-9c55-0d3f2c1f7a10'],
    ['64 characters', 'a'.repeat(64)],
  ])('repeats a request id that is %s, as the answer does', async (_, id) => {
    const { headers } = await subgraph.ask(LIST, { headers: { 'x-request-id': id } });
    expect(subgraph.logs()).toMatchObject([{ requestId: id }]);
    expect(headers.get('x-request-id')).toBe(id);
  });

  it.each([
    ['none', undefined],
    ['an empty one', ''],
    ['one that is too long', 'a'.repeat(65)],
    ['one with other characters', 'canary@example.com'],
    ['two', 'canary, canary'],
  ])('has a request id of our own in place of %s, as the answer does', async (_, id) => {
    const answers: (string | null)[] = [];
    for (let time = 0; time < 2; time++) {
      const { headers } = await subgraph.ask(LIST, { headers: { ...(id !== undefined && { 'x-request-id': id }) } });
      answers.push(headers.get('x-request-id'));
    }
    const ids = subgraph.logs().map(({ requestId }) => requestId);
    expect(ids).toEqual(Array(2).fill(expect.stringMatching(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/)));
    expect(new Set(ids).size).toBe(2);
    expect(answers).toEqual(ids);
  });

  it.each(['00-0-0-01', 'canary', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`])(
    'has no trace of a traceparent that is %s',
    async (traceparent) => {
      await subgraph.ask(LIST, { headers: { traceparent } });
      expect(subgraph.logs()[0]).not.toHaveProperty('traceId');
    },
  );

  it('cuts short the names of an operation and of its client', async () => {
    const headers = { 'apollographql-client-name': 'y'.repeat(1000), 'apollographql-client-version': 'z'.repeat(1000) };
    await subgraph.ask(`query ${'x'.repeat(10_000)} { __typename }`, { headers });
    const [operationName, clientName, clientVersion] = ['x', 'y', 'z'].map((letter) => letter.repeat(100));
    expect(subgraph.logs()).toMatchObject([{ operationName, clientName, clientVersion }]);
  });

  it('has a command that was sent again once, and how often it was sent', async () => {
    let times = 0;
    subgraph.upstream.fail(() => (times++ === 0 ? { status: 503 } : undefined));
    await subgraph.ask(LIST);
    const [{ id } = { id: '' }] = subgraph.upstream.received;
    expect(subgraph.logs()).toMatchObject([{ level: 30, commands: [{ id, attempts: 2 }] }]);
  });

  it('has 50 commands at most, failed ones first, says how many are left out, and has at most 16 KB', async () => {
    subgraph.upstream.fail(({ param }) =>
      /^r9\d\d$/.test(String(param.residence_id))
        ? { status: 400, body: { success: false, code: 'x'.repeat(32) } }
        : { body: { success: true, result: [] } },
    );
    const r = Array.from({ length: 1000 }, (_, index) => ({ __typename: 'Residence', id: `r${index}` }));
    const query = `query ${'q'.repeat(500)}($r: [_Any!]!) { _entities(representations: $r) { ... on Residence { maintenances { id } } } }`;
    const names = { 'apollographql-client-name': 'c'.repeat(500), 'apollographql-client-version': 'v'.repeat(500) };
    await subgraph.ask(query, { variables: { r }, headers: names });
    const [line] = subgraph.logs();
    const commands = line?.commands as { code?: string }[];
    expect(commands.length).toBeGreaterThan(40);
    expect(commands.length).toBeLessThanOrEqual(50);
    expect(new Set(commands.map(({ code }) => code))).toEqual(new Set(['COMMAND_REJECTED']));
    expect(line?.commandsLeftOut).toBe(1000 - commands.length);
    expect(Buffer.byteLength(subgraph.logText())).toBeLessThanOrEqual(16_384);
  });

  it('says how long the operation took, and of that each command', async () => {
    const release = subgraph.upstream.hold();
    const asked = subgraph.ask(LIST);
    await until(() => subgraph.upstream.received.length === 1);
    await delay(50);
    release();
    await asked;
    const [{ durationMs, commands } = {}] = subgraph.logs();
    const [command] = commands as { durationMs: number }[];
    // A millisecond less, since timers round.
    expect(command?.durationMs).toBeGreaterThanOrEqual(49);
    expect(durationMs).toBeGreaterThanOrEqual(49);
    expect(durationMs).toBeLessThan(60_000);
  });

  it('names the flaws of a reply by command, each once', async () => {
    const tickets = [{}, { maintenance_id: 'a', state: 'new', contact: 1 }, { maintenance_id: 'b', state: 'newer' }];
    subgraph.upstream.fail(() => ({ body: { success: true, result: tickets } }));
    await subgraph.ask(LIST);
    const members = ['contact', 'state'].map((member) => ({ kind: 'member', member }));
    const flaws = [...members, { kind: 'ticket', member: 'maintenance_id' }];
    expect(subgraph.logs()).toMatchObject([{ commands: [{ name: 'get_maintenance_list', dropped: 1, flaws }] }]);
  });

  it('says of a read that shared the exchange of another, and has its id', async () => {
    const release = subgraph.upstream.hold();
    const asked = [subgraph.ask(LIST), subgraph.ask(LIST)];
    await until(() => subgraph.upstream.received.length === 1);
    await settle(subgraph.url);
    release();
    await Promise.all(asked);
    const [{ id } = { id: '' }] = subgraph.upstream.received;
    const entries = subgraph.logs().map(({ commands }) => commands);
    const entry = { name: 'get_maintenance_list', id, durationMs: expect.any(Number), attempts: 1 };
    expect(entries).toHaveLength(2);
    expect(entries).toEqual(expect.arrayContaining([[entry], [{ ...entry, coalesced: true }]]));
  });
});

describe('LOG_EVERY', () => {
  const sampled = useSubgraph({ LOG_EVERY: '3' });

  it('logs each operation with a flawed reply, also if the answer shows no error', async () => {
    sampled.upstream.fail(() => ({ body: { success: true, result: [{}] } }));
    for (let time = 0; time < 2; time++) await sampled.ask(LIST);
    expect(sampled.logs()).toMatchObject(Array(2).fill({ level: 40, codes: [], commands: [{ dropped: 1 }] }));
  });

  it('logs the first of so many successful operations, and each that failed', async () => {
    const refused = LIST.replace(R, '');
    for (const query of [LIST, LIST, refused, LIST, LIST, refused]) await sampled.ask(query);
    expect(sampled.logs().map(({ codes }) => codes)).toEqual([[], ['BAD_USER_INPUT'], [], ['BAD_USER_INPUT']]);
  });
});

describe('no line', () => {
  it('holds a token, a variable, personal data or a secret', async () => {
    const personal = {
      description: 'canary-description',
      contact: 'canary-contact',
      pictureFilenames: ['canary-picture'],
    };
    const input = { ...NEW_MAINTENANCE, ...personal };
    await subgraph.ask(CREATE, { variables: { input } });
    await subgraph.ask(CREATE, { variables: { input: { ...input, startTime: 'canary-time' } } });
    await subgraph.ask(CREATE, { variables: { input: { ...input, contact: { name: 'canary' } } } });
    await subgraph.ask(`{ maintenance(id: "canary-id") { id } canary }`, { token: 'canary-token' });
    await subgraph.ask(LIST, { token: 'canary-token' });
    expect(subgraph.logs()).toHaveLength(5);
    expect(subgraph.logText()).not.toMatch(/canary/);
    expect(subgraph.logText()).not.toContain(EXAMPLE.token);
    expect(subgraph.logText()).not.toContain(ROUTER_SECRET);
  });

  it.each([
    ['an error alone', (logger: Logger) => logger.error(new Error('canary'))],
    ['an error and no message', (logger: Logger) => logger.error({ err: new Error('canary') })],
  ])('holds the words of %s', (_, log) => {
    const lines: string[] = [];
    log(createLogger('trace', { write: (line) => lines.push(line) }));
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 50, err: { type: 'Error' }, msg: 'unexpected' },
    ]);
    expect(lines.join('')).not.toContain('canary');
  });

  it('holds a field that is not on the list, whatever logs it', () => {
    const lines: string[] = [];
    const logger = createLogger('trace', { write: (line) => lines.push(line) });
    const canaries = { token: 'canary', headers: { authorization: 'canary' }, req: { url: 'canary' }, durationMs: 1 };
    logger.warn({ ...canaries, err: Object.assign(new Error('canary'), { options: 'canary' }) }, 'something');
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        level: 40,
        time: expect.any(Number),
        hostname: hostname(),
        service: 'maintenance-subgraph',
        version: manifest.version,
        durationMs: 1,
        err: { type: 'Error', stack: expect.any(String) },
        msg: 'something',
      },
    ]);
    expect(lines.join('')).not.toContain('canary');
  });
});

it('has the fields that docs/observability.md names', () => {
  const named = readKeys(readDocument('docs/observability.md'), 'field');
  expect([...new Set(named)].sort()).toEqual([...FIELDS].sort());
});
