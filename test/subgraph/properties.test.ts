/**
 * What holds whatever comes: from the command API, from a caller, from a router. A failure prints its seed. More
 * properties stand beside the tables that they belong to: ids, date-time, decoding.
 */
import http, { type IncomingHttpHeaders } from 'node:http';
import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { parse, validate } from 'graphql';
import { EXAMPLE, exampleTicket, FLATS, seed } from '../../dev/seed.ts';
import { DateTime } from '../../src/graphql/scalars.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { README, readKeys } from '../support/documents.ts';
import { type DrawScalar, writeOperation } from '../support/operations.ts';
import { type Answer, codes, type GraphqlError, ROUTER_SECRET } from '../support/subgraph.ts';
import { type Fault, TOKENS } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

const R = EXAMPLE.residenceId;
const FIELDS = 'id maintenanceId startTime finishTime createdTime description contact feedback pictureUrls state';

// Time to make a counterexample smaller, and then to print it before jest gives up.
const SEARCH_MS = 60_000;
jest.setTimeout(SEARCH_MS + 30_000);

function hold<T>(property: fc.IAsyncProperty<T>, numRuns = 100): Promise<void> {
  return fc.assert(property, { numRuns, interruptAfterTimeLimit: SEARCH_MS, markInterruptAsFailure: true });
}

/** One of the words of these lines. */
const wordOf = (...lines: string[]) => fc.constantFrom(...lines.flatMap((line) => line.split(' ')));

/** Any text that is Unicode. */
const text = fc.string({ unit: 'binary' });

/** Any JSON but what Fastify refuses as a whole, since it could poison a prototype. */
const json = fc.jsonValue().filter((value) => !/"(__proto__|constructor)"/.test(JSON.stringify(value)));

/** A moment of the years 1 to 9999, to the second. */
const moment = fc
  .date({ min: new Date('0001-01-02T00:00:00Z'), max: new Date('9999-12-30T00:00:00Z'), noInvalidDate: true })
  .map((date) => `${date.toISOString().slice(0, 19)}Z`);

const toWire = (time: string) => time.replace('T', ' ').replace('Z', '');

const { maintenance_id: _, ...GOOD_TICKET } = exampleTicket();

const subgraph = useSubgraph();
const answerResult = (result: unknown) => subgraph.upstream.fail(() => ({ body: { success: true, result } }));

