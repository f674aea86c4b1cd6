/**
 * Prometheus metrics; docs/observability.md explains each metric. Labels never contain names, ids or tokens from
 * outside.
 */
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { Logger } from 'pino';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { BREAKER_STATES } from '../command-api/circuit-breaker.ts';
import type { CommandApi } from '../command-api/command-api.ts';
import { FAILURE_CODES, type Flaw, publicFormOf, REPLY_FLAWS } from '../command-api/failures.ts';
import type { Attempt, CommandRecord } from '../command-api/record.ts';
import { MEMORY_LIMIT, type Resources } from '../lease.ts';
import { SERVICE, VERSION } from '../version.ts';
import { createObserver } from './log.ts';

// OpenTelemetry's buckets in seconds, with 1.5, 2 and 3 instead of 2.5.
const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10];
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'DELETE', 'PATCH']);

const CODES = ['OK', ...FAILURE_CODES];
/** A command beyond those of its operation is refused before it is counted. */
const NOT_OF_COMMANDS = 'BAD_USER_INPUT';

export type Metrics = ReturnType<typeof createMetrics>;

/** The parts of the domain in names and labels of metrics. */
interface Described {
  /** The beginning of the names. */
  readonly metricsPrefix: string;
  /** The commands that the server may send. */
  readonly commands: readonly Pick<CommandRecord, 'name' | 'isWrite'>[];
  /** The flaws that their replies may have, in addition to those of every reply. */
  readonly flaws: readonly Flaw[];
}

