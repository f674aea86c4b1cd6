/**
 * Apollo Connectors, Apollo's template and Mercurius beside this subgraph: the same data for the same operations, and each
 * difference that docs/alternatives.md names.
 */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { EXAMPLE } from '../../../dev/seed.ts';
import { ROUTERS, startRouter } from '../../../dev/supergraph/routers.ts';
import { formatMaintenanceId } from '../../../src/maintenance.ts';
import { type Answer, askAt } from '../../support/ask.ts';
import { stopClock } from '../../support/clock.ts';
import { create, deleteMany, deleteOne, detail, list, request, times } from '../../support/requests.ts';
import type { Fault, Upstream } from '../../support/upstream.ts';
import { useMany } from '../../support/use-subgraph.ts';
import { idOf, VISITED } from '../../support/visits.ts';
import { until } from '../../support/wait.ts';
import { type Contender, type Name, ODD, ODD_IDS, type Operation, useContenders } from './contenders.ts';
import { itUnless } from './skip.ts';

const { executable, missing } = ROUTERS.apollo;
const R = EXAMPLE.residenceId;
const M = EXAMPLE.maintenanceId;
const UNKNOWN = `${R}:unknown`;

const PLAIN: readonly Name[] = ['lean', 'template', 'mercurius'];
const OTHERS: readonly Name[] = ['complete', ...PLAIN];
const ALL: readonly Name[] = ['ours', ...OTHERS];
const BOTH: readonly Name[] = ['ours', 'complete'];
type Expected<T> = Readonly<Partial<Record<Name, T>>>;
/** Expects the same of several contenders. */
const of = <T>(names: readonly Name[], same: T): Expected<T> => Object.fromEntries(names.map((name) => [name, same]));

const FIELDS =
  'id maintenanceId residence { id } startTime finishTime createdTime description contact feedback pictureUrls state';
const readAll = (residenceIds: readonly string[]): Operation => ({
  query: `{ ${residenceIds.map((id, index) => `a${index}: maintenances(residenceId: "${id}") { id }`)} }`,
  variables: {},
});
const refer = (ids: readonly string[]): Operation => ({
  query: `query ($ids: [ID!]!) { visits(ids: $ids) { maintenance { ${FIELDS} } } }`,
  variables: { ids },
});
const LIST = `get_maintenance_list ${R}`;
const ODD_LIST = `get_maintenance_list ${ODD}`;
const ODD_CREATE = `create_maintenance_info ${ODD}`;
const VISITED_LISTS = ['1-101', '1-201', '1-202'].map((flat) => `get_maintenance_list ${idOf(flat)}`);
const VISITED_INFOS = VISITED.slice(0, 6).map((key) => `get_maintenance_info ${key.residenceId} ${key.maintenanceId}`);