describe('from the command API', () => {
  const LIST = `query ($r: ID!) { maintenances(residenceId: $r) { ${FIELDS} } }`;

  it('a good ticket survives whatever stands beside it', async () => {
    const member = fc.oneof(fc.jsonValue(), fc.constantFrom(...Object.values(GOOD_TICKET)));
    const bad = fc.oneof(
      fc.jsonValue(),
      fc.record({ maintenance_id: fc.oneof(fc.constant('bad'), fc.jsonValue()), state: member, start_time: member }),
      fc.record({ maintenance_id: fc.constant('bad'), description: member, maintenance_picture_url: member }),
    );
    const tickets = fc.array(fc.oneof(bad, fc.constant('good' as const)), { maxLength: 8 });
    await hold(
      fc.asyncProperty(tickets, async (list) => {
        answerResult(list.map((one, i) => (one === 'good' ? { ...GOOD_TICKET, maintenance_id: `good-${i}` } : one)));
        const answer = await subgraph.ask(LIST, { variables: { r: R } });
        const answered = answer.data.maintenances as Record<string, unknown>[];
        const isGood = ({ maintenanceId }: Record<string, unknown>) => /^good-/.test(String(maintenanceId));
        expect(answered.filter(isGood)).toEqual(
          list.flatMap((one, i) => (one === 'good' ? [expectedGood(`good-${i}`)] : [])),
        );
        for (const { path, extensions } of answer.errors) {
          expect(extensions.code).toBe('UPSTREAM_INVALID_RESPONSE');
          expect(isGood(answered[Number(path?.[1])] ?? {})).toBe(false);
        }
      }),
    );
  });

  function expectedGood(maintenanceId: string) {
    return {
      id: `${R}:${maintenanceId}`,
      maintenanceId,
      startTime: '2024-01-16T13:32:45Z',
      finishTime: '2024-01-17T13:32:45Z',
      createdTime: '2024-01-12T13:32:45Z',
      description: 'test',
      contact: '10086',
      feedback: 'test',
      pictureUrls: ['https://test.akubela.com/p'],
      state: 'IN_PROGRESS',
    };
  }

  it('any status with any text is one typed error, and no word of it is repeated', async () => {
    const status = fc.oneof(fc.constantFrom(200, 400, 401, 403, 404, 429, 500), fc.integer({ min: 200, max: 599 }));
    const read = `{ maintenances(residenceId: "${R}") { id } }`;
    const write = `mutation { deleteMaintenance(id: "${R}:m") { id } }`;
    const entity = `{ _entities(representations: [{ __typename: "Maintenance", id: "${R}:m" }]) { __typename } }`;
    await hold(
      fc.asyncProperty(status, text, fc.constantFrom(read, write, entity), async (code, words, operation) => {
        subgraph.upstream.fail(() => ({ status: code, body: `canary ${words}` }));
        const answer = await subgraph.ask(operation);
        expect(answer.status).toBe(200);
        const expected =
          { 401: 'UNAUTHENTICATED', 403: 'FORBIDDEN', 429: 'UPSTREAM_UNAVAILABLE' }[code] ??
          (code >= 500 ? 'UPSTREAM_UNAVAILABLE' : 'UPSTREAM_INVALID_RESPONSE');
        expect(codes(answer)).toEqual([[expected, expect.any(String)]]);
        expect(JSON.stringify(answer)).not.toContain('canary');
        expect(subgraph.logText()).not.toContain('canary');
      }),
    );
  });

  it('a time is a moment, and the same moment going in again, or an error at its field', async () => {
    const time = fc.oneof(
      moment.map(toWire),
      fc.stringMatching(/^\d{4}-[01]\d-[0-3]\d [0-2]\d:[0-6]\d:[0-6]\d$/),
      text,
    );
    await hold(
      fc.asyncProperty(time, async (start_time) => {
        answerResult([{ ...GOOD_TICKET, maintenance_id: 'm', start_time }]);
        const answer = await subgraph.ask(LIST, { variables: { r: R } });
        const { startTime, ...others } = answer.data.maintenances[0];
        const { startTime: _, ...expected } = expectedGood('m');
        expect(others).toEqual(expected);
        if (start_time === '') {
          expect(startTime).toBeNull();
          expect(answer.errors).toEqual([]);
        } else if (isWireTime(start_time)) {
          expect(startTime).toBe(`${start_time.replace(' ', 'T')}Z`);
          expect(DateTime.parseValue(startTime)).toBe(startTime);
          expect(answer.errors).toEqual([]);
        } else {
          expect(startTime).toBeNull();
          expect(codes(answer)).toEqual([['UPSTREAM_INVALID_RESPONSE', 'maintenances.0.startTime']]);
        }
      }),
      300,
    );
  });

  /** Said otherwise than in src/: by the calendar, not by Date. */
  function isWireTime(time: string): boolean {
    const parts = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)$/.exec(time)?.slice(1).map(Number);
    if (!parts) return false;
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
    const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
    const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
    return day >= 1 && day <= days && hour < 24 && minute < 60 && second < 60;
  }
});

/** The key that an id stands for, said otherwise than in src/. */
function readId(id: unknown): { residenceId: string; maintenanceId: string } | undefined {
  if (typeof id !== 'string') return undefined;
  const [, residence, maintenance] = /^((?:[^%:]|%25|%3a)+):((?:[^%:]|%25|%3a)+)$/i.exec(id) ?? [];
  const read = (part = '') => part.replace(/%3a/gi, ':').replaceAll('%25', '%');
  const parts = [read(residence), read(maintenance)] as const;
  if (!parts.every((part) => part !== '' && part.length <= 256 && part.isWellFormed())) return undefined;
  return { residenceId: parts[0], maintenanceId: parts[1] };
}

