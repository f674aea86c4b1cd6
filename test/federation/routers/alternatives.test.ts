/**
 * Apollo Connectors and Apollo Server by lists beside this subgraph, each behind a real Apollo Router and before a command API of
 * its own: each difference that docs/alternatives.md names. `npm run bench` compares their data.
 */
import http from 'node:http';
import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { listen } from '../../../dev/command-api.ts';
import { EXAMPLE } from '../../../dev/maintenance/seed.ts';
import { ROUTERS } from '../../../dev/supergraph/routers.ts';
import { startConnectors, startRouted, startServer } from '../../support/alternatives.ts';
import { type Answer, askAt } from '../../support/ask.ts';
import { missingHaproxy, useHaproxy } from '../../support/haproxy.ts';
import { startFastVendor } from '../../support/maintenance/fast-vendor.ts';
import { aliased, create, detail, list, R, request, times } from '../../support/maintenance/requests.ts';
import { idOf } from '../../support/maintenance/visits.ts';
import { PATIENT } from '../../support/replica.ts';
import { itUnless } from '../../support/skip.ts';
import { act, type Fault, type Received, startUpstream, type Upstream } from '../../support/upstream.ts';
import { useMany } from '../../support/use-subgraph.ts';
import { until } from '../../support/wait.ts';

const { executable, missing } = ROUTERS.apollo;
const TOKEN_HEADER = 'x-vendor-authorization';
/** The emulator refuses the token in `Authorization`. */
const sending = (token: string) => ({ token: 'of-the-company', headers: { [TOKEN_HEADER]: `Bearer ${token}` } });
/** Once open, a circuit breaker stays open. */
const KEPT_OPEN = { ...PATIENT, BREAKER_OPEN_MS: '60000' };
const behind = (program: string) => async (COMMAND_API_URL: string, env?: NodeJS.ProcessEnv) =>
  startRouted(await startServer(program, { ...KEPT_OPEN, TOKEN_HEADER, COMMAND_API_URL, ...env }), TOKEN_HEADER);
/** How each starts before a command API. `connectors` is the complete mapping. */
const START = {
  ours: behind('src/main.ts'),
  connectors: (url: string) => startConnectors(url, TOKEN_HEADER),
  byLists: behind('bench/contenders/by-lists/main.ts'),
};

type Name = keyof typeof START;
const NAMES = Object.keys(START) as Name[];
type Operation = { readonly query: string; readonly variables: Record<string, unknown> };

/** Sends an operation, by default with a token that the emulator takes. */
type Ask = (operation: Operation, token?: string) => Promise<Answer>;
type Contender = { readonly upstream: Upstream; readonly ask: Ask };
const askBehind = (url: string): Ask => {
  return ({ query, variables }, token = EXAMPLE.token) => askAt(url, query, { variables, ...sending(token) });
};

const UNKNOWN = `${R}:unknown`;
const REFER_TO_UNKNOWN: Operation = {
  query: 'query ($ids: [ID!]!) { visits(ids: $ids) { maintenance { id maintenanceId } } }',
  variables: { ids: [UNKNOWN] },
};
const readLists = (count: number): Operation => ({
  query: `{ ${aliased(count, (index) => `maintenances(residenceId: "${index}") { id }`)} }`,
  variables: {},
});

const CUT_OFF = act((response) => response.socket?.resetAndDestroy());
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

const CLAIMS: [string, (one: Contender, name: Name) => Promise<unknown>, Readonly<Record<Name, unknown>>][] = [
  ['reads lost by a reset', failFirst(CUT_OFF), { ours: 0, connectors: 1, byLists: 0 }],
  ['reads lost by a 503', failFirst(UNAVAILABLE), { ours: 0, connectors: 1, byLists: 0 }],
  [
    'of 20 reads lost if the command API closes kept connections as the second command arrives',
    (one) => {
      const { received, fail } = one.upstream;
      const isReused = (port?: number) => received.filter(({ connection }) => connection === port).length > 1;
      fail((command, response) => (isReused(command.connection) ? CUT_OFF(command, response) : undefined));
      return countFailed(20, one);
    },
    { ours: 0, connectors: 0, byLists: 0 },
  ],
  ['reads lost by a wrong `Authorization`', (one) => countFailed(1, one), { ours: 0, connectors: 0, byLists: 0 }],
  [
    'outcome of a write without an answer',
    async ({ upstream, ask }) => {
      upstream.fail(CUT_OFF);
      return (await ask(create())).errors[0]?.extensions.outcome;
    },
    { ours: 'UNKNOWN', connectors: 'UNKNOWN', byLists: 'UNKNOWN' },
  ],
  [
    'ids of the two commands of an operation',
    async ({ upstream, ask }) => {
      await ask(readLists(2));
      return [upstream.received.length, new Set(upstream.received.map(({ id }) => id)).size];
    },
    { ours: [2, 2], connectors: [2, 1], byLists: [2, 2] },
  ],
  [
    'commands at once of an operation for 40 lists',
    async ({ upstream, ask }, name) => {
      const held = upstream.hold();
      const asked = ask(readLists(40));
      await until(() => held.length >= (name === 'connectors' ? 40 : 32));
      held.end();
      await asked;
      return held.length;
    },
    { ours: 32, connectors: 40, byLists: 32 },
  ],
  [
    'faults of a form that its error names, and commands sent',
    async ({ upstream, ask }) => {
      const { errors } = await ask(create({ startTime: '2024-13-16T13:32:45Z', contact: ' ' }));
      const named = ['startTime', 'contact'].filter((name) => JSON.stringify(errors).includes(name));
      return [named.length, upstream.received.length];
    },
    { ours: [2, 0], connectors: [0, 0], byLists: [2, 0] },
  ],
  [
    '21:32:45+08:00 as sent',
    async ({ upstream, ask }) => {
      await ask(create({ startTime: '2024-01-16T21:32:45+08:00' }));
      return upstream.received[0]?.param.start_time;
    },
    { ours: '2024-01-16 13:32:45', connectors: undefined, byLists: '2024-01-16 13:32:45' },
  ],
  [
    'requests of a list of 3 with half a surrogate pair in a text',
    async ({ upstream, ask }) => {
      const residenceId = idOf('1-101');
      Object.assign(upstream.store.list(residenceId)[0] ?? {}, { description: 'half \ud83d' });
      const { data } = await ask(request('maintenances', { residenceId }, 'description'));
      return data?.maintenances?.length ?? null;
    },
    { ours: 3, connectors: null, byLists: 3 },
  ],
  [
    'commands and errors of a detail with an unknown id',
    async ({ upstream, ask }) => {
      const { errors } = await ask(detail(UNKNOWN));
      return [upstream.received.length, errors.length];
    },
    { ours: [2, 0], connectors: [1, 1], byLists: [2, 0] },
  ],
  [
    'a reference with an unknown id',
    async ({ ask }) => (await ask(REFER_TO_UNKNOWN)).data?.visits[0].maintenance?.id ?? null,
    { ours: null, connectors: UNKNOWN, byLists: null },
  ],
  [
    'whether 16 callers of one list share commands',
    async ({ upstream, ask }) => {
      const isShared = ({ param }: Received) => param.residence_id === R;
      const held = upstream.hold();
      // Another list for each shows that all have arrived.
      const query = (own: number) =>
        `{ own: maintenances(residenceId: "${own}") { id } shared: maintenances(residenceId: "${R}") { id } }`;
      const asked = times(16, (caller) => ask({ query: query(caller), variables: {} }));
      await until(() => upstream.received.filter((command) => !isShared(command)).length === 16);
      held.end();
      await Promise.all(asked);
      return upstream.received.filter(isShared).length < 16;
    },
    { ours: true, connectors: false, byLists: true },
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
    { ours: 20, connectors: 30, byLists: 20 },
  ],
];

