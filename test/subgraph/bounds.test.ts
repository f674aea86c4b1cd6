/**
 * The bounds of one request: for each, the last value that is accepted and the first that is refused.
 */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import {
  type GraphQLInputType,
  type GraphQLObjectType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isObjectType,
} from 'graphql';
import { exampleTicket } from '../../dev/seed.ts';
import { createAdmission } from '../../src/command-api/admission.ts';
import { createCommandApiClient } from '../../src/command-api/client.ts';
import { createCoalescing } from '../../src/command-api/coalescing.ts';
import { loadConfig } from '../../src/config.ts';
import { createMemory } from '../../src/memory.ts';
import {
  create,
  deleteMany,
  deleteOne,
  detail,
  entities,
  type FieldRequest,
  list,
  times,
} from '../support/requests.ts';
import { ROOT_FIELDS, SCHEMA } from '../support/schema.ts';
import { type Asking, codes, type GraphqlError, NEW_MAINTENANCE } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = NEW_MAINTENANCE.residenceId;
const LIST = `maintenances(residenceId: "${R}")`;
const MAX_REPLY_BYTES = 2 * 1024 * 1024;
const TOO_LARGE = 'The response would be too large. Request less.';
const TRACED = { headers: { 'apollo-federation-include-trace': 'ftv1' } };

// Long time-outs: a busy machine must not change which bound refuses.
const subgraph = useSubgraph({ ATTEMPT_TIMEOUT_MS: '59999', OPERATION_TIMEOUT_MS: '60000' });

const ask = ({ query, variables }: Pick<FieldRequest, 'query'> & Partial<FieldRequest>, asking?: Asking) =>
  subgraph.ask(query, { variables: variables ?? {}, ...asking });
const aliased = (count: number, field: string) => times(count, (index) => `a${index}: ${field}`).join(' ');
const ids = (count: number, residences: number) => times(count, (index) => `r${index % residences}:m${index}`);
const residences = (count: number) => times(count, (index) => ({ __typename: 'Residence', id: `r${index}` }));

/** Gives a residence `length` tickets: the example, changed by `members`. */
function fill(length: number, members: Record<string, unknown> = {}, residenceId: string = R): void {
  const tickets = times(length, (index) => ({ ...exampleTicket(), maintenance_id: `m${index}`, ...members }));
  subgraph.upstream.store.residences.set(residenceId, tickets);
}

/** Answers every command with `result`, and lists with none. */
function answerWith(result: unknown): void {
  subgraph.upstream.fail(({ command }) => ({
    body: { success: true, result: command === 'get_maintenance_list' ? [] : result },
  }));
}

function expectRefused(errors: GraphqlError[], paths: string[], message: string): void {
  expect(errors.map(({ path, message, extensions: { code } }) => [code, path?.join('.'), message])).toEqual(
    paths.map((path) => ['BAD_USER_INPUT', path, expect.stringContaining(message)]),
  );
}

describe('a body', () => {
  const bodyOf = (unused: string) => {
    const { query, variables } = create();
    return JSON.stringify({ query, variables: { ...variables, unused } });
  };
  const room = 1024 * 1024 - bodyOf('').length;

  it('is accepted with 1 MB', async () => {
    expect(await subgraph.post(bodyOf('x'.repeat(room)))).toMatchObject({ status: 200, errors: [] });
    expect(subgraph.upstream.commands()).toHaveLength(1);
  });

  it.each([
    ['a byte more', 'x'.repeat(room + 1)],
    ['fewer characters but more bytes', '修'.repeat(room / 2)],
  ])('is refused with %s', async (_, unused) => {
    expect((await subgraph.post(bodyOf(unused))).status).toBe(413);
    expect(subgraph.upstream.commands()).toEqual([]);
  });
});

