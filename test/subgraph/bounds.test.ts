/**
 * What one request may cost: for each bound the last value that is accepted and the first that is refused, and products of
 * two bounds.
 */
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
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
import { ROOT_FIELDS, SCHEMA } from '../support/schema.ts';
import { type Asking, codes, type GraphqlError, NEW_MAINTENANCE } from '../support/subgraph.ts';
import { useSubgraph } from '../support/use-subgraph.ts';
import { until } from '../support/wait.ts';

const R = NEW_MAINTENANCE.residenceId;
const LIST = `maintenances(residenceId: "${R}")`;
const MAX_REPLY_BYTES = 2 * 1024 * 1024;
const TOO_LARGE = 'The answer would be too large with this. Ask for less.';

// The limits of time are not what is tested here: a busy machine may need longer.
const subgraph = useSubgraph({ ATTEMPT_TIMEOUT_MS: '59999', OPERATION_TIMEOUT_MS: '60000' });

const list = <T>(length: number, make: (index: number) => T) => Array.from({ length }, (_, index) => make(index));
const aliased = (count: number, field: string) => list(count, (index) => `a${index}: ${field}`).join(' ');
const ids = (count: number, residences: number) => list(count, (index) => `r${index % residences}:m${index}`);
const entities = (selection: string) => `query ($r: [_Any!]!) { _entities(representations: $r) { ${selection} } }`;

/** Gives a residence so many tickets, which differ from the example in these members. */
function fill(length: number, members: Record<string, unknown> = {}, residenceId: string = R): void {
  const tickets = list(length, (index) => ({ ...exampleTicket(), maintenance_id: `m${index}`, ...members }));
  subgraph.upstream.store.residences.set(residenceId, tickets);
}

/** Has every command answered with success and this result. */
function answerWith(result: unknown): void {
  subgraph.upstream.fail(() => ({ body: { success: true, result } }));
}

function expectRefused(errors: GraphqlError[], paths: string[], message: string): void {
  expect(errors.map(({ path, message, extensions: { code } }) => [code, path?.join('.'), message])).toEqual(
    paths.map((path) => ['BAD_USER_INPUT', path, expect.stringContaining(message)]),
  );
}