describe('from a caller: arguments', () => {
  it('any text for an id is the key in one command, or is refused', async () => {
    const part = fc.string({ minLength: 1, unit: fc.constantFrom('%25', '%3A', '%3a', '%', ':', 'r', '修', '\ud800') });
    const id = fc.oneof(
      text,
      part,
      fc.tuple(part, part).map((parts) => parts.join(':')),
    );
    await hold(
      fc.asyncProperty(id, async (given) => {
        subgraph.upstream.received.length = 0;
        answerResult(GOOD_TICKET);
        const answer = await subgraph.ask('query ($id: ID!) { maintenance(id: $id) { id } }', {
          variables: { id: given },
        });
        const key = readId(given);
        expect(subgraph.upstream.received.map(({ command, param }) => [command, param])).toEqual(
          key ? [['get_maintenance_info', { residence_id: key.residenceId, maintenance_id: key.maintenanceId }]] : [],
        );
        if (key) expect(answer.data).toEqual({ maintenance: { id: given.replaceAll('%3a', '%3A') } });
        else expect(codes(answer)).toEqual([['BAD_USER_INPUT', 'maintenance']]);
      }),
      300,
    );
  });

  it('any two moments with any offsets go out as UTC, or are refused where the second is not the later', async () => {
    const offset = fc.integer({ min: -(23 * 60 + 59), max: 23 * 60 + 59 });
    const moments = fc.oneof(
      fc.tuple(moment, moment),
      fc
        .tuple(moment, fc.integer({ min: -2, max: 2 }))
        .map(([start, seconds]): [string, string] => [
          start,
          `${new Date(Date.parse(start) + seconds * 1000).toISOString().slice(0, 19)}Z`,
        ]),
    );
    await hold(
      fc.asyncProperty(moments, offset, offset, async ([start, finish], startOffset, finishOffset) => {
        subgraph.upstream.received.length = 0;
        answerResult({ maintenance_id: 'm' });
        const input = {
          residenceId: R,
          startTime: toLocal(start, startOffset),
          finishTime: toLocal(finish, finishOffset),
          description: 'x',
          contact: 'x',
        };
        const answer = await subgraph.ask(
          'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }',
          { variables: { input } },
        );
        const isRefused = Date.parse(finish) <= Date.parse(start);
        expect(codes(answer)).toEqual(isRefused ? [['BAD_USER_INPUT', 'createMaintenance']] : []);
        expect(subgraph.upstream.received.map(({ param }) => [param.start_time, param.finish_time])).toEqual(
          isRefused ? [] : [[toWire(start), toWire(finish)]],
        );
      }),
      200,
    );
  });

  function toLocal(time: string, offset: number): string {
    const local = new Date(Date.parse(time) + offset * 60_000).toISOString().slice(0, 19);
    const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
    return `${local}${offset < 0 ? '-' : '+'}${two(Math.abs(offset) / 60)}:${two(Math.abs(offset) % 60)}`;
  }

  it('any JSON for any variable is an answer with data, or one refusal of the whole', async () => {
    const query = `mutation ($id: ID!, $ids: [ID!]!, $input: CreateMaintenanceInput!) {
      deleteMaintenance(id: $id) { id }
      deleteMaintenances(ids: $ids) { deletedIds }
      createMaintenance(input: $input) { id }
    }`;
    const time = fc.oneof(json, moment);
    const input = fc.record(
      {
        residenceId: json,
        startTime: time,
        finishTime: time,
        description: json,
        contact: json,
        pictureFilenames: json,
      },
      { requiredKeys: [] },
    );
    const variables = fc.oneof(
      fc.dictionary(fc.constantFrom('id', 'ids', 'input', 'other'), json),
      fc.record({ id: fc.oneof(json, text), ids: fc.oneof(json, fc.array(text)), input: fc.oneof(json, input) }),
    );
    await hold(
      fc.asyncProperty(variables, async (given) => {
        expectSound(await subgraph.ask(query, { variables: given }));
      }),
    );
  });
});