type Row = [string, Operation, Expected<string[]>];
/** Operations, with the commands of each contender that gives the same data, in any order. */
const OPERATIONS: Row[] = [
  ['a list', request('maintenances', { residenceId: R }, FIELDS), of(ALL, [LIST])],
  ...['CREATED_TIME_ASC', 'CREATED_TIME_DESC', 'START_TIME_ASC', 'START_TIME_DESC'].map((orderBy): Row => {
    const args = { residenceId: ODD, states: ['WAIT_FOR_CONFIRMATION', 'IN_PROGRESS', 'CLOSED'], orderBy };
    const slice = request('maintenances', { ...args, offset: 1, first: 2 }, FIELDS);
    return [`a filtered slice by ${orderBy}`, slice, of(BOTH, [ODD_LIST])];
  }),
  ['a detail', detail(`${R}:${M}`, FIELDS), of(ALL, [`get_maintenance_info ${R} ${M}`])],
  ['an escaped id', detail(ODD_IDS[0], FIELDS), of(BOTH, [`get_maintenance_info ${ODD} a:%3A`])],
  ['a create', create({ pictureFilenames: ['a'] }), of(ALL, [`create_maintenance_info ${R}`])],
  [
    'a create that is read back',
    request('createMaintenance', create({ residenceId: ODD }).variables, `createdId maintenance { ${FIELDS} }`),
    { ours: [ODD_CREATE, `get_maintenance_info ${ODD} a:%3A`], complete: [ODD_CREATE, ODD_LIST] },
  ],
  ['a delete', deleteOne(`${R}:${M}`), of(ALL, [`delete_maintenance_info ${R} ${M}`])],
  [
    'a delete and the rest of the list',
    request('deleteMaintenance', { id: ODD_IDS[1] }, 'deletedId residence { id maintenances { id } }'),
    of(BOTH, [`delete_maintenance_info ${ODD} b%25`, ODD_LIST]),
  ],
  [
    'references',
    refer(VISITED.map(formatMaintenanceId)),
    {
      ...of(['ours', 'template', 'mercurius'], [...VISITED_LISTS.slice(0, 2), ...VISITED_INFOS.slice(5)]),
      ...of(['complete', 'byBatch'], VISITED_LISTS),
      lean: VISITED_INFOS,
    },
  ],
  ['references with escaped ids', refer(ODD_IDS), of([...BOTH, 'byBatch'], [ODD_LIST])],
];

const CUT_OFF: Fault = (_, response) => {
  response.socket?.resetAndDestroy();
  return 'taken';
};
const UNAVAILABLE: Fault = () => ({ status: 503 });

/** Sends reads, one after the other. Returns how many fail. */
async function countFailed(reads: number, { ask }: Contender): Promise<number> {
  let failed = 0;
  for (let read = 0; read < reads; read++) failed += (await ask(list())).errors.length;
  return failed;
}
const failFirst = (fault: Fault) => (one: Contender) => {
  one.upstream.fail((...sent) => (one.upstream.received.length === 1 ? fault(...sent) : undefined));
  return countFailed(1, one);
};
/** Sends operations. Returns how many commands arrive before one is answered. */
async function countSent({ upstream, ask }: Contender, operations: readonly Operation[], arrived: () => Promise<void>) {
  const held = upstream.hold();
  const asked = operations.map(ask);
  await arrived();
  const { length } = upstream.received;
  held.end();
  await Promise.all(asked);
  return length;
}
const sendForty = (least: number) => (one: Contender) =>
  countSent(one, [readAll(times(40, String))], () => until(() => one.upstream.received.length >= least));