describe('an id', () => {
  /** Each part as long as it may be, and all of it escaped. */
  const LONGEST = `${'%25'.repeat(256)}:${'%3a'.repeat(256)}`;
  const USABLE = 'x'.repeat(256);
  const MAINTENANCE = '... on Maintenance { id }';
  const WAYS: [string, string, string, (id: string) => Record<string, unknown>][] = [
    ['of maintenance', 'query ($id: ID!) { maintenance(id: $id) { id } }', 'maintenance', (id) => ({ id })],
    [
      'of deleteMaintenance',
      'mutation ($id: ID!) { deleteMaintenance(id: $id) { id } }',
      'deleteMaintenance',
      (id) => ({ id }),
    ],
    [
      'of deleteMaintenances',
      'mutation ($id: [ID!]!) { deleteMaintenances(ids: $id) { deletedIds } }',
      'deleteMaintenances',
      (id) => ({ id }),
    ],
    ['of a representation', entities(MAINTENANCE), '_entities.0', (id) => ({ r: { __typename: 'Maintenance', id } })],
  ];

  it.each(WAYS)('%s may have parts of 256 characters', async (_, query, __, variables) => {
    answerWith({ description: 'x' });
    expect((await subgraph.ask(query, { variables: variables(LONGEST) })).errors).toEqual([]);
    const [{ param } = { param: {} }] = subgraph.upstream.received;
    expect(param).toMatchObject({ residence_id: '%'.repeat(256) });
    expect(JSON.stringify(param)).toContain(`"maintenance_id":"${':'.repeat(256)}"`);
  });

  it.each(
    WAYS.flatMap(([name, query, path, variables]) =>
      [
        ['a residence of 257', `${USABLE}x:m`],
        ['a maintenance of 257', `r:${USABLE}x`],
        ['half a surrogate pair', 'r\ud800:m'],
        ['1,601 characters', `${LONGEST}${'x'.repeat(64)}`],
        ['1 MB', `${'%25'.repeat(300_000)}:m`],
      ].map(([fault, id]): [string, string, string, string, Record<string, unknown>] => [
        name,
        String(fault),
        query,
        path,
        variables(String(id)),
      ]),
    ),
  )('%s is refused with %s, and nothing is sent', async (_, __, query, path, variables) => {
    const answer = await subgraph.ask(query, { variables });
    expect(codes(answer)).toEqual([['BAD_USER_INPUT', path]]);
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it.each<[string, string, (id: string) => Asking['variables']]>([
    ['an argument', 'query ($id: ID!) { maintenances(residenceId: $id) { id } }', (id) => ({ id })],
    [
      'an input',
      'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }',
      (residenceId) => ({ input: { ...NEW_MAINTENANCE, residenceId } }),
    ],
    [
      'a Residence',
      entities('... on Residence { maintenances { id } }'),
      (id) => ({ r: { __typename: 'Residence', id } }),
    ],
    [
      'the second key',
      entities(MAINTENANCE),
      (id) => ({ r: { __typename: 'Maintenance', residence: { id }, maintenanceId: id } }),
    ],
  ])('of the vendor’s own in %s may have 256 characters of well-formed Unicode', async (_, query, variables) => {
    subgraph.upstream.fail(({ command }) => ({
      body: { success: true, result: command === 'get_maintenance_list' ? [] : { maintenance_id: 'm' } },
    }));
    expect((await subgraph.ask(query, { variables: variables(USABLE) ?? {} })).errors).toEqual([]);
    expect(subgraph.upstream.received.map(({ param }) => param.residence_id)).toEqual([USABLE]);
    for (const id of [`${USABLE}x`, 'x\udc00', '']) {
      const answer = await subgraph.ask(query, { variables: variables(id) ?? {} });
      expect(answer.errors.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
    }
    expect(subgraph.upstream.received).toHaveLength(1);
  });
});

describe('an input', () => {
  const CREATE = 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }';

  it.each([
    ['description', 'x'.repeat(10_000), 'x'.repeat(10_001), '"input.description" must not be longer than 10000'],
    ['contact', '修'.repeat(1000), '修'.repeat(1001), '"input.contact" must not be longer than 1000'],
    ['pictureFilenames', list(20, String), list(21, String), '"input.pictureFilenames" must not hold more than 20'],
    [
      'pictureFilenames',
      ['x'.repeat(256)],
      ['x'.repeat(257)],
      '"input.pictureFilenames[0]" must not be longer than 256',
    ],
  ])('of %s', async (member, accepted, refused, message) => {
    const ask = (value: unknown) =>
      subgraph.ask(CREATE, { variables: { input: { ...NEW_MAINTENANCE, [member]: value } } });
    expect((await ask(accepted)).errors).toEqual([]);
    expect(subgraph.upstream.received).toHaveLength(1);
    const { errors } = await ask(refused);
    expectRefused(errors, ['createMaintenance'], message);
    expect(errors[0]?.extensions.outcome).toBe('NOT_SENT');
    expect(subgraph.upstream.received).toHaveLength(1);
  });

  it.each([
    ['states', 'query ($v: [MaintenanceState!]) { maintenances(residenceId: "r", states: $v) { id } }', 100],
    ['ids', 'mutation ($v: [ID!]!) { deleteMaintenances(ids: $v) { deletedIds } }', 500],
  ])('of %s', async (name, query, most) => {
    const values = name === 'states' ? list(most + 1, () => 'CLOSED') : ids(most + 1, 1);
    answerWith(name === 'states' ? [] : {});
    expect((await subgraph.ask(query, { variables: { v: values.slice(0, most) } })).errors).toEqual([]);
    const { errors, data } = await subgraph.ask(query, { variables: { v: values } });
    expectRefused(errors, Object.keys(data), `"${name}" must not hold more than ${most}`);
    expect(subgraph.upstream.received).toHaveLength(1);
  });

  it('of ids of more than 100 residences', async () => {
    answerWith({});
    const query = 'mutation ($ids: [ID!]!) { deleteMaintenances(ids: $ids) { deletedIds failures { id } } }';
    const { data } = await subgraph.ask(query, { variables: { ids: ids(500, 100) } });
    expect(data.deleteMaintenances.deletedIds).toHaveLength(500);
    expect(subgraph.upstream.received).toHaveLength(100);
    const { errors } = await subgraph.ask(query, { variables: { ids: ids(101, 101) } });
    expectRefused(errors, ['deleteMaintenances'], '"ids" must not be of more than 100 residences');
    expect(subgraph.upstream.received).toHaveLength(100);
  });

  it('of representations', async () => {
    const ask = (length: number) =>
      subgraph.ask(entities('... on Residence { id }'), {
        variables: { r: list(length, () => ({ __typename: 'Residence', id: 'r' })) },
      });
    expect((await ask(1000)).data._entities).toHaveLength(1000);
    const refused = await ask(1001);
    expect(refused.data).toBeNull();
    expectRefused(refused.errors, ['_entities'], 'must not hold more than 1000');
  });
});

describe('every argument of the schema', () => {
  const LONG = 'x'.repeat(20_000);
  const VALID: Record<string, unknown> = { id: `${R}:m`, ids: [`${R}:m`], ...NEW_MAINTENANCE };

  /** Returns a value that is taken for an argument or input field. */
  function toValid(name: string, type: GraphQLInputType): unknown {
    const bare = getNullableType(type);
    if (name in VALID) return VALID[name];
    if (isListType(bare)) return [toValid('', bare.ofType as GraphQLInputType)];
    if (isEnumType(bare)) return bare.getValues()[0]?.name;
    if (!isInputObjectType(bare)) return String(bare) === 'Int' ? 1 : 'x';
    return Object.fromEntries(
      Object.values(bare.getFields()).map((field) => [field.name, toValid(field.name, field.type)]),
    );
  }

  /** Returns the values with one text too long or one list with too many entries, each with its path. */
  function tooLarge(path: string, name: string, type: GraphQLInputType): [path: string, value: unknown][] {
    const bare = getNullableType(type);
    if (isListType(bare)) {
      const inner = bare.ofType as GraphQLInputType;
      const entry = ([] as unknown[]).concat(toValid(name, type))[0];
      return [
        [path, list(600, () => entry)],
        ...tooLarge(`${path}[0]`, '', inner).map(([at, value]): [string, unknown] => [at, [value]]),
      ];
    }
    if (isInputObjectType(bare))
      return Object.values(bare.getFields()).flatMap((field) =>
        tooLarge(`${path}.${field.name}`, field.name, field.type).map(([at, value]): [string, unknown] => [
          at,
          { ...(toValid(name, type) as object), [field.name]: value },
        ]),
      );
    return ['String', 'ID'].includes(String(bare)) ? [[path, LONG]] : [];
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
    const variables = Object.fromEntries(
      field.args.map((argument) => [argument.name, toValid(argument.name, argument.type)]),
    );
    const ask = (more: object) =>
      subgraph.ask(`${operation} (${declared}) { ${field.name}(${given}) { __typename } }`, {
        variables: { ...variables, ...more },
      });
    const { errors } = await ask({ [name]: value });
    expect(errors).toMatchObject([{ path: [field.name], extensions: { code: 'BAD_USER_INPUT' } }]);
    expect(subgraph.upstream.commands()).toEqual([]);
    await ask({});
    expect(subgraph.upstream.commands()).not.toEqual([]);
  });
});

describe('commands of one operation', () => {
  const batch = (alias: string, from: number, count: number) =>
    `${alias}: deleteMaintenances(ids: [${list(count, (index) => `"r${from + index}:m"`)}]) { deletedIds failures { id } }`;

  it('are 100 writes, counted for a whole field before any of it is sent', async () => {
    answerWith({});
    const { data, errors } = await subgraph.ask(
      `mutation { ${batch('a', 0, 60)} ${batch('b', 100, 41)} ${batch('c', 200, 40)} d: deleteMaintenance(id: "r:m") { id } }`,
    );
    expectRefused(errors, ['b', 'd'], 'Too many writes in one operation: at most 100');
    expect(errors.map(({ extensions }) => extensions.outcome)).toEqual(['NOT_SENT', 'NOT_SENT']);
    expect([data.a.deletedIds.length, data.b, data.c.deletedIds.length, data.d]).toEqual([60, null, 40, null]);
    const sent = subgraph.upstream.received.map(({ param }) => Number(String(param.residence_id).slice(1)));
    expect(sent.toSorted((a, b) => a - b)).toEqual([...list(60, Number), ...list(40, (index) => 200 + index)]);
  });

  it('are 1,000 reads, of which each beyond costs its own entry', async () => {
    answerWith([]);
    const { data, errors } = await subgraph.ask(
      `query ($r: [_Any!]!) { ${LIST} { id } _entities(representations: $r) { ... on Residence { maintenances { id } } } }`,
      { variables: { r: list(1000, (index) => ({ __typename: 'Residence', id: `r${index}` })) } },
    );
    expectRefused(errors, ['_entities.999.maintenances'], 'Too many reads in one operation: at most 1000');
    expect(data.maintenances).toEqual([]);
    expect(data._entities.slice(998)).toEqual([{ maintenances: [] }, { maintenances: null }]);
    expect(subgraph.upstream.received).toHaveLength(1000);
  });

  it('count the list that settles a detail, without which the detail’s own error stands', async () => {
    subgraph.upstream.fail(({ command }) =>
      command === 'get_maintenance_info' ? { body: { success: false } } : { body: { success: true, result: [] } },
    );
    const details = list(999, (index) => ({ __typename: 'Maintenance', id: `r${index}:m` }));
    const { data, errors } = await subgraph.ask(entities('... on Maintenance { state }'), {
      variables: { r: details },
    });
    expect(data._entities).toEqual(list(999, () => null));
    expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['COMMAND_REJECTED']));
    expect(errors).toHaveLength(998);
    expect(subgraph.upstream.received).toHaveLength(1000);
  });
});