describe('from a caller: states, orderBy, first and offset', () => {
  const STATES = [
    ['WAIT_FOR_CONFIRMATION', 'wait for confirmation'],
    ['IN_PROGRESS', 'in progress'],
    ['COMPLETED', 'completed'],
    ['CLOSED', 'closed'],
  ] as const;
  const TIMES = ['0001-01-01 00:00:00', '2024-01-16 13:32:45', '2024-01-16 13:32:46', '9999-12-31 23:59:59'];
  const time = fc.constantFrom(...TIMES, null, '', 'soon');
  const state = fc.constantFrom(...STATES.map(([, wire]) => wire), null, '', 'lost');
  const tickets = fc
    .array(fc.record({ start_time: time, created_time: time, state }), { maxLength: 12 })
    .map((list) => list.map((ticket, i) => ({ maintenance_id: `m${i}`, ...ticket })));
  const states = fc.subarray(STATES.map(([name]) => name));
  const orderBy = fc.constantFrom('CREATED_TIME_ASC', 'CREATED_TIME_DESC', 'START_TIME_ASC', 'START_TIME_DESC');
  const size = fc.oneof(fc.nat({ max: 14 }), fc.constant(2 ** 31 - 1));
  const selection = fc.record({
    states: fc.option(states),
    orderBy: fc.option(orderBy),
    first: fc.option(size),
    offset: fc.option(size),
  });
  type Ticket = {
    maintenance_id: string;
    start_time: string | null;
    created_time: string | null;
    state: string | null;
  };
  type Selection = { states: string[] | null; orderBy: string | null; first: number | null; offset: number | null };

  const DECLARED = '$states: [MaintenanceState!], $orderBy: MaintenanceOrder, $first: Int, $offset: Int';
  const GIVEN = 'states: $states, orderBy: $orderBy, first: $first, offset: $offset';

  it('select what a naive model does, for one command, by either way', async () => {
    const query = `query (${DECLARED}) {
      maintenances(residenceId: "${R}", ${GIVEN}) { maintenanceId }
      _entities(representations: [{ __typename: "Residence", id: "${R}" }]) {
        ... on Residence { maintenances(${GIVEN}) { maintenanceId } }
      }
    }`;
    await hold(
      fc.asyncProperty(tickets, selection, async (list, variables) => {
        subgraph.upstream.received.length = 0;
        answerResult(list);
        const { data, errors } = await subgraph.ask(query, { variables });
        const expected = select(list, variables).map(({ maintenance_id: maintenanceId }) => ({ maintenanceId }));
        expect(data).toEqual({ maintenances: expected, _entities: [{ maintenances: expected }] });
        expect(errors).toEqual([]);
        expect(subgraph.upstream.commands()).toEqual([`get_maintenance_list ${R}`]);
      }),
      300,
    );
  });

  it('give, page by page, the list as it is without pages', async () => {
    const LIST = `residenceId: "${R}", states: $states, orderBy: $orderBy`;
    const pageSize = fc.integer({ min: 1, max: 5 });
    await hold(
      fc.asyncProperty(tickets, selection, pageSize, async (list, { states, orderBy }, first) => {
        answerResult(list);
        const pages = Array.from({ length: Math.ceil((list.length + 1) / first) }, (_, i) => {
          const page = `first: ${first}, offset: ${i * first}`;
          return `p${i}: maintenances(${LIST}, ${page}) { maintenanceId }`;
        });
        const { data } = await subgraph.ask(
          `query ($states: [MaintenanceState!], $orderBy: MaintenanceOrder) {
            all: maintenances(${LIST}) { maintenanceId } ${pages.join(' ')}
          }`,
          { variables: { states, orderBy } },
        );
        const { all, ...rest } = data;
        expect(pages.flatMap((_, i) => rest[`p${i}`])).toEqual(all);
      }),
    );
  });

  function select(list: Ticket[], { states, orderBy, first, offset }: Selection): Ticket[] {
    const names = new Map<unknown, string>(STATES.map(([name, wire]) => [wire, name]));
    const left = list.filter(({ state }) => states === null || states.includes(names.get(state) ?? ''));
    const timeOf = (ticket: Ticket) => (orderBy?.startsWith('CREATED') ? ticket.created_time : ticket.start_time) ?? '';
    const ordered: Ticket[] = [];
    // One time after the other, and at last the tickets that have none.
    const inOrder = orderBy?.endsWith('DESC') ? TIMES.toReversed() : TIMES;
    for (const one of inOrder) ordered.push(...left.filter((ticket) => timeOf(ticket) === one));
    ordered.push(...left.filter((ticket) => !TIMES.includes(timeOf(ticket))));
    return (orderBy ? ordered : left).filter((_, i) => i >= (offset ?? 0) && i < (offset ?? 0) + (first ?? Infinity));
  }
});

