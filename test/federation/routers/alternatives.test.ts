/**
 * Apollo Connectors and Apollo Server by lists beside this subgraph, each behind a real Apollo Router and before a command API of
 * its own: the same data for the same operations, and each difference that docs/alternatives.md names.
 */
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ROUTERS } from '../../../dev/supergraph/routers.ts';
import { formatMaintenanceId, type Id } from '../../../src/maintenance.ts';
import { startByLists, startConnectors, startOurs, startRouted } from '../../support/alternatives.ts';
import { type Answer, askAt } from '../../support/ask.ts';
import { PATIENT } from '../../support/replica.ts';
import { create, deleteOne, detail, type FieldQuery, list, M, R, request, times } from '../../support/requests.ts';
import { type Fault, startUpstream, type Upstream } from '../../support/upstream.ts';
import { useMany } from '../../support/use-subgraph.ts';
import { idOf, VISITED } from '../../support/visits.ts';
import { until } from '../../support/wait.ts';
import { itUnless } from './skip.ts';

const { executable, missing } = ROUTERS.apollo;
/** How each starts before a command API. `connectors` is the complete mapping. Once open, our circuit breaker stays open. */
const START = {
  ours: async (url: string) => startRouted(await startOurs(url, { ...PATIENT, BREAKER_OPEN_MS: '60000' })),
  connectors: startConnectors,
  byLists: async (url: string) => startRouted(await startByLists(url)),
};

type Name = keyof typeof START;
type Operation = Pick<FieldQuery, 'query' | 'variables'>;

/** `ask` sends an operation to the router. */
type Contender = { readonly upstream: Upstream; ask(operation: Operation): Promise<Answer> };

/** A residence whose id has to be escaped, and its requests with the days on which they start. */
const ODD = 'r%:1' as Id;
const ODD_DAYS = Object.entries({ 'a:%3A': '09', 'b%25': '', c: '08', d: '07', e: '07' });
const ODD_IDS = ODD_DAYS.map(([id]) => formatMaintenanceId({ residenceId: ODD, maintenanceId: id as Id }));

const UNKNOWN = `${R}:unknown`;
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
const ODD_LIST = `get_maintenance_list ${ODD}`;
const ODD_CREATE = `create_maintenance_info ${ODD}`;
const VISITED_LISTS = ['1-101', '1-201', '1-202'].map((flat) => `get_maintenance_list ${idOf(flat)}`);
const VISITED_INFO = `get_maintenance_info ${idOf('1-202')} ${VISITED[5]?.maintenanceId}`;