describe('one reply', () => {
  /** A list reply of so many bytes. */
  function reply(bytes: number): string {
    const make = (text: string) =>
      JSON.stringify({ success: true, result: [{ maintenance_id: 'm', description: text }] });
    return make('x'.repeat(bytes - make('').length));
  }

  it.each([
    ['as it is', (text: string) => text, {}],
    ['in gzip', (text: string) => gzipSync(text), { 'content-encoding': 'gzip' }],
  ])('is taken with 2 MB and refused with a byte more: %s', async (_, encode, headers) => {
    let bytes = MAX_REPLY_BYTES;
    subgraph.upstream.fail((__, response) => {
      response.writeHead(200, headers).end(encode(reply(bytes)));
      return 'taken';
    });
    expect((await subgraph.ask(`{ ${LIST} { id } }`)).data.maintenances).toEqual([{ id: `${R}:m` }]);
    bytes++;
    const { data, errors } = await subgraph.ask(`{ ${LIST} { id } }`);
    expect(data).toEqual({ maintenances: null });
    expect(errors).toMatchObject([
      {
        message: `The command API answered more than ${MAX_REPLY_BYTES} bytes, the limit of MAX_REPLY_BYTES.`,
        extensions: { code: 'UPSTREAM_INVALID_RESPONSE' },
      },
    ]);
  });

  it('to a write that is too large says that nothing is known', async () => {
    subgraph.upstream.fail(() => ({ body: reply(MAX_REPLY_BYTES + 1) }));
    const { data } = await subgraph.ask(
      'mutation { deleteMaintenances(ids: ["r:m"]) { failures { code message outcome } } }',
    );
    expect(data.deleteMaintenances.failures).toEqual([
      {
        code: 'UPSTREAM_INVALID_RESPONSE',
        message: expect.stringContaining('MAX_REPLY_BYTES'),
        outcome: 'UNKNOWN',
      },
    ]);
  });
});

