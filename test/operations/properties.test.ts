/**
 * Properties that hold for any input of a caller or a router. A failure prints its seed. decoding.test.ts has a
 * property of replies, and differential.test.ts compares operations with a naive server.
 */
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { exampleTicket } from '../../dev/seed.ts';
import { type Answer, codes, ROUTER_SECRET } from '../support/ask.ts';
import { ERRORS, readKeys } from '../support/documents.ts';
import { parseId } from '../support/naive-server.ts';
import { request, sendBytes } from '../support/raw-http.ts';
import { answerWith, detail, type FieldQuery, LIST, M, R, times } from '../support/requests.ts';
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
  const part = fc.string({
    minLength: 1,
    unit: fc.constantFrom('%25', '%3A', '%3a', '%41', '%', ':', 'r', '修', '\ud800'),
  });
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

it('any variables lead to data, and typed errors at null', async () => {
  // Without the names that Fastify refuses, because they could poison a prototype.
  const json = fc.jsonValue().filter((value) => !/"(__proto__|constructor)"/.test(JSON.stringify(value)));
  const key = fc.oneof(fc.constantFrom(R, M, `${R}:${M}`), json, text);
  const __typename = fc.oneof(wordOf('Maintenance Residence Query toString'), json);
  const members = { __typename, id: key, residence: fc.oneof(key, fc.record({ id: key })), maintenanceId: key };
  const representation = fc.oneof(
    fc.record(members, { requiredKeys: [] }),
    json.filter((value) => value !== null),
  );
  const time = fc.oneof(fc.constantFrom('2024-01-16T13:32:45Z', '2024-01-17T13:32:45Z'), text);
  const texts = { residenceId: fc.oneof(fc.constant(R), text), startTime: time, finishTime: time };
  const input = fc.record({ ...texts, description: text, contact: text, pictureFilenames: fc.array(text) });
  const variables = fc.record({ r: fc.array(representation), input });
  const FIELDS = 'id state startTime contact pictureUrls';
  const QUERY = `query ($r: [_Any!]!) {
    _entities(representations: $r) { ... on Maintenance { ${FIELDS} } ... on Residence { maintenances { ${FIELDS} } } }
  }`;
  const MUTATION = `mutation ($input: CreateMaintenanceInput!) {
    createMaintenance(input: $input) { createdId maintenance { ${FIELDS} } }
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

it('of any Authorization and traceparent, only a usable token and a valid trace are sent on', async () => {
  // HTTP allows visible ASCII, space, tab, and bytes above ASCII.
  const ALLOWED = times(256, (code) => String.fromCharCode(code)).filter((one) => /[\t\x20-\x7e\x80-\xff]/.test(one));
  const FORM = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;
  const token = fc.oneof(
    wordOf(...Object.values(TOKENS)),
    fc.stringMatching(/^[!a~]{1,3}[ \t\x80a]?[!a~]{1,3}$/),
    fc.string({ unit: fc.constantFrom(...ALLOWED), maxLength: 200 }),
  );
  const scheme = fc.constantFrom('Bearer', 'bearer', 'BEARER', 'Basic', '');
  const given = fc.tuple(scheme, fc.constantFrom(' ', '  ', '\t', ''), token).map((parts) => parts.join(''));
  const trace = fc.oneof(
    fc.stringMatching(FORM),
    fc.stringMatching(/^[\da-fA]{1,3}-?[\da-f]{32}-[\da-f]{16}-[\da-fz]{2}-?$/),
    fc.stringMatching(/^(ff|00)-0{31}[01]-0{15}[01]-01$/),
  );
  const usual = { host: 'x', 'content-type': 'application/json', 'router-authorization': ROUTER_SECRET };
  const body = JSON.stringify({ query: LIST });
  await hold(
    fc.asyncProperty(given, trace, async (authorization, traceparent) => {
      const headers = { ...usual, authorization, traceparent, connection: 'close' };
      const lines = Object.entries(headers).map((line) => line.join(': '));
      const [answer] = await sendBytes(subgraph.url, request(['POST /graphql HTTP/1.1', ...lines], body));
      // HTTP ignores white space around a value.
      const [, usable] = /^bearer +([!-~]+)$/i.exec(authorization.replace(/^[\t ]+|[\t ]+$/g, '')) ?? [];
      // W3C Trace Context refuses version ff and ids of zeros.
      const valid = FORM.test(traceparent) && !/^ff|-0+-/.test(traceparent) ? traceparent : undefined;
      const sent = subgraph.upstream.received.splice(0);
      const received = sent.map(({ headers }) => [headers.authorization, headers.traceparent]);
      expect(received).toEqual(usable ? [[`Bearer ${usable}`, valid]] : []);
      const { errors = [] } = JSON.parse(answer?.body ?? '') as Partial<Answer>;
      const isGood = Object.values<string | undefined>(TOKENS).includes(usable);
      expect([answer?.status, ...errors.map(({ extensions }) => extensions.code)]).toEqual(
        isGood ? [200] : [200, 'UNAUTHENTICATED'],
      );
    }),
    200,
  );
});