/** Costs 530 replies of 2 MB. */
const HOSTILE: Operation = {
  query: readLists(30).query.replace('{', 'query ($ids: [ID!]) { visits(ids: $ids) { maintenance { state } }'),
  variables: { ids: times(1000, (index) => `r${index >> 1}:${index % 2}`) },
};

const restartUnderLoad = useHaproxy();
for (const program of ['src/main.ts', 'bench/contenders/by-lists/main.ts'])
  itUnless(missingHaproxy, `behind HAProxy, restarts of ${program} and reloads fail no operation`, async () => {
    expect(await restartUnderLoad(program)).toEqual({ exits: [0, 0], lost: [] });
  });

if (!executable) itUnless(missing, 'the alternatives behind Apollo Router', () => {});
else
  describe('behind Apollo Router', () => {
    const contenders = {} as Record<Name, Contender>;
    const routers = useMany((name: Name, url: string, env?: NodeJS.ProcessEnv) => START[name](url, env));
    const upstreams = useMany(startUpstream);
    const vendors = useMany(startFastVendor);
    const resetting = useMany(() =>
      listen(http.createServer().on('connection', (socket) => socket.once('data', () => socket.resetAndDestroy()))),
    );
    beforeAll(async () => {
      // One after the other: where one does not start, the others stop.
      for (const name of NAMES) {
        const upstream = await upstreams();
        const { url } = await routers(name, upstream.url);
        contenders[name] = { upstream, ask: askBehind(url) };
      }
    });
    beforeEach(() => {
      for (const { upstream } of Object.values(contenders)) upstream.reset();
    });

    it.each(CLAIMS)('%s', async (_, what, expected) => {
      const seen: Record<string, unknown> = {};
      for (const name of NAMES) seen[name] = await what(contenders[name], name);
      expect(seen).toEqual(expected);
    });

    /** Starts each before this command API, one after the other. Returns what is seen of each. */
    async function seeEach(commandApiUrl: string, what: (ask: Ask) => Promise<unknown>, env?: NodeJS.ProcessEnv) {
      const seen: Record<string, unknown> = {};
      for (const name of NAMES) seen[name] = await what(askBehind((await routers(name, commandApiUrl, env)).url));
      return seen;
    }

    it.each([
      [1, { ours: false, connectors: false, byLists: false }],
      [8, { ours: false, connectors: false, byLists: true }],
    ])(
      'whether reads of another caller are lost after %s hostile documents at once, at a heap of 256 MB',
      async (count, expected) => {
        const attack = async (ask: Ask) => {
          await Promise.all(times(count, (caller) => ask(HOSTILE, `ordinary.${caller}`)));
          const reads = await Promise.all(times(20, () => ask(list(), 'small.other')));
          return reads.some(({ errors }) => errors.length > 0);
        };
        const lost = await seeEach((await vendors()).url, attack, { NODE_OPTIONS: '--max-old-space-size=256' });
        expect(lost).toEqual(expected);
      },
    );

    it('outcome of a write whose connection is reset before TLS is established', async () => {
      const { url } = await resetting();
      const outcome = async (ask: Ask) => (await ask(create())).errors[0]?.extensions.outcome;
      const seen = await seeEach(url.replace('http://127.0.0.1', 'https://localhost'), outcome);
      expect(seen).toEqual({ ours: 'NOT_SENT', connectors: 'UNKNOWN', byLists: 'NOT_SENT' });
    });
  });
