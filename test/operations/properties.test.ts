/**
 * Properties that hold for any input: of the command API, a caller or a router. A failure prints its seed. decoding.test.ts
 * has a property of replies.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EXAMPLE, exampleTicket, FLATS, seed } from '../../dev/seed.ts';
import { type Answer, codes, ROUTER_SECRET } from '../support/ask.ts';
import { ERRORS, readKeys } from '../support/documents.ts';
import { parseId } from '../support/naive-server.ts';
import { request, sendBytes } from '../support/raw-http.ts';
import { create, detail, type FieldQuery, times } from '../support/requests.ts';
import { type Fault, TOKENS } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
/** The error codes of docs/errors.md, except the code of a bug. */
const CODES = readKeys(ERRORS, 'code').filter((code) => code !== 'INTERNAL_SERVER_ERROR');

// Below jest's limit: fast-check prints the smallest counterexample that it has found by then.
const SEARCH_MS = 150_000;

function hold<T>(property: fc.IAsyncProperty<T>, numRuns = 100): Promise<void> {
  return fc.assert(property, { numRuns, interruptAfterTimeLimit: SEARCH_MS, markInterruptAsFailure: true });
}

const wordOf = (...lines: string[]) => fc.constantFrom(...lines.flatMap((line) => line.split(' ')));
const text = fc.string({ unit: 'binary' });

/** Any JSON, except the names that Fastify refuses because they could poison a prototype. */
const json = fc.jsonValue().filter((value) => !/"(__proto__|constructor)"/.test(JSON.stringify(value)));

const { maintenance_id: _, ...GOOD_TICKET } = exampleTicket();

const subgraph = useSubgraph();
const answerWith = (result: unknown) => subgraph.upstream.fail(() => ({ body: { success: true, result } }));
const ask = ({ query, variables }: FieldQuery) => subgraph.ask(query, { variables });

/** Returns name and param of each command since the last call. */
const takeSent = () => subgraph.upstream.received.splice(0).map(({ command, param }) => [command, param]);