/** Creates the metrics of one server. */
export function createMetrics(
  logger: Logger,
  { breaker, events, slots, transport }: CommandApi,
  { memory }: Resources,
  { metricsPrefix: prefix, commands: known, flaws }: Described,
) {
  const registry = new Registry();
  // Milliseconds. The default of 10 costs an idle process 6 ms of CPU a second.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 });
  const define = (name: string, help: string, labels = '') => {
    return { name, help, labelNames: labels.match(/\w+/g) ?? [], registers: [registry] };
  };
  const counter = (...definition: Parameters<typeof define>) => new Counter(define(...definition));
  const gauge = (...definition: Parameters<typeof define>) => new Gauge(define(...definition));
  const histogram = (...definition: Parameters<typeof define>) =>
    new Histogram({ ...define(...definition), buckets: DURATIONS });

  const requests = histogram(
    'http_server_request_duration_seconds',
    'Duration of HTTP requests.',
    'http_request_method http_route http_response_status_code url_scheme',
  );
  const active = gauge('http_server_active_requests', 'Requests in flight.');
  const operations = counter(`${prefix}_operations_total`, 'Operations by code.', 'graphql_operation_type code');
  const coalesced = counter(`${prefix}_reads_coalesced_total`, 'Reads that joined another exchange.', 'command');
  const commands = counter(`${prefix}_commands_total`, 'Finished commands by outcome.', 'command outcome');
  const unknownWrites = counter(`${prefix}_unknown_writes_total`, 'Failed writes that may have happened.', 'command');
  const attempts = histogram(
    'http_client_request_duration_seconds',
    'Duration of attempts of commands.',
    'http_request_method server_address server_port command http_response_status_code error_type',
  );
  const retries = counter(`${prefix}_retries_total`, 'Retried attempts.', 'reason');
  const invalid = counter(`${prefix}_invalid_replies_total`, 'Invalid replies.', 'command kind member');
  const inFlight = gauge(`${prefix}_commands_in_flight`, 'Commands with an attempt under way, or a reply to decode.');
  const queued = gauge(`${prefix}_commands_queued`, 'Commands waiting in the queue.');
  const held = gauge(`${prefix}_memory_held_bytes`, 'Memory of operations in flight.');
  const refused = counter(`${prefix}_memory_refused_total`, 'Refusals for lack of memory.', 'stage');
  const states = gauge(`${prefix}_breaker_state`, '1 for the current state of the circuit breaker.', 'state');

  const version = { service_name: SERVICE, service_version: VERSION };
  gauge('target_info', 'Running version.', 'service_name service_version').set(version, 1);
  gauge('nodejs_heap_size_limit_bytes', 'Heap limit of V8.').set(getHeapStatistics().heap_size_limit);
  // Without a limit of the control group, Node returns 0, or more memory than the machine has.
  const available = Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem());
  gauge('process_memory_limit_bytes', 'Memory of the control group, or of the machine.').set(available);
  gauge(`${prefix}_memory_limit_bytes`, `Limit of ${prefix}_memory_held_bytes.`).set(MEMORY_LIMIT);
  // Create these series at 0: `rate()` misses a counter that first appears at 1.
  const posted = { http_request_method: 'POST', http_route: '/graphql', url_scheme: 'http' };
  for (const http_response_status_code of [401, 500, 503]) requests.zero({ ...posted, http_response_status_code });
  for (const code of CODES)
    for (const type of ['query', 'mutation', 'unknown']) operations.inc({ graphql_operation_type: type, code }, 0);
  for (const { name: command, isWrite } of known) {
    for (const outcome of CODES) if (outcome !== NOT_OF_COMMANDS) commands.inc({ command, outcome }, 0);
    for (const kind of REPLY_FLAWS) invalid.inc({ command, kind }, 0);
    for (const flaw of flaws) invalid.inc({ command, ...flaw }, 0);
    (isWrite ? unknownWrites : coalesced).inc({ command }, 0);
  }

  const { 'server.address': server_address, 'server.port': server_port } = transport.endpoint;
  const upstream = { http_request_method: 'POST', server_address, server_port };
  const observe = createObserver(logger);
  const count = (command: string, error: unknown) =>
    commands.inc({ command, outcome: error ? publicFormOf(error).code : 'OK' });
  function attemptEnded({ name: command }: CommandRecord, { seconds, status, error, previous }: Attempt) {
    const result = { http_response_status_code: status ?? '', error_type: error ?? '' };
    attempts.observe({ ...upstream, command, ...result }, seconds);
    if (previous) retries.inc({ reason: previous.status ?? previous.error ?? '' });
  }
  function exchangeEnded({ name: command }: CommandRecord, found: readonly Flaw[], error: unknown) {
    count(command, error);
    for (const flaw of found) invalid.inc({ command, ...flaw });
  }
  function commandEnded({ name: command, coalesced: hasJoined, exchange, error, outcome }: CommandRecord) {
    if (hasJoined) coalesced.inc({ command });
    else if (!exchange.hasBegun) count(command, error);
    if (outcome === 'UNKNOWN') unknownWrites.inc({ command });
  }
  events.on('attemptEnded', (...ended) => observe(() => attemptEnded(...ended)));
  events.on('exchangeEnded', (...ended) => observe(() => exchangeEnded(...ended)));
  events.on('commandEnded', (record) => observe(() => commandEnded(record)));

  return {
    registry,
    active,
    operations,

    /** `route` is undefined if none matched, `status` is empty if no response was sent. */
    requestEnded(method: string, route: string | undefined, status: number | '', durationMs: number): void {
      const http_request_method = METHODS.has(method) ? method : '_OTHER';
      const labels = {
        http_request_method,
        http_route: route ?? '',
        http_response_status_code: status,
        url_scheme: 'http',
      };
      observe(() => requests.observe(labels, durationMs / 1000));
    },

    /** Returns all metrics in Prometheus' text format. */
    scrape(): Promise<string> {
      const counts = slots.count();
      inFlight.set(counts.inFlight);
      queued.set(counts.queued);
      held.set(memory.held);
      refused.reset();
      for (const [stage, count] of Object.entries(memory.refused)) refused.inc({ stage }, count);
      for (const state of BREAKER_STATES) states.set({ state }, Number(state === breaker.state()));
      return registry.metrics();
    },
  };
}