describe('from a router: representations', () => {
  const STORE = seed();
  const IDS = FLATS.slice(0, 8).flatMap(({ id }) =>
    (STORE.get(id) ?? []).map(({ maintenance_id: maintenanceId }) => ({ residenceId: id, maintenanceId })),
  );
  const known = fc.constantFrom(...IDS);
  const good = fc.oneof(
    known.map(({ residenceId, maintenanceId }) => ({
      __typename: 'Maintenance',
      id: `${residenceId}:${maintenanceId}`,
    })),
    known.map(({ residenceId, maintenanceId }) => ({
      __typename: 'Maintenance',
      residence: { __typename: 'Residence', id: residenceId },
      maintenanceId,
    })),
    known.map(({ residenceId }) => ({ __typename: 'Residence', id: residenceId })),
  );
  const anything = fc.oneof(json, text);
  const odd = fc.record(
    {
      __typename: fc.oneof(
        fc.constantFrom('Maintenance', 'Residence'),
        fc.constantFrom('Query', 'MaintenanceState', 'toString', 'Visit'),
        anything,
      ),
      id: fc.oneof(
        known.map(({ residenceId, maintenanceId }) => `${residenceId}:${maintenanceId}`),
        anything,
      ),
      residence: fc.oneof(
        known.map(({ residenceId }) => ({ id: residenceId })),
        fc.record({ id: anything }),
        anything,
      ),
      maintenanceId: fc.oneof(
        known.map(({ maintenanceId }) => maintenanceId),
        anything,
      ),
    },
    { requiredKeys: [] },
  );
  const representations = fc.array(fc.oneof(good, odd, json), { maxLength: 12 });
  const QUERY = `query ($representations: [_Any!]!) {
    _entities(representations: $representations) {
      ... on Maintenance { maintenanceId residence { id } description }
      ... on Residence { residenceId: id maintenances { id } }
    }
  }`;

  it('are each answered at their own index, the good ones right and the bad ones with an error', async () => {
    await hold(
      fc.asyncProperty(representations, async (given) => {
        // A residence that nobody knows has no tickets.
        subgraph.upstream.fail(({ param }) =>
          STORE.has(String(param.residence_id)) ? undefined : { body: { success: true, result: [] } },
        );
        const list = given.filter((one) => one !== null);
        const answer = await subgraph.ask(QUERY, { variables: { representations: list } });
        expect(answer.status).toBe(200);
        const expected = list.map(expectedEntity);
        expect(answer.data).toEqual({ _entities: expected.map((entity) => entity ?? null) });
        expect(codes(answer).sort()).toEqual(
          expected
            .flatMap((entity, i) => (entity ? [] : entity === null ? [] : [['BAD_USER_INPUT', `_entities.${i}`]]))
            .sort(),
        );
      }),
      200,
    );
  });

  /** What a representation stands for: null where it does not exist, undefined where it is none. */
  function expectedEntity(representation: unknown): object | null | undefined {
    const { __typename, id, residence, maintenanceId } = (representation ?? {}) as Record<string, unknown>;
    const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
    if (__typename === 'Residence') {
      if (!isText(id)) return undefined;
      return {
        residenceId: id,
        maintenances: (STORE.get(id) ?? []).map(({ maintenance_id }) => ({ id: `${id}:${maintenance_id}` })),
      };
    }
    if (__typename !== 'Maintenance') return undefined;
    const residenceId = (residence as Record<string, unknown> | null | undefined)?.id;
    const parts = isText(residenceId) && isText(maintenanceId) ? { residenceId, maintenanceId } : undefined;
    const key = id === undefined ? parts : readId(id);
    if (!key) return undefined;
    if (residence !== undefined && residenceId !== key.residenceId) return undefined;
    if (maintenanceId !== undefined && maintenanceId !== key.maintenanceId) return undefined;
    const ticket = STORE.get(key.residenceId)?.find(({ maintenance_id }) => maintenance_id === key.maintenanceId);
    if (!ticket) return null;
    const { description } = ticket;
    return { maintenanceId: key.maintenanceId, residence: { id: key.residenceId }, description };
  }
});

/** The codes in the README's table of errors. */
const CODES = readKeys(README, 'code');

/** What every answer is: data, with errors each at a place that is null, or else nothing but errors. */
function expectSound({ status, data, errors }: Pick<Answer, 'status' | 'data' | 'errors'>): void {
  expect(status).toBe(200);
  if (data === undefined) expect(errors).not.toEqual([]);
  for (const { path, extensions } of errors) {
    expect(CODES).toContain(extensions.code);
    expect(extensions.code).not.toBe('INTERNAL_SERVER_ERROR');
    expect(path === undefined).toBe(data === undefined);
    // Null climbs no further than the schema says: the place itself, or a list or payload around it, is null.
    expect(path?.reduce((value, key) => value?.[key], data) ?? null).toBeNull();
  }
}

