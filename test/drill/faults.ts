/**
 * The fault classes. Each breaks something in a separate namespace, and names the alerts that must fire.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Ticket } from '../../dev/store.ts';
import { preloadFault } from '../support/process.ts';
import type { Answer, Received } from '../support/upstream.ts';
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
const BURNS = [BURN, 'MaintenanceBudgetBurnsSlowly'];
/** Prometheus takes up to ten seconds to scrape a server that is new in its list, whatever the factor. */
const DISCOVERY_MS = 10_000;
/** The alerts that a failing command API may cause. */
const TROUBLE = [...BURNS, 'MaintenanceBreakerOpen', 'MaintenanceRetriesHigh', 'MaintenanceCommandsQueued'];

/** Answers the matching commands like this. */
function answer(reply: Answer, isMatch: (received: Received) => boolean = () => true) {
  return ({ upstream }: Site) => upstream.fail((received) => (isMatch(received) ? reply : undefined));
}

const body = { success: false };
const isCreate = ({ command }: Received) => command === CREATE;
const stop = ({ upstream }: Site) => upstream.stop();
const slowDown = (ms: number) => {
  return ({ upstream }: Site) => upstream.slowDown(ms);
};

/** Changes each ticket of the command API. */
function rewrite(change: (ticket: Ticket) => void) {
  return ({ upstream }: Site) => {
    for (const tickets of upstream.store.residences.values()) tickets.forEach(change);
  };
}

/** Sends this header with each operation, or omits the header. */
function send(name: string, value?: string) {
  return ({ headers }: Site) => {
    if (value === undefined) delete headers[name];
    else headers[name] = value;
  };
}

/** Returns options of Node that make a process repeat `javascript` from SIGUSR2 on. */
function onSignal(everyMs: number, javascript: string, options = ''): NodeJS.ProcessEnv {
  const code = `
    import { getHeapStatistics } from 'node:v8';
    const kept = [];
    process.on('SIGUSR2', () => setInterval(() => { ${javascript} }, ${everyMs}));`;
  return { NODE_OPTIONS: `${options} --import data:text/javascript,${encodeURIComponent(code)}` };
}