describe('replies over 50 KB', () => {
  /** Notes the decoding of each. */
  function watchDecoding(notes: string[]): void {
    const { parse } = JSON;
    jest.spyOn(JSON, 'parse').mockImplementation((text) => {
      if (text.length > 50_000) notes.push('decoded');
      return parse(text);
    });
  }
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('are each decoded in a turn of the event loop of its own', async () => {
    const notes: string[] = [];
    watchDecoding(notes);
    const held: (() => void)[] = [];
    const body = JSON.stringify({ success: true, result: [{ maintenance_id: 'm', feedback: 'x'.repeat(50_000) }] });
    subgraph.upstream.fail((_, response) => {
      held.push(() => response.end(body));
      return 'taken';
    });
    const asked = list(8, (index) => subgraph.ask(`{ maintenances(residenceId: "r${index}") { id } }`));
    await until(() => held.length === 8);
    const note = () => {
      notes.push('turn');
      if (notes.filter((one) => one === 'decoded').length < 8) setImmediate(note);
    };
    setImmediate(note);
    for (const release of held) release();
    for (const { errors } of await Promise.all(asked)) expect(errors).toEqual([]);
    const decoded = notes.flatMap((one, index) => (one === 'decoded' ? index : []));
    expect(decoded).toHaveLength(8);
    for (const index of decoded.slice(1)) expect(notes[index - 1]).toBe('turn');
  });

  it('are dropped where the operation ends before', async () => {
    const notes: string[] = [];
    watchDecoding(notes);
    const caller = new AbortController();
    const text = JSON.stringify({ success: true, result: [], text: 'x'.repeat(50_000) });
    const send = async () => {
      caller.abort();
      return { status: 200, chunks: [Buffer.from(text)], bytes: text.length };
    };
    const admission = createAdmission(loadConfig({ COMMAND_API_URL: 'http://localhost', ROUTER_SECRET: 'x' }));
    const session = {
      authorization: 'Bearer x',
      traceparent: undefined,
      endsAt: Number.POSITIVE_INFINITY,
      readSignal: caller.signal,
      writeSignal: new AbortController().signal,
      share: createMemory().open(),
    };
    const client = createCommandApiClient(
      { send, endpoint: {}, admission, coalescing: createCoalescing() },
      session,
      [],
    );
    await expect(client.getMaintenanceList('r')).rejects.toMatchObject({ reason: 'gone' });
    expect(notes).toEqual([]);
  });
});