/** What is seen of a contender. */
const CLAIMS: [string, (one: Contender) => Promise<unknown>, Expected<unknown>][] = [
  ['reads lost by a reset', failFirst(CUT_OFF), { ours: 0, ...of(OTHERS, 1) }],
  ['reads lost by a 503', failFirst(UNAVAILABLE), { ours: 0, ...of(OTHERS, 1) }],
  [
    'of 20 reads lost if the command API closes kept connections as the second command arrives',
    (one) => {
      const { received, fail } = one.upstream;
      const isReused = (port?: number) => received.filter(({ connection }) => connection === port).length > 1;
      fail((command, response) => (isReused(command.connection) ? CUT_OFF(command, response) : undefined));
      return countFailed(20, one);
    },
    { ...of(BOTH, 0), ...of(['kept', ...PLAIN], 10) },
  ],
  [
    'outcome of a write without an answer',
    async ({ upstream, ask }) => {
      upstream.fail(CUT_OFF);
      return (await ask(create())).errors[0]?.extensions.outcome;
    },
    { ...of(BOTH, 'UNKNOWN'), ...of(PLAIN, undefined) },
  ],
  [
    'ids of the two commands of an operation',
    async ({ upstream, ask }) => {
      await ask(readAll([R, ODD]));
      return [upstream.received.length, new Set(upstream.received.map(({ id }) => id)).size];
    },
    { ...of(['ours', 'template', 'mercurius'], [2, 2]), ...of(['complete', 'lean'], [2, 1]) },
  ],
  [
    'commands of 32 callers of a list, without `deduplicate_query` of the router',
    (one) => {
      // A busy machine could take longer than the 50 ms in which a read may join.
      stopClock();
      return countSent(one, Array(32).fill(list()), () => one.haveAsked(32));
    },
    { ours: 1, ...of(OTHERS, 32) },
  ],
  ['commands at once of an operation for 40 lists', sendForty(32), { ours: 32 }],
  ['commands at once of an operation for 40 lists', sendForty(40), of(OTHERS, 40)],
  [
    'faults of a form that its error names, and commands sent',
    async ({ upstream, ask }) => {
      const { errors } = await ask(create({ startTime: '2024-13-16T13:32:45Z', contact: ' ' }));
      const named = ['startTime', 'contact'].filter((name) => JSON.stringify(errors).includes(name));
      return [named.length, upstream.received.length];
    },
    { ours: [2, 0], complete: [0, 0], ...of(PLAIN, [0, 1]) },
  ],
  [
    '21:32:45+08:00 as sent',
    async ({ upstream, ask }) => {
      await ask(create({ startTime: '2024-01-16T21:32:45+08:00' }));
      return upstream.received[0]?.param.start_time;
    },
    { ours: '2024-01-16 13:32:45', complete: undefined, ...of(PLAIN, '2024-01-16 21:32:45+08:00') },
  ],
  [
    'requests of a list of 3 with half a surrogate pair in a text',
    async ({ upstream, ask }) => {
      const residenceId = idOf('1-101');
      Object.assign(upstream.store.list(residenceId)[0] ?? {}, { description: 'half \ud83d' });
      const { data } = await ask(request('maintenances', { residenceId }, 'description'));
      return data?.maintenances?.length ?? null;
    },
    { ours: 3, ...of(OTHERS, null) },
  ],
  [
    'commands and errors of a detail with an unknown id',
    async ({ upstream, ask }) => {
      const { errors } = await ask(detail(UNKNOWN));
      return [upstream.received.length, errors.length];
    },
    { ours: [2, 0], ...of(OTHERS, [1, 1]) },
  ],
  [
    'a reference with an unknown id',
    async ({ ask }) => (await ask(refer([UNKNOWN]))).data?.visits[0].maintenance?.id ?? null,
    { ...of(['ours', 'template', 'mercurius'], null), ...of(['complete', 'lean', 'byBatch'], UNKNOWN) },
  ],
  [
    // The last row: the circuit breaker stays open.
    'commands of 30 writes in an outage',
    async ({ upstream, ask }) => {
      await ask(list());
      upstream.received.length = 0;
      upstream.fail(UNAVAILABLE);
      for (let write = 0; write < 30; write++) await ask(create());
      return upstream.received.length;
    },
    { ours: 20, ...of(OTHERS, 30) },
  ],
];

/** Returns a row for each contender of each row. */
const perName = <What, T>(table: [string, What, Expected<T>][]) =>
  table.flatMap(([title, what, expected]) =>
    (Object.keys(expected) as Name[]).map((name) => ({ title, what, name, expected: expected[name] as T })),
  );

const writesOf = ({ received }: Upstream) =>
  received.filter(({ command }) => !command.startsWith('get_')).map(({ command, param }) => ({ command, param }));

/** Faults of a batch delete by residence. */
const FAULTS: Readonly<Record<string, Fault>> = {
  refused: () => ({ body: { success: false } }),
  unavailable: UNAVAILABLE,
  reset: CUT_OFF,
};
const FAILED = { 'refused:m': 'REJECTED', 'unavailable:m': 'UNKNOWN', 'reset:m': 'UNKNOWN' };
const DELETED = [String(ODD_IDS[2]), `${R}:${M}`, String(ODD_IDS[3])];