describe('for any arguments', () => {
  it('an id is the key in one command and has one form in the answer, or is refused', async () => {
    const part = fc.string({ minLength: 1, unit: fc.constantFrom('%25', '%3A', '%3a', '%', ':', 'r', '修', '\ud800') });
    const pair = fc.tuple(part, part).map((parts) => parts.join(':'));
    await hold(
      fc.asyncProperty(fc.oneof(text, part, pair), async (id) => {
        answerWith(GOOD_TICKET);
        const answer = await ask(detail(id));
        const key = parseId(id);
        const param = { residence_id: key?.[0], maintenance_id: key?.[1] };
        expect(takeSent()).toEqual(key ? [['get_maintenance_info', param]] : []);
        expect(answer.data).toEqual({ maintenance: key ? { id: id.replaceAll('%3a', '%3A') } : null });
        expect(codes(answer)).toEqual(key ? [] : [['BAD_USER_INPUT', 'maintenance']]);
      }),
      300,
    );
  });

  it('two moments with any offsets are sent in UTC, or refused unless the second is later', async () => {
    const [min, max] = ['0001-01-02T00:00:00Z', '9999-12-30T00:00:00Z'].map(Date.parse);
    const moment = fc.integer({ min: Number(min) / 1000, max: Number(max) / 1000 });
    const near = fc.tuple(moment, fc.integer({ min: -2, max: 2 })).map(([start, seconds]) => [start, start + seconds]);
    const offset = fc.integer({ min: -(23 * 60 + 59), max: 23 * 60 + 59 });
    const toWire = (seconds: number) => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');
    const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
    /** Returns the moment as a local time `minutes` ahead of UTC, with its offset. */
    function toLocal(seconds: number, minutes: number): string {
      const size = Math.abs(minutes);
      const offset = `${minutes < 0 ? '-' : '+'}${two(size / 60)}:${two(size % 60)}`;
      return toWire(seconds + minutes * 60).replace(' ', 'T') + offset;
    }
    await hold(
      fc.asyncProperty(fc.oneof(fc.tuple(moment, moment), near), offset, offset, async (moments, from, to) => {
        const [start = 0, finish = 0] = moments;
        answerWith({ maintenance_id: 'm' });
        const answer = await ask(create({ startTime: toLocal(start, from), finishTime: toLocal(finish, to) }));
        expect(codes(answer)).toEqual(finish <= start ? [['BAD_USER_INPUT', 'createMaintenance']] : []);
        const param = expect.objectContaining({ start_time: toWire(start), finish_time: toWire(finish) });
        expect(takeSent()).toEqual(finish <= start ? [] : [['create_maintenance_info', param]]);
      }),
      200,
    );
  });

  it('states, orderBy, first and offset select as a simple model does, for one command', async () => {
    const STATES: Record<string, string> = {
      'wait for confirmation': 'WAIT_FOR_CONFIRMATION',
      'in progress': 'IN_PROGRESS',
      completed: 'COMPLETED',
      closed: 'CLOSED',
    };
    const TIMES = ['0001-01-01 00:00:00', '2024-01-16 13:32:45', '2024-01-16 13:32:46', '9999-12-31 23:59:59'];
    const time = fc.constantFrom(...TIMES, null, '', 'soon');
    const state = fc.constantFrom(...Object.keys(STATES), null, '', 'lost');
    const tickets = fc
      .array(fc.record({ start_time: time, created_time: time, state }), { maxLength: 12 })
      .map((list) => list.map((ticket, i) => ({ maintenance_id: `m${i}`, ...ticket })));
    const size = fc.option(fc.oneof(fc.nat({ max: 14 }), fc.constant(2 ** 31 - 1)));
    const order = fc.constantFrom('CREATED_TIME_ASC', 'CREATED_TIME_DESC', 'START_TIME_ASC', 'START_TIME_DESC');
    const states = fc.option(fc.subarray(Object.values(STATES)));
    const selection = fc.record({ states, orderBy: fc.option(order), first: size, offset: size });

    const args = 'states: $states, orderBy: $orderBy, first: $first, offset: $offset';
    const query = `query ($states: [MaintenanceState!], $orderBy: MaintenanceOrder, $first: Int, $offset: Int) {
      maintenances(residenceId: "${R}", ${args}) { maintenanceId }
      _entities(representations: [{ __typename: "Residence", id: "${R}" }]) {
        ... on Residence { maintenances(${args}) { maintenanceId } }
      }
    }`;
    await hold(
      fc.asyncProperty(tickets, selection, async (list, { states, orderBy, first, offset }) => {
        answerWith(list);
        const { data, errors } = await subgraph.ask(query, { variables: { states, orderBy, first, offset } });
        const matching = list.filter(({ state }) => !states || states.includes(STATES[state ?? ''] ?? ''));
        const timeOf = (one: (typeof list)[0]) =>
          (orderBy?.startsWith('CREATED') ? one.created_time : one.start_time) ?? '';
        const ordered = (orderBy?.endsWith('DESC') ? TIMES.toReversed() : TIMES)
          .flatMap((time) => matching.filter((one) => timeOf(one) === time))
          .concat(matching.filter((one) => !TIMES.includes(timeOf(one))));
        const [from, to] = [offset ?? 0, (offset ?? 0) + (first ?? Number.POSITIVE_INFINITY)];
        const expected = (orderBy ? ordered : matching)
          .filter((_, i) => i >= from && i < to)
          .map(({ maintenance_id: maintenanceId }) => ({ maintenanceId }));
        expect(data).toEqual({ maintenances: expected, _entities: [{ maintenances: expected }] });
        expect(errors).toEqual([]);
        expect(takeSent()).toEqual([['get_maintenance_list', { residence_id: R }]]);
      }),
      300,
    );
  });
});

/** Expects data with each error at a place that is null, or only errors. */
function expectSound({ status, data, errors }: Answer): void {
  expect(status).toBe(200);
  if (data === undefined) expect(errors).not.toEqual([]);
  for (const { path, extensions } of errors) {
    expect(CODES).toContain(extensions.code);
    expect(path === undefined).toBe(data === undefined);
    // The schema decides how far null climbs: to the place itself, or to a list or payload around it.
    expect(path?.reduce((value, key) => value?.[key], data) ?? null).toBeNull();
  }
}