describe('the id of a Maintenance', () => {
  /** Both parts have 256 characters, each of them escaped. */
  const LONGEST = `${'%25'.repeat(256)}:${'%3a'.repeat(256)}`;
  const represented = (id: string) => entities([{ __typename: 'Maintenance', id }], '... on Maintenance { id }');

  it.each([
    ['maintenance', detail],
    ['deleteMaintenance', deleteOne],
    ['deleteMaintenances', deleteMany],
    ['a representation', represented],
  ])('has parts of at most 256 characters and 1,600 in all: %s', async (_, request) => {
    answerWith({ description: 'x' });
    expect((await ask(request(LONGEST))).errors).toEqual([]);
    const [{ param } = { param: {} }] = subgraph.upstream.received;
    expect(param).toMatchObject({ residence_id: '%'.repeat(256) });
    expect(JSON.stringify(param)).toContain(`"maintenance_id":"${':'.repeat(256)}"`);
    const long = 'x'.repeat(257);
    for (const id of [`${long}:m`, `r:${long}`, 'r\ud800:m', `${LONGEST}${'x'.repeat(64)}`, 'x'.repeat(900_000)]) {
      expect(codes(await ask(request(id)))).toEqual([['BAD_USER_INPUT', request('').path.join('.')]]);
    }
    expect(subgraph.upstream.received).toHaveLength(1);
  });
});

