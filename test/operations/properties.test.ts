/**
 * Properties that hold for any input of a caller, a router or the command API. A failure prints its seed. decoding.test.ts has a
 * property of replies, and differential.test.ts compares operations with a naive server.
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { exampleTicket } from '../../dev/seed.ts';
import { type Answer, codes, ROUTER_SECRET } from '../support/ask.ts';
import { ERRORS, readKeys } from '../support/documents.ts';
import { parseId } from '../support/naive-server.ts';
import { request, sendBytes } from '../support/raw-http.ts';
import { answerWith, create, detail, type FieldQuery, LIST, M, R, times } from '../support/requests.ts';
import { TOKENS } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

/** The error codes of docs/errors.md, except the code of a bug. */
const CODES = readKeys(ERRORS, 'code').filter((code) => code !== 'INTERNAL_SERVER_ERROR');

// Below jest's limit: fast-check prints the smallest counterexample that it has found by then.
const SEARCH_MS = 150_000;

function hold<T>(property: fc.IAsyncProperty<T>, numRuns: number): Promise<void> {
  return fc.assert(property, { numRuns, interruptAfterTimeLimit: SEARCH_MS, markInterruptAsFailure: true });
}

const wordOf = (...lines: string[]) => fc.constantFrom(...lines.flatMap((line) => line.split(' ')));
const text = fc.string({ unit: 'binary' });

// Neither waits for a retry, nor does one operation stop the commands of the next.
const subgraph = useSubgraph({ MAX_ATTEMPTS: '1', BREAKER_FAILURES: '10000' });
const ask = ({ query, variables }: FieldQuery) => subgraph.ask(query, { variables });

/** Returns name and param of each command since the last call. */
const takeSent = () => subgraph.upstream.received.splice(0).map(({ command, param }) => [command, param]);

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

it('any id is the key in one command and has one form in the answer, or is refused', async () => {
  const { maintenance_id: _, ...ticket } = exampleTicket();
  const part = fc.string({ minLength: 1, unit: fc.constantFrom('%25', '%3A', '%3a', '%', ':', 'r', '修', '\ud800') });
  const pair = fc.tuple(part, part).map((parts) => parts.join(':'));
  await hold(
    fc.asyncProperty(fc.oneof(text, part, pair), async (id) => {
      answerWith(subgraph.upstream, ticket);
      const answer = await ask(detail(id));
      const key = parseId(id);
      const param = { residence_id: key?.[0], maintenance_id: key?.[1] };
      expect(takeSent()).toEqual(key ? [['get_maintenance_info', param]] : []);
      expect(answer.data).toEqual({ maintenance: key ? { id: id.replaceAll('%3a', '%3A') } : null });
      expect(codes(answer)).toEqual(key ? [] : [['BAD_USER_INPUT', 'maintenance']]);
    }),
    200,
  );
});

it('any two moments with any offsets are sent in UTC, or refused unless the second is later', async () => {
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
      answerWith(subgraph.upstream, { maintenance_id: 'm' });
      const answer = await ask(create({ startTime: toLocal(start, from), finishTime: toLocal(finish, to) }));
      expect(codes(answer)).toEqual(finish <= start ? [['BAD_USER_INPUT', 'createMaintenance']] : []);
      const param = expect.objectContaining({ start_time: toWire(start), finish_time: toWire(finish) });
      expect(takeSent()).toEqual(finish <= start ? [] : [['create_maintenance_info', param]]);
    }),
    150,
  );
});

