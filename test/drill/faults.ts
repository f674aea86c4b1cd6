/** The fault classes. Each breaks something in a separate namespace, and names the alerts that must fire. */
import { readDocument } from '../support/documents.ts';
import { PATIENT } from '../support/replica.ts';
import { preloadThrowInRequest } from '../support/unforeseen.ts';
import type { Received } from '../support/upstream.ts';
import type { Replacement, Settings, Site } from './site.ts';

interface Options extends Settings {
  /** Replaces `fires_within` for a fault that is not total. */
  readonly within?: string;
  /** Further alerts that may fire. All names are without "Maintenance". */
  readonly also?: readonly string[];
}
type Begin = (site: Site) => unknown;
/** The alerts that must fire within their `fires_within`, each with the labels that it must have at least. */
type Fires = Readonly<Record<string, Readonly<Record<string, string>>>>;
export type FaultClass = Options & { readonly begin: Begin; readonly fires: Fires };

const fault = (begin: Begin, fires: Fires, options: Options = {}): FaultClass => ({ begin, fires, ...options });

const [CREATE, LIST] = ['create_maintenance_info', 'get_maintenance_list'];
const BURNS = { also: ['BudgetBurns', 'BudgetBurnsSlowly'] };
const FAILURES = { also: [...BURNS.also, 'WritesUnknown'] };
/** The alerts that a failing command API may cause. */
const TROUBLE = { also: [...FAILURES.also, 'BreakerOpen', 'RetriesHigh', 'CommandsQueued'] };

const isCreate = ({ command }: Received) => command === CREATE;
/** Answers the matching commands with this status, and no success. */
function fail(status: number, isMatch: (received: Received) => boolean = () => true): Begin {
  const answer = { status, body: { success: false } };
  return ({ upstream }) => upstream.fail((received) => (isMatch(received) ? answer : undefined));
}

function slowDown(ms: number): Begin {
  return ({ upstream }) => upstream.slowDown(ms);
}

/** Changes the requests of the callers, or those for which `isDue` returns true. */
function send(changed: Replacement, isDue: () => boolean = () => true): Begin {
  return (site) => Object.assign(site, { replace: () => (isDue() ? changed : {}) });
}

/** Kills the first server, or sends it another signal. */
function kill(signal?: NodeJS.Signals): Begin {
  return ({ replicas }) => replicas[0]?.kill(signal);
}

/** Returns a function that returns true for `count` of `total` calls, evenly spread. */
function share(count: number, total: number): () => boolean {
  let turn = 0;
  return () => (turn++ * count) % total < count;
}

const SMALL_HEAP = '--max-old-space-size=128 --max-semi-space-size=1';
/** Makes a server without traffic repeat this JavaScript from SIGUSR2 on. */
function repeat(everyMs: number, javascript: string, alert: string, within: string, options = ''): FaultClass {
  const code = `
    import { getHeapStatistics } from 'node:v8';
    const limit = getHeapStatistics().heap_size_limit;
    const kept = [];
    process.constrainedMemory = () => 2 ** 30;
    process.on('SIGUSR2', () => setInterval(() => { ${javascript} }, ${everyMs}));`;
  const env = { NODE_OPTIONS: `${options} --import data:text/javascript,${encodeURIComponent(code)}` };
  return fault(kill('SIGUSR2'), { [alert]: {} }, { isIdle: true, env, within });
}
const FILL_HEAP = 'if (process.memoryUsage().heapUsed < 0.87 * limit) kept.push(Array(1e5).fill(0.5));';
const FILL_MEMORY = 'if (process.memoryUsage.rss() < 0.9 * 2 ** 30) kept.push(Buffer.alloc(2 ** 24, 1));';
const BLOCK = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);';