describe('undecodable members', () => {
  it('are errors for the first 20 of a list as it is selected, and then only null', async () => {
    fill(30, { state: 'lost', start_time: 5 });
    const selected = LIST.replace(')', ', offset: 5)');
    const { data, errors } = await subgraph.ask(`{ ${selected} { id startTime } other: ${LIST} { state } }`);
    expect(codes({ errors } as never)).toEqual([
      ...list(20, (index) => ['UPSTREAM_INVALID_RESPONSE', `maintenances.${index}.startTime`]),
      ...list(20, (index) => ['UPSTREAM_INVALID_RESPONSE', `other.${index}.state`]),
    ]);
    expect(data.maintenances).toEqual(list(25, (index) => ({ id: `${R}:m${index + 5}`, startTime: null })));
    expect(data.other).toEqual(list(30, () => ({ state: null })));
  });
});

describe('the answer of one operation', () => {
  it('may have 15 MB: fields of 50 bytes, and 40 for each ticket that is looked through', async () => {
    fill(3000);
    const ask = (query: string, asking?: Asking) => subgraph.ask(`{ ${query} }`, asking);
    const fits = await ask(`${LIST} { ${aliased(99, 'state')} }`);
    expect(fits.errors).toEqual([]);
    expect(fits.data.maintenances).toHaveLength(3000);
    const refused = await ask(`${LIST} { ${aliased(99, 'state')} createdTime }`);
    expect(refused.data).toEqual({ maintenances: null });
    expectRefused(refused.errors, ['maintenances'], TOO_LARGE);
    const traced = await ask(`${LIST} { ${aliased(30, 'state')} }`, {
      headers: { 'apollo-federation-include-trace': 'ftv1' },
    });
    expectRefused(traced.errors, ['maintenances'], TOO_LARGE);
  });

  /** What is selected, so many tickets for which it has room, and how deep the refusal is of 3,100. */
  it.each<[string, string, number, number]>([
    ['the fields of an object', `residence { ${aliased(98, 'id')} }`, 2500, 1],
    ['fields in a fragment', '...many', 2500, 1],
    ['fields in an inline fragment', `... { ${aliased(99, 'state')} }`, 2500, 1],
    ['fields of two nodes', `...many } ${LIST} { state`, 2500, 1],
    ['a skipped field', '...many id @skip(if: true)', 2500, 1],
    ['the characters of a long alias', `${'x'.repeat(1700)}: state`, 2500, 1],
    ['a list inside each', 'residence { maintenances(first: 0) { id } } id state', 300, 4],
    [
      'the values of its arguments',
      `residence { maintenances(first: 0, states: [${'CLOSED '.repeat(100)}]) { id } }`,
      500,
      1,
    ],
  ])('counts %s', async (_, selection, fits, depth) => {
    const fragment = selection.includes('many') ? `fragment many on Maintenance { ${aliased(99, 'state')} }` : '';
    const ask = (tickets: number) => {
      fill(tickets);
      return subgraph.ask(`{ ${LIST} { ${selection} } } ${fragment}`);
    };
    expect((await ask(fits)).errors).toEqual([]);
    const [refusal] = (await ask(3100)).errors;
    expect(refusal?.message).toBe(TOO_LARGE);
    expect(refusal?.path?.length).toBe(depth);
  });

  const LONG_IDS = list(500, (index) => `${'%25'.repeat(256)}:${'%3A'.repeat(250)}${index}`);
  const deletion = (field: string) => `mutation ($ids: [ID!]!) { deleteMaintenances(ids: $ids) { ${field} } }`;
  /** For each list field of the schema, an operation that asks for too much of it. */
  const LISTS: Record<string, [prepare: () => void, query: string, variables?: Record<string, unknown>]> = {
    'Query.maintenances': [() => fill(3000), `{ ${LIST} { ${aliased(99, 'state')} id } }`],
    'Query._entities': [
      () => {},
      `query ($r: [_Any!]!) { ${aliased(15, '_entities(representations: $r) { ... on Residence { id } }')} }`,
      { r: list(1000, (index) => ({ __typename: 'Residence', id: `r${index}` })) },
    ],
    'Residence.maintenances': [
      () => fill(3000),
      entities(`... on Residence { maintenances { ${aliased(99, 'state')} id } }`),
      { r: [{ __typename: 'Residence', id: R }] },
    ],
    'Maintenance.pictureUrls': [
      () => fill(1, { maintenance_picture_url: list(3000, String) }),
      `{ maintenance(id: "${R}:m0") { ${aliased(99, 'pictureUrls')} } }`,
    ],
    'DeleteMaintenancesPayload.deletedIds': [() => {}, deletion(aliased(99, 'deletedIds')), { ids: LONG_IDS }],
    'DeleteMaintenancesPayload.failures': [() => {}, deletion(`failures { ${aliased(99, 'id')} }`), { ids: LONG_IDS }],
  };

  it('is charged for every list field of the schema', async () => {
    const fields = Object.values(SCHEMA.getTypeMap())
      .filter((type) => isObjectType(type) && !type.name.startsWith('__'))
      .flatMap((type) => Object.values((type as GraphQLObjectType).getFields()).map((field) => ({ type, field })))
      .filter(({ field }) => isListType(getNullableType(field.type)))
      .map(({ type, field }) => `${type.name}.${field.name}`);
    expect(Object.keys(LISTS).sort()).toEqual(fields.sort());
    for (const [prepare, query, variables = {}] of Object.values(LISTS)) {
      prepare();
      const { errors } = await subgraph.ask(query, { variables });
      expect(errors.map(({ message }) => message)).toContain(TOO_LARGE);
    }
  });

  it('counts a list that is ordered five times as much as one that is looked through', async () => {
    fill(5000);
    const inside = (argument: string) => `residence { maintenances(first: 0${argument}) { id } }`;
    const ask = (argument: string) => subgraph.ask(`{ ${LIST.replace(')', ', first: 20)')} { ${inside(argument)} } }`);
    expect((await ask('')).errors).toEqual([]);
    const { errors } = await ask(', orderBy: START_TIME_ASC');
    expect(errors[0]?.message).toBe(TOO_LARGE);
  });

  it('counts texts, 3 bytes a character, under each alias', async () => {
    const LONG = 'x'.repeat(1_000_000);
    for (const member of ['description', 'contact', 'feedback', 'pictureUrls']) {
      const name = member === 'pictureUrls' ? 'maintenance_picture_url' : member;
      fill(1, { [name]: member === 'pictureUrls' ? [LONG] : LONG });
      const ask = (aliases: number) => subgraph.ask(`{ maintenance(id: "${R}:m0") { ${aliased(aliases, member)} } }`);
      expect((await ask(4)).errors).toEqual([]);
      const refused = await ask(5);
      expect(refused.data).toEqual({ maintenance: null });
      expectRefused(refused.errors, ['maintenance'], TOO_LARGE);
    }
  });

  it('counts the characters of long ids', async () => {
    const residenceId = ':'.repeat(256);
    fill(1000, {}, residenceId);
    const query = `query ($id: ID!) { maintenances(residenceId: $id) { ${aliased(8, 'id')} } }`;
    expectRefused((await subgraph.ask(query, { variables: { id: residenceId } })).errors, ['maintenances'], TOO_LARGE);
  });

  it('counts the SDL under each alias', async () => {
    const ask = (count: number) => subgraph.ask(`{ _service { ${aliased(count, 'sdl')} } }`, { token: null });
    expect((await ask(99)).errors).toEqual([]);
    const { extensions, errors } = await subgraph.ask(`{ _service { ${aliased(99, 'sdl')} } }`, {
      headers: { 'apollo-federation-include-trace': 'ftv1' },
    });
    expect(extensions).toBeDefined();
    expectRefused(errors, ['_service'], TOO_LARGE);
  });

  it('is refused to deleteMaintenances before anything is sent', async () => {
    const deletion = (alias: string) =>
      `${alias}: deleteMaintenances(ids: $ids) { deletedIds ${aliased(1, 'deletedIds')} }`;
    const { data, errors } = await subgraph.ask(
      `mutation ($ids: [ID!]!) { ${list(8, (index) => deletion(`m${index}`)).join(' ')} }`,
      { variables: { ids: LONG_IDS } },
    );
    const refused = Object.keys(data).filter((alias) => data[alias] === null);
    expectRefused(errors, refused, TOO_LARGE);
    expect(refused).toEqual(['m3', 'm4', 'm5', 'm6', 'm7']);
    expect(errors.map(({ extensions }) => extensions.outcome)).toEqual(list(5, () => 'NOT_SENT'));
    expect(subgraph.upstream.received).toHaveLength(3);
  });

  it('counts errors, and the aliases in their paths', async () => {
    fill(20, { state: 'lost' });
    const faulty = (alias: string) => `${alias}: ${LIST} { ${aliased(99, 'state')} }`;
    const fits = await subgraph.ask(`{ ${faulty('x')} }`);
    expect(fits.errors).toHaveLength(20 * 99);
    const refused = await subgraph.ask(`{ ${faulty('x'.repeat(3000))} }`);
    expectRefused(refused.errors, ['x'.repeat(3000)], TOO_LARGE);
  });

  it('has as many errors as have room; entries beyond are null', async () => {
    const malformed = list(1000, () => ({ __typename: 'Maintenance', id: 'x' }));
    const query = `query ($r: [_Any!]!) { ${aliased(20, '_entities(representations: $r) { __typename }')} }`;
    const { data, errors } = await subgraph.ask(query, { variables: { r: malformed } });
    expect(new Set(Object.values(data).flat())).toEqual(new Set([null]));
    expect(errors.length).toBeGreaterThan(3700);
    expect(errors.length).toBeLessThan(3751);
    // To find the lines of so many errors would block the others.
    expect(errors[0]).not.toHaveProperty('locations');
    expect(subgraph.upstream.commands()).toEqual([]);
  });

  it('leaves room for what is small, and nothing of a refusal goes to the next operation', async () => {
    fill(3000);
    const query = `{ ${LIST} { ${aliased(99, 'state')} id } small: ${LIST.replace(')', ', first: 1)')} { contact } }`;
    for (const { data, errors } of [await subgraph.ask(query), await subgraph.ask(query)]) {
      expect(data).toEqual({ maintenances: null, small: [{ contact: '10086' }] });
      expectRefused(errors, ['maintenances'], TOO_LARGE);
    }
  });

  it('costs a mutation nothing of what it did', async () => {
    fill(3000);
    const { data, errors } = await subgraph.ask(
      `mutation { deleteMaintenance(id: "${R}:m0") { id residence { maintenances { ${aliased(99, 'state')} id } } } }`,
    );
    expect(data).toEqual({ deleteMaintenance: { id: `${R}:m0`, residence: { maintenances: null } } });
    expectRefused(errors, ['deleteMaintenance.residence.maintenances'], TOO_LARGE);
    expect(subgraph.upstream.commands()).toEqual([`delete_maintenance_info ${R} m0`, `get_maintenance_list ${R}`]);
  });

  it('may have what a supergraph asks for: 1,000 residences with 20 tickets of five fields', async () => {
    for (let index = 0; index < 1000; index++) fill(20, {}, `r${index}`);
    const { data, errors } = await subgraph.ask(
      entities('... on Residence { maintenances { id state startTime description contact } }'),
      { variables: { r: list(1000, (index) => ({ __typename: 'Residence', id: `r${index}` })) } },
    );
    expect(errors).toEqual([]);
    expect(data._entities[999].maintenances).toHaveLength(20);
    expect(subgraph.upstream.received).toHaveLength(1000);
  });
});