describe('from a caller: operations', () => {
  // What hangs is soon over, and one operation's faults do not keep the next one's commands at home.
  const faulty = useSubgraph({ ATTEMPT_TIMEOUT_MS: '100', OPERATION_TIMEOUT_MS: '1000', BREAKER_FAILURES: '10000' });
  const schema = createSchema();
  const RESIDENCES = [R, ...FLATS.slice(0, 4).map(({ id }) => id)];
  const MAINTENANCES = [...seed()]
    .slice(0, 5)
    .flatMap(([r, list]) => list.map(({ maintenance_id }) => `${r}:${maintenance_id}`));

  const drawScalar: DrawScalar = (draw, scalar, name) => {
    const isOdd = draw(fc.constantFrom<boolean[]>, false, false, false, false, true);
    switch (scalar) {
      case 'Int':
        return isOdd ? draw(fc.integer) : draw(fc.nat, { max: 12 });
      case 'DateTime':
        return draw(fc.date, { min: new Date(0), max: new Date(4e12), noInvalidDate: true }).toISOString();
      case '_Any':
        return draw(drawRepresentation);
      default:
        if (isOdd) return draw(fc.string, { unit: 'binary' });
        return draw(fc.constantFrom<string[]>, ...(name === 'residenceId' ? RESIDENCES : MAINTENANCES));
    }
  };
  const drawRepresentation = () =>
    fc.oneof(
      fc.record({ __typename: fc.constant('Residence'), id: fc.constantFrom(...RESIDENCES) }),
      fc.record({ __typename: fc.constant('Maintenance'), id: fc.constantFrom(...MAINTENANCES) }),
      json.filter((value) => value !== null),
    );

  const OUTCOMES = ['NOT_SENT', 'REJECTED', 'UNKNOWN', undefined];
  const TICKET = { ...GOOD_TICKET, maintenance_id: 'm1' };
  const BAD_TICKET = { maintenance_id: 'm2', state: 'canary', start_time: 'canary', contact: { name: 'canary' } };
  const hostile =
    (status: number, body: unknown): Fault =>
    () => ({ status, body, headers: { location: '/canary', 'x-canary': 'canary' } });
  const FAULTS: Record<string, Fault> = {
    none: () => undefined,
    'another result': () => ({ body: { success: true, result: [TICKET, BAD_TICKET, 'canary', null] } }),
    'a bad ticket': () => ({ body: { success: true, result: BAD_TICKET } }),
    'no result': () => ({ body: { success: true, result: null } }),
    'a refusal': hostile(200, { success: false, code: 'E1', message: 'canary' }),
    'a refusal with a secret for a code': hostile(400, { success: false, code: 'canary canary', message: 'canary' }),
    'a page': hostile(200, '<html>canary</html>'),
    '302': hostile(302, 'canary'),
    '401': hostile(401, 'canary'),
    '403': hostile(403, 'canary'),
    '404': hostile(404, { errorCode: 'ERR_DIRECT_INVOKE', message: 'canary' }),
    '429': hostile(429, 'canary'),
    '500': hostile(500, { success: true, result: 'canary' }),
    '503': hostile(503, 'canary'),
    'a reset': (_, response) => {
      response.destroy();
      return 'taken';
    },
    'a cut': (_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"success":true,"result":"canary', () => response.destroy());
      return 'taken';
    },
    'no HTTP': (_, response) => {
      response.socket?.end('canary\r\n\r\n');
      return 'taken';
    },
    silence: () => 'taken',
  };
  const faults = fc.array(fc.oneof(fc.constant('none'), fc.constantFrom(...Object.keys(FAULTS))), {
    minLength: 1,
    maxLength: 5,
  });

  it.each(['query', 'mutation'] as const)(
    'any valid %s under any faults has data, and an error for each null that failed',
    async (kind) => {
      await hold(
        fc.asyncProperty(fc.gen(), faults, fc.context(), async (draw, sequence, context) => {
          const { query, variables } = writeOperation(schema, kind, draw, drawScalar);
          context.log(query);
          context.log(JSON.stringify(variables));
          expect(validate(schema, parse(query))).toEqual([]);
          faulty.upstream.reset();
          let sent = 0;
          faulty.upstream.fail((received, response) =>
            FAULTS[sequence[sent++ % sequence.length] ?? 'none']?.(received, response),
          );
          const answer = await faulty.ask(query, { variables });
          expectSound(answer);
          expect(answer.data).toBeTruthy();
          for (const { message, path, extensions } of answer.errors) {
            // graphql refused a null that came through a default, before there was anything of ours to ask.
            if (/^Argument ".+" of non-null type/.test(message)) continue;
            const isOfWrite = kind === 'mutation' && path?.length === 1;
            expect(OUTCOMES).toContain(extensions.outcome);
            expect(extensions.outcome !== undefined).toBe(isOfWrite);
          }
          expect(JSON.stringify(answer)).not.toContain('canary');
          expect(faulty.logText()).not.toContain('canary');
        }),
        150,
      );
    },
  );

  it('any words of GraphQL are an answer with data, or refused as a whole', async () => {
    const word = wordOf(
      '{ { } } ( ) [ ] : ! $ @ ... | & = # " """ , query mutation subscription fragment F on Query Residence',
      'maintenances maintenance residenceId id state a b __typename __schema _service sdl _entities @include @skip if',
      '$x ID "r:m" "" 1 -1 1e9 true null \n \u0000 修',
    );
    const document = fc.oneof(
      fc.array(word, { maxLength: 30 }).map((words) => words.join(' ')),
      fc.array(word, { maxLength: 6 }).map((words) => `{ __typename ${words.join(' ')} }`),
      text,
    );
    // An empty one is no request at all.
    const documents = document.filter((words) => words !== '');
    await hold(
      fc.asyncProperty(documents, async (query) => {
        expectSound(await subgraph.ask(query));
      }),
      300,
    );
  });
});