const burns = (labels: Readonly<Record<string, string>> = {}) => ({ BudgetBurns: labels });
const rejects = (command: string) => ({ CommandRejected: { command } });
/** A second more than the objective of latency. */
const SLOW_MS = 1000 + 1000 * Number(/(?<=le=~")[\d.]+/.exec(readDocument('deploy/slo.yaml')));
const IDLE = { servers: 2, isIdle: true };
const FEW_REQUESTS = { MAX_REQUESTS_IN_FLIGHT: '4' };
const FEW_COMMANDS = { MAX_COMMANDS_IN_FLIGHT: '2' };
const HTML = { headers: { 'content-type': 'text/html' }, body: '<html>Maintenance</html>' };
const UNFORESEEN = { headers: { authorization: 'Bearer unforeseen' } };
const THROWS = { NODE_OPTIONS: `--import ${preloadThrowInRequest('unforeseen')}` };
const DRIFTS = { ContractDrift: { command: LIST, kind: 'envelope' } };
const ofCreates = { command: CREATE };
const LOST_CREATES = { ...burns(ofCreates), WritesUnknown: ofCreates };
const isNinth = share(1, 9);
const isNinthRead = ({ command }: Received) => command.startsWith('get_') && isNinth();

export const FAULTS: Readonly<Record<string, FaultClass>> = {
  healthy: fault(() => {}, {}),
  outage: fault(({ upstream }) => upstream.stop(), burns(), TROUBLE),
  'some-fail': fault(fail(500, share(23, 200)), burns({ slo: 'operations' }), { ...FAILURES, within: '10m' }),
  // Creates are rare.
  'creates-fail': fault(fail(500, isCreate), LOST_CREATES, { ...BURNS, within: '7m' }),
  'creates-rejected': fault(fail(200, isCreate), rejects(CREATE)),
  'all-rejected': fault(fail(200), rejects(LIST)),
  'answers-401': fault(fail(401), { Unauthenticated: {} }, { also: ['CommandRejected'] }),
  slow: fault(slowDown(SLOW_MS), burns({ slo: 'latency' }), { ...BURNS, within: '5m', env: PATIENT }),
  'traffic-vanished': fault(({ stopTraffic }) => stopTraffic(), { TrafficVanished: {} }),
  'internal-error': fault(send(UNFORESEEN, share(1, 10)), { InternalError: {} }, { ...BURNS, env: THROWS }),
  'no-json': fault(({ upstream }) => upstream.fail(() => HTML), { ...DRIFTS, ...burns() }, TROUBLE),
  // The fault hits half of the traffic: 20 failures take two minutes.
  breaker: fault(({ upstream }) => upstream.stop(), { BreakerOpen: {} }, { ...TROUBLE, servers: 2, within: '7m' }),
  'wrong-secret': fault(send({ headers: { 'router-authorization': 'wrong' } }), { RouterRefused: {} }),
  'wrong-schema': fault(send({ query: '{ tickets { id } }' }), { SchemaMismatch: {} }),
  down: fault(kill(), { Down: {} }, { also: ['ReplicaDown', 'TrafficVanished'] }),
  'replica-down': fault(kill(), { ReplicaDown: {} }, IDLE),
  // Each start takes a second, whatever the factor.
  restarts: fault(({ crash }) => crash(6), { Restarting: {}, CrashLoop: {} }, { ...IDLE, within: '14m' }),
  overload: fault(slowDown(800), burns({ slo: 'requests' }), { ...BURNS, within: '7m', env: FEW_REQUESTS }),
  'rate-limited': fault(fail(429, share(1, 3)), { RateLimited: {} }, { ...TROUBLE, within: '6m' }),
  retries: fault(fail(503, isNinthRead), { RetriesHigh: {} }, { within: '12m' }),
  queue: fault(slowDown(1000), { CommandsQueued: {} }, { ...TROUBLE, env: FEW_COMMANDS }),
  // The leaks take one or two minutes of production, and the `for` of EventLoopLag begins again after each late scrape.
  heap: repeat(20, FILL_HEAP, 'HeapNearLimit', '8m', SMALL_HEAP),
  memory: repeat(50, FILL_MEMORY, 'MemoryHigh', '8m'),
  'blocked-loop': repeat(450, BLOCK, 'EventLoopLag', '9m'),
};