it('any variables lead to data, and typed errors at null', async () => {
  // Without the names that Fastify refuses, because they could poison a prototype.
  const json = fc.jsonValue().filter((value) => !/"(__proto__|constructor)"/.test(JSON.stringify(value)));
  const id = fc.oneof(fc.constantFrom(`${R}:${M}`, `${R}:m1`), text);
  const key = fc.oneof(fc.constantFrom(R, M, `${R}:${M}`), json, text);
  const __typename = fc.oneof(wordOf('Maintenance Residence Query toString Visit'), json);
  const members = { __typename, id: key, residence: fc.oneof(key, fc.record({ id: key })), maintenanceId: key };
  const representation = fc.oneof(
    fc.record(members, { requiredKeys: [] }),
    json.filter((value) => value !== null),
  );
  const time = fc.oneof(fc.constantFrom('2024-01-16T13:32:45Z', '2024-01-17T13:32:45Z'), text);
  const texts = { residenceId: fc.oneof(fc.constant(R), text), startTime: time, finishTime: time };
  const input = fc.record({ ...texts, description: text, contact: text, pictureFilenames: fc.array(text) });
  const variables = fc.record({ id, ids: fc.array(id), r: fc.array(representation), n: fc.integer(), input });
  const FIELDS = 'id state startTime contact pictureUrls';
  const QUERY = `query ($id: ID!, $r: [_Any!]!, $n: Int) {
    maintenances(residenceId: $id, first: $n) { ${FIELDS} }
    maintenance(id: $id) { ${FIELDS} residence { maintenances(offset: $n) { ${FIELDS} } } }
    _entities(representations: $r) { ... on Maintenance { ${FIELDS} } ... on Residence { maintenances { ${FIELDS} } } }
  }`;
  const MUTATION = `mutation ($input: CreateMaintenanceInput!, $id: ID!, $ids: [ID!]!) {
    createMaintenance(input: $input) { createdId maintenance { ${FIELDS} } }
    deleteMaintenances(ids: $ids) { deletedIds failures { failedId code outcome } }
    deleteMaintenance(id: $id) { deletedId residence { maintenances { ${FIELDS} } } }
  }`;
  await hold(
    fc.asyncProperty(variables, async (variables) => {
      subgraph.upstream.reset();
      const [read, written] = [await subgraph.ask(QUERY, { variables }), await subgraph.ask(MUTATION, { variables })];
      for (const answer of [read, written]) {
        expectSound(answer);
        expect(answer.data).toBeTruthy();
      }
      const outcomes = written.errors
        .filter(({ path }) => path?.length === 1)
        .map(({ extensions }) => extensions.outcome);
      for (const outcome of outcomes) expect(['NOT_SENT', 'REJECTED']).toContain(outcome);
    }),
    150,
  );
});

it('any words of GraphQL have data, or are refused as a whole', async () => {
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
    200,
  );
});

describe('any request of a router', () => {
  // HTTP allows visible ASCII, space, tab, and bytes above ASCII.
  const ALLOWED = times(256, (code) => String.fromCharCode(code)).filter((one) => /[\t\x20-\x7e\x80-\xff]/.test(one));
  const value = fc.string({ unit: fc.constantFrom(...ALLOWED), maxLength: 200 });

  /** Sends a request with these headers. Expects JSON in the form of GraphQL, with 200 or 4xx and no internal error. */
  async function send(headers: Record<string, string>, body: string | Buffer = JSON.stringify({ query: LIST })) {
    const usual = { host: 'x', 'content-type': 'application/json', 'router-authorization': ROUTER_SECRET };
    const lines = Object.entries({ ...usual, ...headers, connection: 'close' }).map((line) => line.join(': '));
    const [answer] = await sendBytes(subgraph.url, request(['POST /graphql HTTP/1.1', ...lines], body));
    expect(String(answer?.status)).toMatch(/^(200|4\d\d)$/);
    expect(answer?.headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json; charset=utf-8/);
    const { data, errors = [] } = JSON.parse(answer?.body ?? '') as Partial<Answer>;
    expect(data !== undefined || errors.length > 0).toBe(true);
    for (const { extensions } of errors) expect(CODES).toContain(extensions.code);
    return { status: answer?.status, errors, sent: subgraph.upstream.received.splice(0) };
  }

  it('has a body of JSON or of other bytes, and is answered with 200 or 400', async () => {
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
      200,
    );
  });

  it('has any Authorization, of which only a usable token is sent on', async () => {
    const token = fc.oneof(
      wordOf(...Object.values(TOKENS)),
      fc.stringMatching(/^[!a~]{1,3}[ \t\x80a]?[!a~]{1,3}$/),
      value,
    );
    const scheme = fc.constantFrom('Bearer', 'bearer', 'BEARER', 'Basic', '');
    const given = fc.tuple(scheme, fc.constantFrom(' ', '  ', '\t', ''), token).map((parts) => parts.join(''));
    await hold(
      fc.asyncProperty(given, async (authorization) => {
        const { sent, errors } = await send({ authorization });
        // HTTP ignores white space around a value.
        const [, usable] = /^bearer +([!-~]+)$/i.exec(authorization.replace(/^[\t ]+|[\t ]+$/g, '')) ?? [];
        expect(sent.map(({ headers }) => headers.authorization)).toEqual(usable ? [`Bearer ${usable}`] : []);
        const isGood = Object.values<string | undefined>(TOKENS).includes(usable);
        expect(errors.map(({ extensions }) => extensions.code)).toEqual(isGood ? [] : ['UNAUTHENTICATED']);
      }),
      200,
    );
  });
});