interface RawAnswer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** Sends headers as they are; fetch would refuse or change some. */
function send(headers: Record<string, string>, body: string | Uint8Array): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const all = { 'content-type': 'application/json', 'router-authorization': ROUTER_SECRET, ...headers };
    const request = http.request(`${subgraph.url}/graphql`, { method: 'POST', headers: all }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() });
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Whatever was sent: JSON of GraphQL's shape, and never a fault of ours. */
function expectJson({ status = 0, headers, text: body }: RawAnswer): { data?: unknown; errors?: GraphqlError[] } {
  expect(status === 200 || (status >= 400 && status < 500)).toBe(true);
  expect(headers['content-type']).toMatch(/^application\/(graphql-response\+)?json; charset=utf-8/);
  const answer = JSON.parse(body);
  expect(answer.data !== undefined || answer.errors.length > 0).toBe(true);
  for (const { extensions } of answer.errors ?? []) {
    expect(CODES).toContain(extensions.code);
    expect(extensions.code).not.toBe('INTERNAL_SERVER_ERROR');
  }
  return answer;
}

describe('from anyone: requests', () => {
  it('any JSON for a body is an answer, or refused with 400', async () => {
    const query = fc.oneof(
      fc.constantFrom('{ __typename }', '{', 'query A { __typename } query B { __typename }'),
      fc.jsonValue(),
    );
    const name = fc.oneof(fc.constantFrom('A', 'C'), fc.jsonValue());
    const params = fc.record(
      { query, operationName: name, variables: fc.jsonValue(), extensions: fc.jsonValue(), other: fc.jsonValue() },
      { requiredKeys: [] },
    );
    await hold(
      fc.asyncProperty(fc.oneof(params, fc.array(params, { maxLength: 3 }), fc.jsonValue()), async (body) => {
        const answer = await send({}, JSON.stringify(body));
        expect([200, 400]).toContain(answer.status);
        const { data, errors } = expectJson(answer);
        expect(data === undefined).toBe(errors !== undefined);
      }),
      200,
    );
  });

  it('any bytes for a body are refused, or an answer', async () => {
    const operation = JSON.stringify({ query: '{ __typename }' });
    const edited = fc
      .tuple(fc.nat({ max: operation.length }), fc.nat({ max: 4 }), fc.uint8Array({ maxLength: 4 }))
      .map(([at, gone, bytes]) =>
        Buffer.concat([Buffer.from(operation.slice(0, at)), bytes, Buffer.from(operation.slice(at + gone))]),
      );
    await hold(
      fc.asyncProperty(fc.oneof(edited, fc.uint8Array()), async (body) => {
        expectJson(await send({}, body));
      }),
      200,
    );
  });
});