const signal = ({ replicas }: Site) => replicas()[0]?.kill('SIGUSR2');
let turn = 0;

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
  'answers-503': { fires: { [BURN]: {} }, also: TROUBLE, begin: answer({ status: 503, body }) },
  silence: {
    env: { ATTEMPT_TIMEOUT_MS: '1000', OPERATION_TIMEOUT_MS: '2000' },
    fires: { [BURN]: {} },
    // An operation takes two seconds, which are 40 s of production.
    within: '4m',
    also: TROUBLE,
    begin: ({ upstream }) => upstream.hold(),
  },
  'some-fail': {
    fires: { [BURN]: { slo: 'operations' } },
    within: '10m',
    also: BURNS,
    // 23 of 200 commands.
    begin: answer({ status: 500, body }, () => (turn++ * 23) % 200 < 23),
  },
  // Creates are rare.
  'creates-fail': {
    fires: { [BURN]: { command: CREATE } },
    within: '7m',
    also: BURNS,
    begin: answer({ status: 500, body }, isCreate),
  },
  'creates-rejected': { fires: { [REJECTED]: { command: CREATE } }, begin: answer({ body }, isCreate) },
  'creates-forbidden': { fires: { [REJECTED]: { command: CREATE } }, begin: answer({ status: 403, body }, isCreate) },
  'all-rejected': { fires: { [REJECTED]: { command: LIST } }, begin: answer({ body }) },
  'answers-401': {
    fires: { MaintenanceUnauthenticated: {} },
    also: [REJECTED],
    begin: answer({ status: 401, body }),
  },
  'answers-403': {
    fires: { MaintenanceUnauthenticated: {} },
    also: [REJECTED],
    begin: answer({ status: 403, body }),
  },
  'no-token': { fires: { MaintenanceUnauthenticated: {} }, begin: send('authorization') },
  // A request takes two seconds, which are 40 s of production.
  slow: { fires: { [BURN]: { slo: 'latency' } }, within: '5m', also: BURNS, begin: slowDown(2000) },
  'traffic-vanished': { fires: { MaintenanceTrafficVanished: {} }, begin: ({ stopTraffic }) => stopTraffic() },
  'internal-error': {
    env: { NODE_OPTIONS: `--import ${preloadFault(`throw new Error('not foreseen')`)}` },
    fires: { MaintenanceInternalError: {} },
    also: BURNS,
    begin(site) {
      const ordinary = site.operation;
      const unforeseen = { query: '{ maintenances(residenceId: "unforeseen") { id } }' };
      site.operation = () => (turn++ % 10 === 0 ? unforeseen : ordinary());
    },
  },
  'no-json': {
    fires: { [DRIFT]: { command: LIST, kind: 'envelope' }, [BURN]: {} },
    also: TROUBLE,
    begin: answer({ headers: { 'content-type': 'text/html' }, body: '<html>Maintenance</html>' }),
  },
  'other-state': {
    fires: { [DRIFT]: { command: LIST, kind: 'member', member: 'state' } },
    also: TROUBLE,
    begin: rewrite((ticket) => {
      ticket.state = 'under review';
    }),
  },
  'other-time': {
    fires: { [DRIFT]: { command: LIST, kind: 'member', member: 'created_time' } },
    also: TROUBLE,
    begin: rewrite((ticket) => {
      ticket.created_time = '2024-01-12T13:32:45.000+08:00';
    }),
  },
  // The fault hits half of the traffic: 20 failures take two minutes.
  breaker: { servers: 2, fires: { MaintenanceBreakerOpen: {} }, within: '7m', also: TROUBLE, begin: stop },
  'wrong-secret': {
    fires: { MaintenanceRouterRefused: {} },
    begin: send('router-authorization', 'the secret of another subgraph'),
  },
  'gzipped-requests': { fires: { MaintenanceRouterRefused: {} }, begin: send('content-encoding', 'gzip') },
  'wrong-schema': {
    fires: { MaintenanceSchemaMismatch: {} },
    begin(site) {
      site.operation = () => ({ query: '{ tickets { id } }' });
    },
  },
  down: {
    servers: 2,
    fires: { MaintenanceDown: {} },
    also: ['MaintenanceReplicaDown', 'MaintenanceTrafficVanished'],
    begin({ replicas }) {
      for (const replica of replicas()) replica.kill();
    },
  },
  'replica-down': {
    isIdle: true,
    servers: 2,
    fires: { MaintenanceReplicaDown: {} },
    begin: ({ replicas }) => replicas()[0]?.kill(),
  },
  restarts: {
    isIdle: true,
    servers: 2,
    fires: { MaintenanceRestarting: {}, MaintenanceCrashLoop: {} },
    // Each start takes a second, whatever the factor.
    within: '14m',
    async begin({ crash }) {
      for (let times = 0; times < 6; times++) {
        await crash();
        await delay(2000);
      }
    },
  },
  overload: {
    env: { MAX_REQUESTS_IN_FLIGHT: '6' },
    fires: { [BURN]: { slo: 'requests' } },
    within: '7m',
    also: BURNS,
    begin: slowDown(800),
  },
  'rate-limited': {
    fires: { MaintenanceRateLimited: {} },
    within: '6m',
    also: TROUBLE,
    begin: answer({ status: 429, body }, () => turn++ % 3 === 0),
  },
  retries: {
    fires: { MaintenanceRetriesHigh: {} },
    within: '12m',
    begin(site) {
      const ids = new Set<string>();
      const isEighthRead = ({ id, command }: Received) => {
        const isFirst = command.startsWith('get_') && !ids.has(id);
        ids.add(id);
        return isFirst && ids.size % 8 === 0;
      };
      answer({ status: 503, body }, isEighthRead)(site);
    },
  },
  queue: {
    env: { MAX_COMMANDS_IN_FLIGHT: '1' },
    fires: { MaintenanceCommandsQueued: {} },
    also: TROUBLE,
    begin: slowDown(1000),
  },
  heap: {
    isIdle: true,
    env: onSignal(
      20,
      `if (process.memoryUsage().heapUsed < 0.87 * getHeapStatistics().heap_size_limit)
         kept.push(Array(100_000).fill(0.5));`,
      '--max-old-space-size=128 --max-semi-space-size=1',
    ),
    fires: { MaintenanceHeapNearLimit: {} },
    // The leak takes one or two minutes of production.
    within: '8m',
    begin: signal,
  },
  memory: {
    isIdle: true,
    env: onSignal(50, 'if (process.memoryUsage.rss() < 0.9 * 2 ** 30) kept.push(Buffer.alloc(2 ** 24, 1));'),
    fires: { MaintenanceMemoryHigh: {} },
    within: '8m',
    begin: signal,
  },
  'blocked-loop': {
    isIdle: true,
    env: onSignal(450, 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 240);'),
    fires: { MaintenanceEventLoopLag: {} },
    // The alert's `for` begins again after each late scrape.
    within: '9m',
    begin: signal,
  },
};
