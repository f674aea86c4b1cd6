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
  /** In place of `fires_within`, where the fault is not total. */
  readonly within?: string;
  /** Further alerts that may fire. */
  readonly also?: readonly string[];
  /** `list` tells Prometheus which servers there are now. */
  readonly begin: (site: Site, list: () => void) => unknown;
}

const [BURN, DRIFT, REJECTED] = ['MaintenanceBudgetBurns', 'MaintenanceContractDrift', 'MaintenanceCommandRejected'];
const BURNS = [BURN, 'MaintenanceBudgetBurnsSlowly'];
/** Prometheus takes up to ten seconds to scrape a server that is new in its list, whatever the factor. */
const DISCOVERY_MS = 10_000;
/** The alerts that a failing command API may set off. */
const TROUBLE = [...BURNS, 'MaintenanceBreakerOpen', 'MaintenanceRetriesHigh', 'MaintenanceCommandsQueued'];

/** The command API answers like this to commands that are meant. */
function answer(reply: Answer, isMeant: (received: Received) => boolean = () => true) {
  return ({ upstream }: Site) => upstream.fail((received) => (isMeant(received) ? reply : undefined));
}

/** The command API writes each ticket another way. */
function rewrite(change: (ticket: Ticket) => void) {
  return ({ upstream }: Site) => {
    for (const tickets of upstream.store.residences.values()) tickets.forEach(change);
  };
}

/** Node's option that makes a process run `javascript` over and over from SIGUSR2 on. */
function onSignal(everyMs: number, javascript: string): string {
  return `--import data:text/javascript,${encodeURIComponent(`
    import { getHeapStatistics } from 'node:v8';
    const kept = [];
    process.on('SIGUSR2', () => setInterval(() => { ${javascript} }, ${everyMs}));`)}`;
}

