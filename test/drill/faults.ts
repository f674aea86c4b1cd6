/**
 * The fault classes. Each breaks something in a separate namespace, and names the alerts that must fire.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Ticket } from '../../dev/store.ts';
import { preloadThrowInRequest } from '../support/unforeseen.ts';
import type { Received } from '../support/upstream.ts';
import type { Settings, Site } from './site.ts';

export interface FaultClass extends Settings {
  /** The alerts that must fire within their `fires_within`, each with the labels that it must have at least. */
  readonly fires: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Replaces `fires_within` for a fault that is not total. */
  readonly within?: string;
  /** Further alerts that may fire. */
  readonly also?: readonly string[];
  /** `list` updates Prometheus' list of servers. */
  readonly begin: (site: Site, list: () => void) => unknown;
}

const [BURN, DRIFT, REJECTED] = ['MaintenanceBudgetBurns', 'MaintenanceContractDrift', 'MaintenanceCommandRejected'];
const [CREATE, LIST] = ['create_maintenance_info', 'get_maintenance_list'];
const UNKNOWN = 'MaintenanceWritesUnknown';
/** The token of a caller whose commands fail by an unforeseen error. */
const UNLUCKY = 'unlucky';
const BURNS = [BURN, 'MaintenanceBudgetBurnsSlowly'];
/** The alerts that a failing command API may cause. */
const TROUBLE = [...BURNS, UNKNOWN, 'MaintenanceBreakerOpen', 'MaintenanceRetriesHigh', 'MaintenanceCommandsQueued'];
const GONE = ['MaintenanceReplicaDown', 'MaintenanceTrafficVanished'];
/** Prometheus takes up to ten seconds to scrape a server that is new in its list, whatever the factor. */
const DISCOVERY_MS = 10_000;

const isCreate = ({ command }: Received) => command === CREATE;
const stop = ({ upstream }: Site) => upstream.stop();
const slowDown = (ms: number) => (site: Site) => site.upstream.slowDown(ms);
const send = (headers: Readonly<Record<string, string>>) => (site: Site) => Object.assign(site.headers, headers);

/** Kills the first `count` servers, or sends them another signal. */
const kill = (count: number, signal?: NodeJS.Signals) => (site: Site) => {
  for (const replica of site.replicas().slice(0, count)) replica.kill(signal);
};

/** Sends this operation whenever `isDue`, with another token if one is given. */
const ask = (query: string, isDue: () => boolean, token?: string) => (site: Site) => {
  const ordinary = site.operation;
  site.operation = () => (isDue() ? { query, ...(token && { token }) } : ordinary());
};

/** Answers the matching commands with this status and `success: false`. */
function fail(status: number, isMatch: (received: Received) => boolean = () => true) {
  const answer = { status, body: { success: false } };
  return ({ upstream }: Site) => upstream.fail((received) => (isMatch(received) ? answer : undefined));
}

const HTML = { headers: { 'content-type': 'text/html' }, body: '<html>Maintenance</html>' };
const answerHtml = ({ upstream }: Site) => upstream.fail(() => HTML);

/** Returns a function that returns true for `count` of `total` calls, evenly spread. */
function share(count: number, total: number): () => boolean {
  let turn = 0;
  return () => (turn++ * count) % total < count;
}

const readIds = new Set<string>();
/** Returns true for the first attempt of each eighth read. */
function isEighthRead({ id, command }: Received): boolean {
  const isFirst = command.startsWith('get_') && !readIds.has(id);
  readIds.add(id);
  return isFirst && readIds.size % 8 === 0;
}

/** Changes each ticket of the command API. */
const rewrite = (change: Partial<Ticket>) => (site: Site) => {
  for (const ticket of [...site.upstream.store.residences.values()].flat()) Object.assign(ticket, change);
};

const SMALL_HEAP = '--max-old-space-size=128 --max-semi-space-size=1';
/** Makes a server without traffic repeat this JavaScript from SIGUSR2 on. */
function repeat(everyMs: number, javascript: string, options = '') {
  const code = `
    import { getHeapStatistics } from 'node:v8';
    const limit = getHeapStatistics().heap_size_limit;
    const kept = [];
    process.constrainedMemory = () => 2 ** 30;
    process.on('SIGUSR2', () => setInterval(() => { ${javascript} }, ${everyMs}));`;
  const env = { NODE_OPTIONS: `${options} --import data:text/javascript,${encodeURIComponent(code)}` };
  return { isIdle: true, env, begin: kill(1, 'SIGUSR2') };
}

const drift = (member: string) => ({ [DRIFT]: { command: LIST, kind: 'member', member } });