describe('for any variables and any faults of the command API', () => {
  // Short time-outs, and a breaker that never opens: the faults of one operation must not stop the commands of the next.
  const faulty = useSubgraph({ ATTEMPT_TIMEOUT_MS: '100', OPERATION_TIMEOUT_MS: '1000', BREAKER_FAILURES: '10000' });
  const residence = fc.constantFrom(R, ...FLATS.slice(0, 4).map(({ id }) => id));
  const tickets = [...seed()].slice(0, 5).flatMap(([r, list]) => list.map((one) => `${r}:${one.maintenance_id}`));
  const known = fc.constantFrom(...tickets);
  const id = fc.oneof(known, known, text);
  const orAnything = (usual: fc.Arbitrary<unknown>) => fc.oneof(usual, json, text);
  const key = orAnything(fc.oneof(residence, known, fc.constant('m1')));
  const __typename = orAnything(wordOf('Maintenance Residence Maintenance Residence Query toString Visit'));
  const members = { __typename, id: key, residence: orAnything(fc.record({ id: key })), maintenanceId: key };
  const representation = fc.oneof(
    fc.record({ __typename: fc.constant('Residence'), id: residence }),
    fc.record({ __typename: fc.constant('Maintenance'), id: known }),
    fc.record(members, { requiredKeys: [] }),
    json.filter((value) => value !== null),
  );
  const time = fc.integer({ min: 0, max: 4e12 }).map((ms) => new Date(ms).toISOString());
  const input = { residenceId: fc.oneof(residence, text), description: text, contact: text };
  const variables = fc.record({
    ...{ residenceId: fc.oneof(residence, text), id, ids: fc.array(id, { maxLength: 3 }) },
    ...{ r: fc.array(representation, { maxLength: 3 }), n: fc.oneof(fc.nat({ max: 12 }), fc.integer()) },
    input: fc.record({ ...input, startTime: time, finishTime: time, pictureFilenames: fc.array(text) }),
  });
  const FIELDS = 'id state startTime contact pictureUrls';
  const QUERY = `query ($residenceId: ID!, $id: ID!, $r: [_Any!]!, $n: Int) {
    maintenances(residenceId: $residenceId, first: $n) { ${FIELDS} }
    maintenance(id: $id) { ${FIELDS} residence { maintenances(offset: $n) { ${FIELDS} } } }
    _entities(representations: $r) { ... on Maintenance { ${FIELDS} } ... on Residence { maintenances { ${FIELDS} } } }
  }`;
  const MUTATION = `mutation ($input: CreateMaintenanceInput!, $id: ID!, $ids: [ID!]!) {
    createMaintenance(input: $input) { createdId maintenance { ${FIELDS} } }
    deleteMaintenance(id: $id) { deletedId residence { maintenances { ${FIELDS} } } }
    deleteMaintenances(ids: $ids) { deletedIds failures { failedId code outcome } }
  }`;

  const TICKET = { ...GOOD_TICKET, maintenance_id: 'm1' };
  const BAD_TICKET = { maintenance_id: 'm2', state: 'canary', start_time: 'canary', contact: { name: 'canary' } };
  const headers = { location: '/canary', 'x-canary': 'x' };
  const reply = (status: number, body: unknown) => ({ status, body, headers });
  const FAULTS: Record<string, ReturnType<Fault>> = {
    none: undefined,
    'another result': reply(200, { success: true, result: [TICKET, BAD_TICKET, 'canary', null] }),
    'a bad ticket': reply(200, { success: true, result: BAD_TICKET }),
    'no result': reply(200, { success: true, result: null }),
    'a refusal': reply(200, { success: false, code: 'E1', message: 'canary' }),
    'a refusal with a secret for a code': reply(400, { success: false, code: 'canary canary', message: 'canary' }),
    ...Object.fromEntries([200, 302, 401, 403, 404, 429, 503].map((status) => [status, reply(status, 'canary')])),
    'success with 500': reply(500, { success: true, result: 'canary' }),
    silence: 'taken',
  };
  const fault = fc.oneof(fc.constant('none'), fc.constantFrom(...Object.keys(FAULTS)));

  it.each([
    ['query', QUERY],
    ['mutation', MUTATION],
  ])('a %s has data, and typed errors at null', async (kind, query) => {
    await hold(
      fc.asyncProperty(variables, fc.array(fault, { minLength: 1, maxLength: 5 }), async (variables, sequence) => {
        faulty.upstream.reset();
        let sent = 0;
        faulty.upstream.fail(() => FAULTS[sequence[sent++ % sequence.length] ?? 'none']);
        const answer = await faulty.ask(query, { variables });
        expectSound(answer);
        expect(answer.data).toBeTruthy();
        for (const { path, extensions } of answer.errors) {
          const isOfWrite = kind === 'mutation' && path?.length === 1;
          expect(isOfWrite ? ['NOT_SENT', 'REJECTED', 'UNKNOWN'] : [undefined]).toContain(extensions.outcome);
        }
        expect(JSON.stringify(answer) + faulty.logText()).not.toContain('canary');
      }),
      150,
    );
  });
});