/** Returns the outcome of each id of a batch delete. Connectors answer an id without a reply by an error at its result. */
function outcomesOf({ data: { deleteMaintenances }, errors }: Answer): Record<string, unknown> {
  const { deletedIds = [], failures = [], results = [] } = deleteMaintenances;
  const outcomeAt = (index: number) => errors.find(({ path }) => path?.at(-1) === index)?.extensions.outcome;
  return Object.fromEntries([
    ...deletedIds.map((id: string) => [id, 'DELETED']),
    ...failures.map((one: Record<string, string>) => [one.failedId, one.outcome]),
    ...results.map((one: Record<string, string | boolean>, index: number) => [
      ...[one.deletedId, one.deleted ? 'DELETED' : (one.outcome ?? outcomeAt(index))],
    ]),
  ]);
}

/** A schema of Connectors whose expression panics for some arguments. */
const panicSdl = (expression: string) => `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.13")
    @link(url: "https://specs.apollo.dev/connect/v0.4", import: ["@connect"])
  type Query { value(text: String = "a", number: Int = 2): String @connect(selection: "${expression}") }`;

if (!executable) itUnless(missing, 'the alternatives behind Apollo Router', () => {});
else
  describe('behind Apollo Router', () => {
    const contenders = useContenders();
    const startPanicking = useMany(startRouter);
    afterEach(() => {
      jest.restoreAllMocks();
    });

    it.each(perName(OPERATIONS))('$title: $name gives our data', async ({ what, name, expected }) => {
      const ours = await contenders.ours.ask(what);
      const { upstream, ask } = contenders[name];
      const { data, errors } = name === 'ours' ? ours : await ask(what);
      expect(errors).toEqual([]);
      expect(data).toEqual(ours.data);
      expect(upstream.commands().toSorted()).toEqual(expected.toSorted());
      expect(writesOf(upstream)).toEqual(writesOf(contenders.ours.upstream));
      for (const { id } of upstream.received) expect(id).toMatch(/^c[0-9a-f]{32}$/);
    });

    it.each<[Name, string]>([
      ['ours', 'deletedIds failures { failedId outcome }'],
      ['complete', 'results { deletedId deleted outcome }'],
    ])('a batch delete of %s sends a command per residence and has an outcome per id', async (name, selection) => {
      const { upstream, ask } = contenders[name];
      upstream.fail((command, response) => FAULTS[String(command.param.residence_id)]?.(command, response));
      const answer = await ask(deleteMany([...DELETED, ...Object.keys(FAILED)], selection));
      expect(outcomesOf(answer)).toEqual({ ...FAILED, ...Object.fromEntries(DELETED.map((id) => [id, 'DELETED'])) });
      const sent = [`${ODD} c,d`, `${R} ${M}`, 'refused m', 'reset m', 'unavailable m'];
      expect(upstream.commands().toSorted()).toEqual(sent.map((one) => `batch_delete_maintenance_info ${one}`).sort());
    });

    it.each(perName(CLAIMS))('$title: $name $expected', async ({ what, name, expected }) => {
      expect(await what(contenders[name])).toEqual(expected);
    });

    it.each([
      ['$args.text->slice(0, 1)', { text: '厨' }],
      ['$(7)->mod($args.number)->jsonStringify', { number: 0 }],
    ])('%s of Connectors ends the router for %j', async (expression, variables) => {
      const ended = Promise.withResolvers();
      const subgraphs = [{ name: 'panic', url: 'http://none', sdl: panicSdl(expression) }];
      const listening = { host: '127.0.0.1', port: 0 };
      const { url } = await startPanicking('apollo', { subgraphs, secret: 'none', ...listening, onEnd: ended.resolve });
      const query = 'query ($text: String, $number: Int) { value(text: $text, number: $number) }';
      expect((await askAt(`${url}/graphql`, query)).errors).toEqual([]);
      await expect(askAt(`${url}/graphql`, query, { variables })).rejects.toThrow();
      await ended.promise;
    });
  });