describe('an id of the command API', () => {
  it.each<[string, (id: string) => FieldRequest]>([
    ['an argument', (residenceId) => list({ residenceId })],
    ['an input', (residenceId) => create({ residenceId })],
    [
      'the representation of a Residence',
      (id) => entities([{ __typename: 'Residence', id }], '... on Residence { maintenances { id } }'),
    ],
    [
      'the second key of a Maintenance',
      (id) =>
        entities([{ __typename: 'Maintenance', residence: { id }, maintenanceId: id }], '... on Maintenance { id }'),
    ],
  ])('has 1 to 256 characters of well-formed Unicode in %s', async (_, request) => {
    answerWith({ maintenance_id: 'm' });
    const longest = 'x'.repeat(256);
    expect((await ask(request(longest))).errors).toEqual([]);
    expect(subgraph.upstream.received.map(({ param }) => param.residence_id)).toEqual([longest]);
    for (const id of [`${longest}x`, 'x\udc00', '']) {
      expect((await ask(request(id))).errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    }
    expect(subgraph.upstream.received).toHaveLength(1);
  });
});

describe('an argument', () => {
  const listOfClosed = (count: number) => list({ states: times(count, () => 'CLOSED') });
  const represented = (count: number) => entities(residences(count), '... on Residence { id }');

  it.each<[string, (size: number) => FieldRequest, number, string]>([
    ['input.description', (size) => create({ description: 'x'.repeat(size) }), 10_000, 'be longer than'],
    ['input.contact', (size) => create({ contact: '修'.repeat(size) }), 1000, 'be longer than'],
    ['input.pictureFilenames', (size) => create({ pictureFilenames: times(size, String) }), 20, 'hold more than'],
    ['input.pictureFilenames[0]', (size) => create({ pictureFilenames: ['x'.repeat(size)] }), 256, 'be longer than'],
    ['states', listOfClosed, 100, 'hold more than'],
    ['ids', (size) => deleteMany(ids(size, 1)), 500, 'hold more than'],
    ['ids', (size) => deleteMany(ids(size, size)), 100, 'be of more than'],
    ['representations', represented, 1000, 'hold more than'],
  ])('%s is accepted up to its bound and refused above', async (name, request, bound, wording) => {
    answerWith({ maintenance_id: 'm' });
    expect((await ask(request(bound))).errors).toEqual([]);
    const before = subgraph.upstream.received.length;
    const { data, errors } = await ask(request(bound + 1));
    const field = String(request(1).path[0]);
    expectRefused(errors, [field], `Argument "${name}" must not ${wording} ${bound} `);
    expect(data).toEqual(field === '_entities' ? null : { [field]: null });
    expect(subgraph.upstream.received).toHaveLength(before);
  });

  it('of 500 ids of 100 residences sends one command per residence and answers in the given order', async () => {
    answerWith({});
    const { data } = await ask(deleteMany(ids(500, 100)));
    expect(data.deleteMaintenances).toEqual({ deletedIds: ids(500, 100), failures: [] });
    const commands = times(100, (residence) => [
      'batch_delete_maintenance_info',
      { residence_id: `r${residence}`, maintenances: times(5, (i) => ({ maintenance_id: `m${residence + 100 * i}` })) },
    ]);
    expect(subgraph.upstream.received).toHaveLength(100);
    expect(subgraph.upstream.received.map(({ command, param }) => [command, param])).toEqual(
      expect.arrayContaining(commands),
    );
  });
});

describe('every argument of the schema', () => {
  const VALID: Record<string, unknown> = { id: `${R}:m`, ids: [`${R}:m`], ...NEW_MAINTENANCE };

  /** Returns a valid value of an argument or input field. */
  function toValid(name: string, type: GraphQLInputType): unknown {
    const bare = getNullableType(type);
    if (name in VALID) return VALID[name];
    if (isListType(bare)) return [toValid('', bare.ofType)];
    if (isEnumType(bare)) return bare.getValues()[0]?.name;
    if (!isInputObjectType(bare)) return String(bare) === 'Int' ? 1 : 'x';
    return Object.fromEntries(Object.values(bare.getFields()).map(({ name, type }) => [name, toValid(name, type)]));
  }

  /** Returns each value with one text that is too long or one list that has too many entries, with the path of this fault. */
  function tooLarge(path: string, name: string, type: GraphQLInputType): [path: string, value: unknown][] {
    const bare = getNullableType(type);
    if (isListType(bare)) {
      const [entry] = toValid(name, type) as unknown[];
      const inEntry = tooLarge(`${path}[0]`, '', bare.ofType);
      return [[path, times(600, () => entry)], ...inEntry.map(([at, value]): [string, unknown] => [at, [value]])];
    }
    if (isInputObjectType(bare)) {
      const valid = toValid(name, type) as object;
      return Object.values(bare.getFields()).flatMap((field) =>
        tooLarge(`${path}.${field.name}`, field.name, field.type).map(([at, value]): [string, unknown] => [
          at,
          { ...valid, [field.name]: value },
        ]),
      );
    }
    return ['String', 'ID'].includes(String(bare)) ? [[path, 'x'.repeat(20_000)]] : [];
  }

  const cases = ROOT_FIELDS.flatMap(({ operation, field }) =>
    field.args.flatMap(({ name, type }) =>
      tooLarge(name, name, type).map(([path, value]) => ({
        at: `${field.name}: ${path}`,
        operation,
        field,
        name,
        value,
      })),
    ),
  );

  it.each(cases)('has a bound: $at', async ({ operation, field, name, value }) => {
    const declared = field.args.map((argument) => `$${argument.name}: ${argument.type}`).join(', ');
    const given = field.args.map((argument) => `${argument.name}: $${argument.name}`).join(', ');
    const query = `${operation} (${declared}) { ${field.name}(${given}) { __typename } }`;
    const valid = Object.fromEntries(field.args.map(({ name, type }) => [name, toValid(name, type)]));
    const { errors } = await ask({ query, variables: { ...valid, [name]: value } });
    expect(errors).toMatchObject([{ path: [field.name], extensions: { code: 'BAD_USER_INPUT' } }]);
    expect(subgraph.upstream.commands()).toEqual([]);
    await ask({ query, variables: valid });
    expect(subgraph.upstream.commands()).not.toEqual([]);
  });
});

describe('one operation', () => {
  it('sends 100 writes, counted for a whole field before any of its commands is sent', async () => {
    answerWith({});
    const batch = (alias: string, from: number, count: number) =>
      `${alias}: deleteMaintenances(ids: [${times(count, (index) => `"r${from + index}:m"`)}]) { deletedIds failures { id } }`;
    const { data, errors } = await subgraph.ask(
      `mutation { ${batch('a', 0, 60)} ${batch('b', 100, 41)} ${batch('c', 200, 40)} d: deleteMaintenance(id: "r:m") { id } }`,
    );
    expectRefused(errors, ['b', 'd'], 'Too many writes in one operation: at most 100');
    expect(errors.map(({ extensions }) => extensions.outcome)).toEqual(['NOT_SENT', 'NOT_SENT']);
    expect([data.a.deletedIds.length, data.b, data.c.deletedIds.length, data.d]).toEqual([60, null, 40, null]);
    const residenceIds = subgraph.upstream.received.map(({ param }) => Number(String(param.residence_id).slice(1)));
    expect(residenceIds.toSorted((a, b) => a - b)).toEqual([
      ...times(60, Number),
      ...times(40, (index) => 200 + index),
    ]);
  });

  it('sends 1,000 reads; each further read fails alone', async () => {
    answerWith([]);
    const { data, errors } = await subgraph.ask(
      `query ($r: [_Any!]!) { ${LIST} { id } _entities(representations: $r) { ... on Residence { maintenances { id } } } }`,
      { variables: { r: residences(1000) } },
    );
    expectRefused(errors, ['_entities.999.maintenances'], 'Too many reads in one operation: at most 1000');
    expect(data.maintenances).toEqual([]);
    expect(data._entities.slice(998)).toEqual([{ maintenances: [] }, { maintenances: null }]);
    expect(subgraph.upstream.received).toHaveLength(1000);
  });

  it('counts the list that follows a rejected detail; without it the error of the detail remains', async () => {
    subgraph.upstream.fail(({ command }) => ({ body: { success: command === 'get_maintenance_list', result: [] } }));
    const details = times(999, (index) => ({ __typename: 'Maintenance', id: `r${index}:m` }));
    const { data, errors } = await ask(entities(details, '... on Maintenance { state }'));
    expect(data._entities).toEqual(times(999, () => null));
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(times(998, () => 'COMMAND_REJECTED'));
    expect(subgraph.upstream.received).toHaveLength(1000);
  });
});

describe('a reply of the command API', () => {
  /** Returns a list reply of exactly `bytes` bytes. */
  function reply(bytes: number): string {
    const make = (description: string) =>
      JSON.stringify({ success: true, result: [{ maintenance_id: 'm', description }] });
    return make('x'.repeat(bytes - make('').length));
  }

  it.each([
    ['plain', (text: string) => text, {}],
    ['gzip', (text: string) => gzipSync(text), { 'content-encoding': 'gzip' }],
  ])('is accepted with 2 MB and refused with a byte more: %s', async (_, encode, headers) => {
    const answer = (bytes: number) => {
      subgraph.upstream.fail((__, response) => {
        response.writeHead(200, headers).end(encode(reply(bytes)));
        return 'taken';
      });
      return ask(list());
    };
    expect((await answer(MAX_REPLY_BYTES)).data.maintenances).toEqual([{ id: `${R}:m` }]);
    const { data, errors } = await answer(MAX_REPLY_BYTES + 1);
    expect(data).toEqual({ maintenances: null });
    const message = `The command API sent more than ${MAX_REPLY_BYTES} bytes, the limit of MAX_REPLY_BYTES.`;
    expect(errors).toMatchObject([{ message, extensions: { code: 'UPSTREAM_INVALID_RESPONSE' } }]);
  });

  it('leaves the outcome of a write unknown if it is too large', async () => {
    subgraph.upstream.fail(() => ({ body: reply(MAX_REPLY_BYTES + 1) }));
    const { data } = await ask(deleteMany(['r:m'], 'failures { code message outcome }'));
    const message = expect.stringContaining('MAX_REPLY_BYTES');
    expect(data.deleteMaintenances.failures).toEqual([
      { code: 'UPSTREAM_INVALID_RESPONSE', message, outcome: 'UNKNOWN' },
    ]);
  });

  /** Returns a client whose command API answers with 50 KB. `onDecode` runs when the client reads the body. */
  function clientOf(onDecode: () => void, caller = new AbortController(), onReply = () => {}) {
    const text = reply(50_001);
    const send = async () => {
      onReply();
      const chunks = [Buffer.from(text)];
      return {
        status: 200,
        bytes: text.length,
        get chunks() {
          onDecode();
          return chunks;
        },
      };
    };
    const session = {
      authorization: 'Bearer x',
      traceparent: undefined,
      endsAt: Number.POSITIVE_INFINITY,
      readSignal: caller.signal,
      writeSignal: new AbortController().signal,
      share: createMemory().open(),
    };
    const admission = createAdmission(loadConfig({ COMMAND_API_URL: 'http://localhost', ROUTER_SECRET: 'x' }));
    return createCommandApiClient({ send, endpoint: {}, admission, coalescing: createCoalescing() }, session, []);
  }

  it('of more than 50 KB is decoded in its own turn of the event loop', async () => {
    const events: string[] = [];
    const client = clientOf(() => events.push('decoded'));
    const lists = times(8, (index) => client.getMaintenanceList(`r${index}`));
    const noteTurn = () => {
      events.push('turn');
      if (events.filter((event) => event === 'decoded').length < 8) setImmediate(noteTurn);
    };
    setImmediate(noteTurn);
    await Promise.all(lists);
    const text = events.join(' ');
    expect(text.match(/decoded/g)).toHaveLength(8);
    expect(text).not.toContain('decoded decoded');
  });

  it('of more than 50 KB is not decoded after its operation has ended', async () => {
    const decoded: string[] = [];
    const caller = new AbortController();
    const client = clientOf(
      () => decoded.push('decoded'),
      caller,
      () => caller.abort(),
    );
    await expect(client.getMaintenanceList('r')).rejects.toMatchObject({ reason: 'gone' });
    expect(decoded).toEqual([]);
  });

  it('has errors for the first 20 undecodable members of a list as selected; further ones are null', async () => {
    fill(30, { state: 'lost', start_time: 5 });
    const selected = LIST.replace(')', ', offset: 5)');
    const answer = await subgraph.ask(`{ ${selected} { id startTime } other: ${LIST} { state } }`);
    expect(codes(answer)).toEqual([
      ...times(20, (index) => ['UPSTREAM_INVALID_RESPONSE', `maintenances.${index}.startTime`]),
      ...times(20, (index) => ['UPSTREAM_INVALID_RESPONSE', `other.${index}.state`]),
    ]);
    expect(answer.data).toEqual({
      maintenances: times(25, (index) => ({ id: `${R}:m${index + 5}`, startTime: null })),
      other: times(30, () => ({ state: null })),
    });
  });
});

describe('an answer', () => {
  /** Costs 15 MB with 3,000 tickets and one more field. */
  const MANY = aliased(99, 'state');
  const LONG_IDS = times(500, (index) => `${'%25'.repeat(256)}:${'%3A'.repeat(250)}${index}`);

  it('costs 50 bytes per field and 40 per scanned ticket, and more with a trace: at most 15 MB', async () => {
    fill(3000);
    const of = (selection: string, asking?: Asking) => ask({ query: `{ ${LIST} { ${selection} } }` }, asking);
    const accepted = await of(MANY);
    expect(accepted.errors).toEqual([]);
    expect(accepted.data.maintenances).toHaveLength(3000);
    for (const refused of [await of(`${MANY} createdTime`), await of(aliased(30, 'state'), TRACED)]) {
      expect(refused.data).toEqual({ maintenances: null });
      expectRefused(refused.errors, ['maintenances'], TOO_LARGE);
    }
  });

  /** A selection, a number of tickets for which it has room, and the length of the path where 3,100 are refused. */
  it.each<[string, string, number, number]>([
    ['the fields of an object', `residence { ${aliased(98, 'id')} }`, 2500, 1],
    ['fields in an inline fragment', `... { ${MANY} }`, 2500, 1],
    ['fields in a fragment, and of two nodes', `...many } ${LIST} { state`, 2500, 1],
    ['a skipped field', '...many id @skip(if: true)', 2500, 1],
    ['the characters of a long alias', `${'x'.repeat(1700)}: state`, 2500, 1],
    ['a list in each ticket', 'residence { maintenances(first: 0) { id } } id state', 300, 4],
    ['values of arguments', `residence { maintenances(first: 0, states: [${'CLOSED '.repeat(100)}]) { id } }`, 500, 1],
  ])('is charged for %s', async (_, selection, accepted, depth) => {
    const fragment = selection.includes('many') ? `fragment many on Maintenance { ${MANY} }` : '';
    const of = (tickets: number) => {
      fill(tickets);
      return subgraph.ask(`{ ${LIST} { ${selection} } } ${fragment}`);
    };
    expect((await of(accepted)).errors).toEqual([]);
    const [refusal] = (await of(3100)).errors;
    expect([refusal?.message, refusal?.path?.length]).toEqual([TOO_LARGE, depth]);
  });

  /** Prepares the store, for each list field of the schema, and returns a request for too much of the list. */
  const LISTS: Record<string, () => Pick<FieldRequest, 'query'> & Partial<FieldRequest>> = {
    'Query.maintenances': () => {
      fill(3000);
      return { query: `{ ${LIST} { ${MANY} id } }` };
    },
    'Query._entities': () => ({
      query: `query ($r: [_Any!]!) { ${aliased(15, '_entities(representations: $r) { ... on Residence { id } }')} }`,
      variables: { r: residences(1000) },
    }),
    'Residence.maintenances': () => {
      fill(3000);
      return entities([{ __typename: 'Residence', id: R }], `... on Residence { maintenances { ${MANY} id } }`);
    },
    'Maintenance.pictureUrls': () => {
      fill(1, { maintenance_picture_url: times(3000, String) });
      return detail(`${R}:m0`, aliased(99, 'pictureUrls'));
    },
    'DeleteMaintenancesPayload.deletedIds': () => deleteMany(LONG_IDS, aliased(99, 'deletedIds')),
    'DeleteMaintenancesPayload.failures': () => deleteMany(LONG_IDS, `failures { ${aliased(99, 'id')} }`),
  };

  it('is charged for every list field of the schema', async () => {
    const fields = Object.values(SCHEMA.getTypeMap())
      .filter((type) => isObjectType(type) && !type.name.startsWith('__'))
      .flatMap((type) => Object.values((type as GraphQLObjectType).getFields()).map((field) => ({ type, field })))
      .filter(({ field }) => isListType(getNullableType(field.type)))
      .map(({ type, field }) => `${type.name}.${field.name}`);
    expect(Object.keys(LISTS).sort()).toEqual(fields.sort());
    for (const prepare of Object.values(LISTS)) {
      expect((await ask(prepare())).errors.map(({ message }) => message)).toContain(TOO_LARGE);
    }
  });

  it('is charged five times as much for an ordered ticket as for a scanned ticket', async () => {
    fill(5000);
    const of = (order: string) =>
      subgraph.ask(`{ ${LIST.replace(')', ', first: 20)')} { residence { maintenances(first: 0${order}) { id } } } }`);
    expect((await of('')).errors).toEqual([]);
    expect((await of(', orderBy: START_TIME_ASC')).errors[0]?.message).toBe(TOO_LARGE);
  });

  it.each([
    ['description', 'description', 'x'.repeat(1_000_000)],
    ['contact', 'contact', 'x'.repeat(1_000_000)],
    ['feedback', 'feedback', 'x'.repeat(1_000_000)],
    ['pictureUrls', 'maintenance_picture_url', ['x'.repeat(1_000_000)]],
  ])('is charged 3 bytes per character of a text, under each alias: %s', async (field, member, value) => {
    fill(1, { [member]: value });
    expect((await ask(detail(`${R}:m0`, aliased(4, field)))).errors).toEqual([]);
    const { data, errors } = await ask(detail(`${R}:m0`, aliased(5, field)));
    expect(data).toEqual({ maintenance: null });
    expectRefused(errors, ['maintenance'], TOO_LARGE);
  });

  it('is charged for the characters of long ids', async () => {
    const residenceId = ':'.repeat(256);
    fill(1000, {}, residenceId);
    const query = `query ($id: ID!) { maintenances(residenceId: $id) { ${aliased(8, 'id')} } }`;
    expectRefused((await ask({ query, variables: { id: residenceId } })).errors, ['maintenances'], TOO_LARGE);
  });

  it('is charged for the SDL under each alias', async () => {
    const query = `{ _service { ${aliased(99, 'sdl')} } }`;
    expect((await subgraph.ask(query, { token: null })).errors).toEqual([]);
    const { extensions, errors } = await subgraph.ask(query, TRACED);
    expect(extensions).toBeDefined();
    expectRefused(errors, ['_service'], TOO_LARGE);
  });

  it('of deleteMaintenances is refused before any command', async () => {
    const deletion = (index: number) => `m${index}: deleteMaintenances(ids: $ids) { deletedIds a: deletedIds }`;
    const query = `mutation ($ids: [ID!]!) { ${times(8, deletion).join(' ')} }`;
    const { data, errors } = await ask({ query, variables: { ids: LONG_IDS } });
    const refused = ['m3', 'm4', 'm5', 'm6', 'm7'];
    expect(Object.keys(data).filter((alias) => data[alias] === null)).toEqual(refused);
    expectRefused(errors, refused, TOO_LARGE);
    expect(errors.map(({ extensions }) => extensions.outcome)).toEqual(times(5, () => 'NOT_SENT'));
    expect(subgraph.upstream.received).toHaveLength(3);
  });

  it('is charged for errors and the aliases in their paths', async () => {
    fill(20, { state: 'lost' });
    const faulty = (alias: string) => subgraph.ask(`{ ${alias}: ${LIST} { ${MANY} } }`);
    expect((await faulty('x')).errors).toHaveLength(20 * 99);
    const long = 'x'.repeat(3000);
    expectRefused((await faulty(long)).errors, [long], TOO_LARGE);
  });

  it('has errors as long as there is room; further entries are null', async () => {
    const malformed = times(1000, () => ({ __typename: 'Maintenance', id: 'x' }));
    const query = `query ($r: [_Any!]!) { ${aliased(20, '_entities(representations: $r) { __typename }')} }`;
    const { data, errors } = await ask({ query, variables: { r: malformed } });
    expect(new Set(Object.values(data).flat())).toEqual(new Set([null]));
    expect(errors.length).toBeGreaterThan(3700);
    expect(errors.length).toBeLessThan(3751);
    // Finding the lines of that many errors would block other requests.
    expect(errors[0]).not.toHaveProperty('locations');
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('keeps its small fields when a large one is refused, and does not affect the next operation', async () => {
    fill(3000);
    const query = `{ ${LIST} { ${MANY} id } small: ${LIST.replace(')', ', first: 1)')} { contact } }`;
    for (const { data, errors } of [await subgraph.ask(query), await subgraph.ask(query)]) {
      expect(data).toEqual({ maintenances: null, small: [{ contact: '10086' }] });
      expectRefused(errors, ['maintenances'], TOO_LARGE);
    }
  });

  it('of a mutation keeps the result of the write when a list in the payload is refused', async () => {
    fill(3000);
    const { data, errors } = await subgraph.ask(
      `mutation { deleteMaintenance(id: "${R}:m0") { id residence { maintenances { ${MANY} id } } } }`,
    );
    expect(data).toEqual({ deleteMaintenance: { id: `${R}:m0`, residence: { maintenances: null } } });
    expectRefused(errors, ['deleteMaintenance.residence.maintenances'], TOO_LARGE);
    expect(subgraph.upstream.commands()).toEqual([`delete_maintenance_info ${R} m0`, `get_maintenance_list ${R}`]);
  });

  it('has room for 1,000 residences with 20 tickets of five fields', async () => {
    for (const { id } of residences(1000)) fill(20, {}, id);
    const fields = 'id state startTime description contact';
    const { data, errors } = await ask(entities(residences(1000), `... on Residence { maintenances { ${fields} } }`));
    expect(errors).toEqual([]);
    expect(data._entities[999].maintenances).toHaveLength(20);
    expect(subgraph.upstream.received).toHaveLength(1000);
  });
});