describe('for any document', () => {
  it('words of GraphQL have data or are refused as a whole', async () => {
    const word = wordOf(
      '{ { } } ( ) [ ] : ! $ @ ... | & = # " """ , query mutation subscription fragment F on Query Residence',
      'maintenances maintenance residenceId id state a b __typename __schema _service sdl _entities @include @skip if',
      '$x ID "r:m" "" 1 -1 1e9 true null \n \u0000 修',
    );
    const documents = fc.oneof(
      fc.array(word, { minLength: 1, maxLength: 30 }).map((words) => words.join(' ')),
      fc.array(word, { maxLength: 6 }).map((words) => `{ __typename ${words.join(' ')} }`),
      fc.string({ minLength: 1, unit: 'binary' }),
    );
    await hold(
      fc.asyncProperty(documents, async (query) => expectSound(await subgraph.ask(query))),
      300,
    );
  });
});

describe('for any request', () => {
  const BODY = JSON.stringify({ query: `{ maintenances(residenceId: "${R}") { contact } }` });
  const TOKEN = { authorization: `Bearer ${TOKENS.first}` };
  // HTTP allows visible ASCII, space, tab, and bytes above ASCII.
  const ALLOWED = times(256, (code) => String.fromCharCode(code)).filter((one) => /[\t\x20-\x7e\x80-\xff]/.test(one));
  const value = fc.string({ unit: fc.constantFrom(...ALLOWED), maxLength: 200 });

  /** Sends a request with these headers. Expects JSON in the form of GraphQL, with 200 or 4xx and no internal error. */
  async function send(headers: Record<string, string>, body: string | Buffer = BODY) {
    const usual = { host: 'x', 'content-type': 'application/json', 'router-authorization': ROUTER_SECRET };
    const lines = Object.entries({ ...usual, ...headers, connection: 'close' }).map((line) => line.join(': '));
    const answers = await sendBytes(subgraph.url, request(['POST /graphql HTTP/1.1', ...lines], body));
    expect(answers).toHaveLength(1);
    const [{ status = 0, headers: received, body: text } = {}] = answers;
    expect(status === 200 || (status >= 400 && status < 500)).toBe(true);
    expect(received?.get('content-type')).toMatch(/^application\/(graphql-response\+)?json; charset=utf-8/);
    const { data, errors = [] } = JSON.parse(text ?? '') as Partial<Answer>;
    expect(data !== undefined || errors.length > 0).toBe(true);
    for (const { extensions } of errors) expect(CODES).toContain(extensions.code);
    const codes = errors.map(({ extensions }) => extensions.code);
    return { status, data, codes, sent: subgraph.upstream.received.splice(0) };
  }

  it('a body of JSON or of other bytes is answered with 200 or 400', async () => {
    const any = fc.jsonValue();
    const query = fc.oneof(
      fc.constantFrom('{ __typename }', '{', 'query A { __typename } query B { __typename }'),
      any,
    );
    const operationName = fc.oneof(fc.constantFrom('A', 'C'), any);
    const params = fc.record(
      { query, operationName, variables: any, extensions: any, other: any },
      { requiredKeys: [] },
    );
    const values = fc
      .oneof(params, fc.array(params, { maxLength: 3 }), any)
      .map((body) => Buffer.from(JSON.stringify(body)));
    const operation = Buffer.from(JSON.stringify({ query: '{ __typename }' }));
    const edited = fc
      .tuple(fc.nat({ max: operation.length }), fc.nat({ max: 4 }), fc.uint8Array({ maxLength: 4 }))
      .map(([at, gone, bytes]) => Buffer.concat([operation.subarray(0, at), bytes, operation.subarray(at + gone)]));
    const bodies = fc.oneof(
      values,
      edited,
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    );
    await hold(
      fc.asyncProperty(bodies, async (body) => expect([200, 400]).toContain((await send({}, body)).status)),
      300,
    );
  });

  it('the token in Authorization is sent to the command API, or refused before any command', async () => {
    const token = fc.oneof(
      wordOf(...Object.values(TOKENS)),
      fc.stringMatching(/^[!a~]{1,3}[ \t\x80a]?[!a~]{1,3}$/),
      value,
    );
    const scheme = fc.constantFrom('Bearer', 'bearer', 'BEARER', 'Basic', '');
    const near = fc.tuple(scheme, fc.constantFrom(' ', ' ', '  ', '\t', ''), token).map((parts) => parts.join(''));
    await hold(
      fc.asyncProperty(fc.oneof({ weight: 4, arbitrary: near }, { weight: 1, arbitrary: value }), async (given) => {
        const { sent, codes } = await send({ authorization: given });
        // HTTP ignores white space around a value.
        const received = given.replace(/^[\t ]+|[\t ]+$/g, '');
        const [, usable] = /^bearer +([!-~]+)$/i.exec(received) ?? [];
        expect(sent.map(({ headers }) => headers.authorization)).toEqual(usable ? [`Bearer ${usable}`] : []);
        const isGood = Object.values<string | undefined>(TOKENS).includes(usable);
        expect(codes).toEqual(isGood ? [] : ['UNAUTHENTICATED']);
      }),
      200,
    );
  });

  it('a traceparent is sent to the command API only if it is valid', async () => {
    const FORM = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;
    const traceparent = fc.oneof(
      fc.stringMatching(FORM),
      fc.stringMatching(/^[\da-fA]{1,3}-?[\da-f]{32}-[\da-f]{16}-[\da-fz]{2}-?$/),
      fc.stringMatching(/^(ff|00)-0{31}[01]-0{15}[01]-01$/),
    );
    await hold(
      fc.asyncProperty(traceparent, async (given) => {
        const { data, sent } = await send({ ...TOKEN, traceparent: given });
        expect(data).toEqual({ maintenances: [{ contact: '10086' }] });
        // W3C Trace Context refuses version ff and ids of zeros.
        const isValid = FORM.test(given) && !/^ff|-0+-/.test(given);
        expect(sent.map(({ headers }) => headers.traceparent)).toEqual([isValid ? given : undefined]);
      }),
      200,
    );
  });

  it('any value of a header is answered with JSON', async () => {
    const name = wordOf('accept content-type content-encoding host');
    const piece = wordOf(
      'application/json application/graphql-response+json multipart/mixed text/plain text/html */* application/*',
      'charset=utf-8 charset=utf-16 charset=x deferSpec=20220824 incrementalSpec=v0.2 q=0 q=0.5 boundary=x',
      'gzip br identity ; , = " /',
    );
    const joined = fc
      .tuple(fc.array(piece, { maxLength: 6 }), fc.constantFrom('', ';', ', '))
      .map(([pieces, separator]) => pieces.join(separator));
    await hold(
      fc.asyncProperty(name, fc.oneof(value, joined), async (name, given) => {
        await send({ ...TOKEN, [name]: given });
      }),
      500,
    );
  });
});