describe('from anyone: headers', () => {
  const BODY = JSON.stringify({ query: `{ maintenances(residenceId: "${R}") { contact } }` });
  const AUTHORIZED = { authorization: `Bearer ${TOKENS.first}` };
  // All that HTTP allows: visible ASCII, space, tab, and the bytes above ASCII.
  const ALLOWED = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter((one) =>
    /[\t\x20-\x7e\x80-\xff]/.test(one),
  );
  const value = fc.string({ unit: fc.constantFrom(...ALLOWED), maxLength: 200 });

  it('any Authorization goes out as it came, or is refused before any command', async () => {
    const scheme = fc.constantFrom('Bearer', 'bearer', 'BEARER', 'Basic', '');
    const token = fc.oneof(
      fc.constantFrom<string>(...Object.values(TOKENS)),
      fc.stringMatching(/^[!a~]{1,3}[ \t\x80a]?[!a~]{1,3}$/),
      value,
    );
    const nearly = fc.tuple(scheme, fc.constantFrom(' ', ' ', '  ', '\t', ''), token).map((parts) => parts.join(''));
    const authorization = fc.oneof({ weight: 4, arbitrary: nearly }, { weight: 1, arbitrary: value });
    await hold(
      fc.asyncProperty(authorization, async (given) => {
        subgraph.upstream.received.length = 0;
        const { data, errors = [] } = expectJson(await send({ authorization: given }, BODY));
        // HTTP has no white space around a value.
        const came = given.replace(/^[\t ]+|[\t ]+$/g, '');
        const isUsable = /^bearer +[!-~]+$/i.test(came);
        expect(subgraph.upstream.received.map(({ headers }) => headers.authorization)).toEqual(isUsable ? [came] : []);
        // The emulator takes one space only.
        const isGood = isUsable && Object.values<string>(TOKENS).includes(came.split(' ')[1] ?? '');
        expect(data).toEqual({ maintenances: isGood ? [{ contact: '10086' }] : null });
        expect(errors.map(({ extensions }) => extensions.code)).toEqual(isGood ? [] : ['UNAUTHENTICATED']);
      }),
      200,
    );
  });

  it('any other headers change nothing, and go nowhere', async () => {
    // Those that say how a message is framed or read have rows and properties of their own.
    const FRAMING =
      /^(host|connection|keep-alive|upgrade|te|trailer|expect|accept|(transfer|content)-.*|(router-)?authorization)$/;
    const name = fc.oneof(
      wordOf(
        'cookie forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-http-method-override traceparent via',
        'tracestate baggage user-agent origin referer accept-encoding accept-language if-none-match range dapr-app-id',
        'if-modified-since apollographql-client-name apollo-federation-include-trace apollo-require-preflight',
      ),
      fc.stringMatching(/^[a-z0-9!#$%&'*+.^_`|~-]{1,20}$/).filter((one) => !FRAMING.test(one)),
    );
    const TRACEPARENT = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;
    const traceparent = fc.oneof(
      fc.stringMatching(TRACEPARENT),
      fc.stringMatching(/^[\da-fA]{1,3}-?[\da-f]{32}-[\da-f]{16}-[\da-fz]{2}-?$/),
      fc.stringMatching(/^(ff|00)-0{31}[01]-0{15}[01]-01$/),
    );
    // W3C Trace Context: no version ff, and no id of zeros.
    const isValid = (given: string) => TRACEPARENT.test(given) && !/^ff|-0+-/.test(given);
    const headers = fc.record({
      any: fc.dictionary(name, value, { maxKeys: 6, noNullPrototype: true }),
      traceparent: fc.option(traceparent, { nil: undefined }),
    });
    await hold(
      fc.asyncProperty(headers, async ({ any, traceparent: parent }) => {
        subgraph.upstream.received.length = 0;
        const answer = await send({ ...any, ...(parent && { traceparent: parent }), ...AUTHORIZED }, BODY);
        expect(answer.status).toBe(200);
        expect(expectJson(answer)).toEqual({ data: { maintenances: [{ contact: '10086' }] } });
        const [sent] = subgraph.upstream.received;
        expect(sent?.headers).toEqual({
          accept: 'application/json',
          'accept-encoding': 'gzip',
          ...AUTHORIZED,
          connection: 'keep-alive',
          'content-length': String(sent?.body.length),
          'content-type': 'application/json',
          host: new URL(subgraph.upstream.url).host,
          'user-agent': 'maintenance-subgraph',
          ...(parent && isValid(parent) && { traceparent: parent }),
        });
      }),
      200,
    );
  });

  it.each(['accept', 'content-type', 'content-encoding', 'apollo-federation-include-trace', 'host'])(
    'any %s is an answer, or refused in JSON',
    async (name) => {
      const piece = wordOf(
        'application/json application/graphql-response+json multipart/mixed text/plain text/html */* application/*',
        'charset=utf-8 charset=utf-16 charset=x deferSpec=20220824 incrementalSpec=v0.2 q=0 q=0.5 boundary=x',
        'gzip br identity ftv1 ; , = " /',
      );
      const pieces = fc
        .array(piece, { maxLength: 6 })
        .chain((list) => fc.constantFrom(list.join(''), list.join(';'), list.join(', ')));
      await hold(
        fc.asyncProperty(fc.oneof(value, pieces), async (given) => {
          expectJson(await send({ ...AUTHORIZED, [name]: given }, BODY));
        }),
        150,
      );
    },
  );
});