const signal = ({ replicas }: Site) => replicas()[0]?.kill('SIGUSR2');
const refusal = { success: false };
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
  outage: { fires: { [BURN]: {} }, also: TROUBLE, begin: ({ upstream }) => upstream.stop() },
  'answers-503': { fires: { [BURN]: {} }, also: TROUBLE, begin: answer({ status: 503, body: refusal }) },
  silence: {
    env: { ATTEMPT_TIMEOUT_MS: '1000', OPERATION_TIMEOUT_MS: '2000' },
    fires: { [BURN]: {} },
    // An operation takes two seconds, which are a minute.
    within: '4m',
    also: TROUBLE,
    begin: ({ upstream }) => upstream.hold(),
  },
  'some-fail': {
    fires: { [BURN]: { slo: 'operations' } },
    within: '10m',
    also: BURNS,
    // 23 of 200.
    begin: answer({ status: 500, body: refusal }, () => (turn++ * 23) % 200 < 23),
  },
  'creates-fail': {
    fires: { [BURN]: { command: 'create_maintenance_info' } },
    // Rarely sent.
    within: '7m',
    also: BURNS,
    begin: answer({ status: 500, body: refusal }, ({ command }) => command === 'create_maintenance_info'),
  },
  'creates-rejected': {
    fires: { [REJECTED]: { command: 'create_maintenance_info' } },
    begin: answer({ body: refusal }, ({ command }) => command === 'create_maintenance_info'),
  },
  'creates-forbidden': {
    fires: { [REJECTED]: { command: 'create_maintenance_info' } },
    begin: answer({ status: 403, body: refusal }, ({ command }) => command === 'create_maintenance_info'),
  },
  'all-rejected': {
    fires: { [REJECTED]: { command: 'get_maintenance_list' } },
    begin: answer({ body: refusal }),
  },
  'answers-401': {
    fires: { MaintenanceUnauthenticated: {} },
    also: [REJECTED],
    begin: answer({ status: 401, body: refusal }),
  },
  'answers-403': {
    fires: { MaintenanceUnauthenticated: {} },
    also: [REJECTED],
    begin: answer({ status: 403, body: refusal }),
  },
  'no-token': {
    fires: { MaintenanceUnauthenticated: {} },
    begin(site) {
      delete site.headers.authorization;
    },
  },
  slow: {
    fires: { [BURN]: { slo: 'latency' } },
    // A request takes two seconds, which are a minute.
    within: '5m',
    also: BURNS,
    begin: ({ upstream }) => upstream.slowDown(2000),
  },
  'traffic-vanished': { fires: { MaintenanceTrafficVanished: {} }, begin: ({ stopTraffic }) => stopTraffic() },
  'internal-error': {
    env: { NODE_OPTIONS: `--import ${preloadFault(`throw new Error('not foreseen')`)}` },
    fires: { MaintenanceInternalError: {} },
    also: BURNS,
    begin(site) {
      const ordinary = site.operation;
      const strange = { query: '{ maintenances(residenceId: "unforeseen") { id } }' };
      site.operation = () => (turn++ % 10 === 0 ? strange : ordinary());
    },
  },
  'no-json': {
    fires: { [DRIFT]: { command: 'get_maintenance_list', kind: 'envelope' }, [BURN]: {} },
    also: TROUBLE,
    begin: answer({ headers: { 'content-type': 'text/html' }, body: '<html>Maintenance</html>' }),
  },
  'other-state': {
    fires: { [DRIFT]: { command: 'get_maintenance_list', kind: 'member', member: 'state' } },
    also: TROUBLE,
    begin: rewrite((ticket) => {
      ticket.state = 'under review';
    }),
  },
  'other-time': {
    fires: { [DRIFT]: { command: 'get_maintenance_list', kind: 'member', member: 'created_time' } },
    also: TROUBLE,
    begin: rewrite((ticket) => {
      ticket.created_time = '2024-01-12T13:32:45.000+08:00';
    }),
  },
  breaker: {
    servers: 2,
    fires: { MaintenanceBreakerOpen: {} },
    // Half of the traffic: 20 failures take two minutes.
    within: '7m',
    also: TROUBLE,
    begin: ({ upstream }) => upstream.stop(),
  },
  'wrong-secret': {
    fires: { MaintenanceRouterRefused: {} },
    begin(site) {
      site.headers['router-authorization'] = 'the secret of another subgraph';
    },
  },
  'gzipped-requests': {
    fires: { MaintenanceRouterRefused: {} },
    begin(site) {
      site.headers['content-encoding'] = 'gzip';
    },
  },
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
    begin({ replicas }) {
      replicas()[0]?.kill();
    },
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
    begin: ({ upstream }) => upstream.slowDown(800),
  },
  'rate-limited': {
    fires: { MaintenanceRateLimited: {} },
    within: '6m',
    also: TROUBLE,
    begin: answer({ status: 429, body: refusal }, () => turn++ % 3 === 0),
  },
  retries: {
    fires: { MaintenanceRetriesHigh: {} },
    within: '12m',
    begin({ upstream }) {
      const seen = new Set<string>();
      upstream.fail(({ id, command }) => {
        const isFirst = command.startsWith('get_') && !seen.has(id);
        seen.add(id);
        return isFirst && seen.size % 8 === 0 ? { status: 503, body: refusal } : undefined;
      });
    },
  },
  queue: {
    env: { MAX_COMMANDS_IN_FLIGHT: '1' },
    fires: { MaintenanceCommandsQueued: {} },
    also: TROUBLE,
    begin: ({ upstream }) => upstream.slowDown(1000),
  },
  heap: {
    isIdle: true,
    env: {
      NODE_OPTIONS: `--max-old-space-size=128 --max-semi-space-size=1 ${onSignal(
        20,
        `if (process.memoryUsage().heapUsed < 0.87 * getHeapStatistics().heap_size_limit)
           kept.push(Array(100_000).fill(0.5));`,
      )}`,
    },
    fires: { MaintenanceHeapNearLimit: {} },
    // The leak takes a minute, or two.
    within: '8m',
    begin: signal,
  },
  memory: {
    isIdle: true,
    env: {
      NODE_OPTIONS: onSignal(50, 'if (process.memoryUsage.rss() < 0.9 * 2 ** 30) kept.push(Buffer.alloc(2 ** 24, 1));'),
    },
    fires: { MaintenanceMemoryHigh: {} },
    within: '8m',
    begin: signal,
  },
  'blocked-loop': {
    isIdle: true,
    env: { NODE_OPTIONS: onSignal(450, 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 240);') },
    fires: { MaintenanceEventLoopLag: {} },
    // `for` begins again after each scrape that comes too late.
    within: '9m',
    begin: signal,
  },
};