type Commands = Readonly<Partial<Record<Name, string[]>>>;
const ofBoth = (...commands: string[]): Commands => ({ ours: commands, connectors: commands });
const ofAll = (...commands: string[]): Commands => ({ ...ofBoth(...commands), byLists: commands });
/** Operations, with the commands of each contender that gives the same data, in any order. */
const OPERATIONS: [string, Operation, Commands][] = [
  ['a list', request('maintenances', { residenceId: R }, FIELDS), ofAll(`get_maintenance_list ${R}`)],
  ...['CREATED_TIME_ASC', 'CREATED_TIME_DESC', 'START_TIME_ASC', 'START_TIME_DESC'].map(
    (orderBy): [string, Operation, Commands] => {
      const args = { residenceId: ODD, states: ['WAIT_FOR_CONFIRMATION', 'IN_PROGRESS', 'CLOSED'], orderBy };
      const slice = request('maintenances', { ...args, offset: 1, first: 2 }, FIELDS);
      return [`a filtered slice by ${orderBy}`, slice, ofBoth(ODD_LIST)];
    },
  ),
  ['a detail', detail(`${R}:${M}`, FIELDS), ofAll(`get_maintenance_info ${R} ${M}`)],
  ['an escaped id', detail(ODD_IDS[0], FIELDS), ofBoth(`get_maintenance_info ${ODD} a:%3A`)],
  ['a create', create({ pictureFilenames: ['a'] }), ofAll(`create_maintenance_info ${R}`)],
  [
    'a create that is read back',
    request('createMaintenance', create({ residenceId: ODD }).variables, `createdId maintenance { ${FIELDS} }`),
    { ours: [ODD_CREATE, `get_maintenance_info ${ODD} a:%3A`], connectors: [ODD_CREATE, ODD_LIST] },
  ],
  ['a delete', deleteOne(`${R}:${M}`), ofAll(`delete_maintenance_info ${R} ${M}`)],
  [
    'a delete and the rest of the list',
    request('deleteMaintenance', { id: ODD_IDS[1] }, 'deletedId residence { id maintenances { id } }'),
    ofBoth(`delete_maintenance_info ${ODD} b%25`, ODD_LIST),
  ],
  [
    'references',
    refer(VISITED.map(formatMaintenanceId)),
    { ...ofAll(...VISITED_LISTS.slice(0, 2), VISITED_INFO), connectors: VISITED_LISTS },
  ],
  ['references with escaped ids', refer(ODD_IDS), ofBoth(ODD_LIST)],
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

/** What is seen of a contender. */
const CLAIMS: [string, (one: Contender, name: Name) => Promise<unknown>, Readonly<Record<Name, unknown>>][] = [
  ['reads lost by a reset', failFirst(CUT_OFF), { ours: 0, connectors: 1, byLists: 1 }],
  ['reads lost by a 503', failFirst(UNAVAILABLE), { ours: 0, connectors: 1, byLists: 1 }],
  [
    'of 20 reads lost if the command API closes kept connections as the second command arrives',
    (one) => {
      const { received, fail } = one.upstream;
      const isReused = (port?: number) => received.filter(({ connection }) => connection === port).length > 1;
      fail((command, response) => (isReused(command.connection) ? CUT_OFF(command, response) : undefined));
      return countFailed(20, one);
    },
    { ours: 0, connectors: 0, byLists: 10 },
  ],
  [
    'outcome of a write without an answer',
    async ({ upstream, ask }) => {
      upstream.fail(CUT_OFF);
      return (await ask(create())).errors[0]?.extensions.outcome;
    },
    { ours: 'UNKNOWN', connectors: 'UNKNOWN', byLists: undefined },
  ],
  [
    'ids of the two commands of an operation',
    async ({ upstream, ask }) => {
      await ask(readAll([R, ODD]));
      return [upstream.received.length, new Set(upstream.received.map(({ id }) => id)).size];
    },
    { ours: [2, 2], connectors: [2, 1], byLists: [2, 2] },
  ],
  [
    'commands at once of an operation for 40 lists',
    async ({ upstream, ask }, name) => {
      const held = upstream.hold();
      const asked = ask(readAll(times(40, String)));
      await until(() => held.length >= (name === 'ours' ? 32 : 40));
      held.end();
      await asked;
      return held.length;
    },
    { ours: 32, connectors: 40, byLists: 40 },
  ],
  [
    'faults of a form that its error names, and commands sent',
    async ({ upstream, ask }) => {
      const { errors } = await ask(create({ startTime: '2024-13-16T13:32:45Z', contact: ' ' }));
      const named = ['startTime', 'contact'].filter((name) => JSON.stringify(errors).includes(name));
      return [named.length, upstream.received.length];
    },
    { ours: [2, 0], connectors: [0, 0], byLists: [0, 1] },
  ],
  [
    '21:32:45+08:00 as sent',
    async ({ upstream, ask }) => {
      await ask(create({ startTime: '2024-01-16T21:32:45+08:00' }));
      return upstream.received[0]?.param.start_time;
    },
    { ours: '2024-01-16 13:32:45', connectors: undefined, byLists: '2024-01-16 21:32:45+08:00' },
  ],
  [
    'requests of a list of 3 with half a surrogate pair in a text',
    async ({ upstream, ask }) => {
      const residenceId = idOf('1-101');
      Object.assign(upstream.store.list(residenceId)[0] ?? {}, { description: 'half \ud83d' });
      const { data } = await ask(request('maintenances', { residenceId }, 'description'));
      return data?.maintenances?.length ?? null;
    },
    { ours: 3, connectors: null, byLists: null },
  ],
  [
    'commands and errors of a detail with an unknown id',
    async ({ upstream, ask }) => {
      const { errors } = await ask(detail(UNKNOWN));
      return [upstream.received.length, errors.length];
    },
    { ours: [2, 0], connectors: [1, 1], byLists: [1, 1] },
  ],
  [
    'a reference with an unknown id',
    async ({ ask }) => (await ask(refer([UNKNOWN]))).data?.visits[0].maintenance?.id ?? null,
    { ours: null, connectors: UNKNOWN, byLists: null },
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
    { ours: 20, connectors: 30, byLists: 30 },
  ],
];

/** Starts all contenders for a block of tests. Resets their command APIs before each test. */
function useContenders(): Readonly<Record<Name, Contender>> {
  const contenders = {} as Record<Name, Contender>;
  const routers = useMany((name: Name, commandApiUrl: string) => START[name](commandApiUrl));
  const upstreams = useMany(startUpstream);
  beforeAll(async () => {
    // One after the other: where one does not start, the others stop.
    for (const name of Object.keys(START) as Name[]) {
      const upstream = await upstreams();
      const { url } = await routers(name, upstream.url);
      contenders[name] = { upstream, ask: ({ query, variables }) => askAt(url, query, { variables }) };
    }
  });
  beforeEach(() => {
    for (const { upstream } of Object.values(contenders)) reset(upstream);
  });
  return contenders;
}

/** Resets a command API, with `ODD`. A create answers the id of the residence's first request, so that it is the same for all. */
function reset(upstream: Upstream): void {
  upstream.reset();
  const odd = upstream.store.list(idOf('1-201')).map((ticket, index) => {
    const [maintenance_id = '', day] = ODD_DAYS[index] ?? [];
    return { ...ticket, maintenance_id, start_time: day ? `2026-01-${day} 08:00:00` : '' };
  });
  upstream.store.residences.set(ODD, odd);
  upstream.fail(({ command, param }) => {
    if (command !== 'create_maintenance_info') return undefined;
    const maintenance_id = upstream.store.list(String(param.residence_id))[0]?.maintenance_id;
    return { body: { success: true, result: { maintenance_id } } };
  });
}

const writesOf = ({ received }: Upstream) =>
  received.filter(({ command }) => !command.startsWith('get_')).map(({ command, param }) => ({ command, param }));

if (!executable) itUnless(missing, 'the alternatives behind Apollo Router', () => {});
else
  describe('behind Apollo Router', () => {
    const contenders = useContenders();

    it.each(OPERATIONS)('%s: each contender gives our data', async (_, operation, expected) => {
      const ours = await contenders.ours.ask(operation);
      for (const [name, commands] of Object.entries(expected)) {
        const { upstream, ask } = contenders[name as Name];
        const { data, errors } = name === 'ours' ? ours : await ask(operation);
        expect({ name, data, errors }).toEqual({ name, data: ours.data, errors: [] });
        expect(upstream.commands().toSorted()).toEqual(commands.toSorted());
        expect(writesOf(upstream)).toEqual(writesOf(contenders.ours.upstream));
        for (const { id } of upstream.received) expect(id).toMatch(/^c[0-9a-f]{32}$/);
      }
    });

    it.each(CLAIMS)('%s', async (_, what, expected) => {
      const seen: Record<string, unknown> = {};
      for (const name of ['ours', 'connectors', 'byLists'] as const) seen[name] = await what(contenders[name], name);
      expect(seen).toEqual(expected);
    });
  });