export const FAULTS: Readonly<Record<string, FaultClass>> = {
  healthy: {
    isFleet: true,
    fires: {},
    async begin({ fleet }, list) {
      for (let restart = 0; restart < 2; restart++) {
        await fleet?.replace(async () => {
          list();
          await delay(DISCOVERY_MS);
        });
        list();
      }
    },
  },
  outage: { fires: { [BURN]: {} }, also: TROUBLE, begin: stop },
  'answers-503': { fires: { [BURN]: {} }, also: TROUBLE, begin: fail(503) },
  silence: {
    fires: { [BURN]: {} },
    also: TROUBLE,
    begin: ({ upstream }) => upstream.hold(),
    // An operation takes two seconds, which are 24 s of production.
    env: { ATTEMPT_TIMEOUT_MS: '1000', OPERATION_TIMEOUT_MS: '2000' },
    within: '4m',
  },
  'some-fail': {
    fires: { [BURN]: { slo: 'operations' } },
    within: '10m',
    also: [...BURNS, UNKNOWN],
    begin: fail(500, share(23, 200)),
  },
  // Creates are rare.
  'creates-fail': {
    fires: { [BURN]: { command: CREATE }, [UNKNOWN]: { command: CREATE } },
    within: '7m',
    also: BURNS,
    begin: fail(500, isCreate),
  },
  'creates-rejected': { fires: { [REJECTED]: { command: CREATE } }, begin: fail(200, isCreate) },
  'creates-forbidden': { fires: { [REJECTED]: { command: CREATE } }, begin: fail(403, isCreate) },
  'all-rejected': { fires: { [REJECTED]: { command: LIST } }, begin: fail(200) },
  'answers-401': { fires: { MaintenanceUnauthenticated: {} }, also: [REJECTED], begin: fail(401) },
  'answers-403': { fires: { MaintenanceUnauthenticated: {} }, also: [REJECTED], begin: fail(403) },
  'no-token': { fires: { MaintenanceUnauthenticated: {} }, begin: ({ headers }) => delete headers.authorization },
  // A request takes two seconds, which are 24 s of production.
  slow: { fires: { [BURN]: { slo: 'latency' } }, within: '5m', also: BURNS, begin: slowDown(2000) },
  'traffic-vanished': { fires: { MaintenanceTrafficVanished: {} }, begin: ({ stopTraffic }) => stopTraffic() },
  'internal-error': {
    env: { NODE_OPTIONS: `--import ${preloadThrowInRequest(UNLUCKY)}` },
    fires: { MaintenanceInternalError: {} },
    also: BURNS,
    begin: ask('{ maintenances(residenceId: "r") { id } }', share(1, 10), UNLUCKY),
  },
  'no-json': { fires: { [DRIFT]: { command: LIST, kind: 'envelope' }, [BURN]: {} }, also: TROUBLE, begin: answerHtml },
  'other-state': { fires: drift('state'), also: TROUBLE, begin: rewrite({ state: 'under review' }) },
  'other-time': { fires: drift('created_time'), also: TROUBLE, begin: rewrite({ created_time: '2024-01-12T13:32Z' }) },
  // The fault hits half of the traffic: 20 failures take two minutes.
  breaker: { servers: 2, fires: { MaintenanceBreakerOpen: {} }, within: '7m', also: TROUBLE, begin: stop },
  'wrong-secret': { fires: { MaintenanceRouterRefused: {} }, begin: send({ 'router-authorization': 'wrong' }) },
  'gzipped-requests': { fires: { MaintenanceRouterRefused: {} }, begin: send({ 'content-encoding': 'gzip' }) },
  'wrong-schema': { fires: { MaintenanceSchemaMismatch: {} }, begin: ask('{ tickets { id } }', () => true) },
  down: { servers: 2, fires: { MaintenanceDown: {} }, also: GONE, begin: kill(2) },
  'replica-down': { isIdle: true, servers: 2, fires: { MaintenanceReplicaDown: {} }, begin: kill(1) },
  restarts: {
    isIdle: true,
    servers: 2,
    fires: { MaintenanceRestarting: {}, MaintenanceCrashLoop: {} },
    // Each start takes a second, whatever the factor.
    within: '14m',
    begin: ({ crash }) => crash(6),
  },
  overload: {
    env: { MAX_REQUESTS_IN_FLIGHT: '4' },
    begin: slowDown(800),
    fires: { [BURN]: { slo: 'requests' } },
    within: '7m',
    also: BURNS,
  },
  'rate-limited': { fires: { MaintenanceRateLimited: {} }, within: '6m', also: TROUBLE, begin: fail(429, share(1, 3)) },
  retries: { fires: { MaintenanceRetriesHigh: {} }, within: '12m', begin: fail(503, isEighthRead) },
  queue: {
    env: { MAX_COMMANDS_IN_FLIGHT: '2' },
    begin: slowDown(1000),
    fires: { MaintenanceCommandsQueued: {} },
    also: TROUBLE,
  },
  heap: {
    ...repeat(20, 'if (process.memoryUsage().heapUsed < 0.87 * limit) kept.push(Array(1e5).fill(0.5));', SMALL_HEAP),
    fires: { MaintenanceHeapNearLimit: {} },
    // The leak takes one or two minutes of production.
    within: '8m',
  },
  memory: {
    ...repeat(50, 'if (process.memoryUsage.rss() < 0.9 * 2 ** 30) kept.push(Buffer.alloc(2 ** 24, 1));'),
    fires: { MaintenanceMemoryHigh: {} },
    within: '8m',
  },
  'blocked-loop': {
    ...repeat(450, 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);'),
    fires: { MaintenanceEventLoopLag: {} },
    // The alert's `for` begins again after each late scrape.
    within: '9m',
  },
};
