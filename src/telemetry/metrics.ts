/**
 * Prometheus metrics; docs/observability.md explains each metric. Labels never contain names, ids or tokens from
 * outside.
 */
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { BREAKER_STATES, type CircuitBreaker } from '../command-api/circuit-breaker.ts';
import type { AttemptResult, CommandRecord } from '../command-api/command.ts';
import { type Flaw, REPLY_FLAWS } from '../command-api/failures.ts';
import type { Slots } from '../command-api/slots.ts';
import type { Transport } from '../command-api/transport.ts';
import { GRAPHQL_PATH, SERVICE, VERSION } from '../constants.ts';
import { FAILURE_CODES, failureCodeOf } from '../graphql/public-failures.ts';
import { LIMITS } from '../limits.ts';
import type { MemoryBudget } from '../resources/memory-budget.ts';
import type { OperationSummary } from './operation-summary.ts';

// OpenTelemetry's buckets in seconds, with 1.5, 2 and 3 instead of 2.5.
const DURATIONS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10];
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'DELETE', 'PATCH']);

const CODES = ['OK', ...FAILURE_CODES];
/** A command beyond those of its operation is refused before it is counted. */
const NOT_OF_COMMANDS = 'BAD_USER_INPUT';

export type Metrics = ReturnType<typeof createMetrics>;

/** What is read when Prometheus scrapes, and what the series are made for. */
interface MetricsDependencies {
  readonly breaker: CircuitBreaker;
  readonly slots: Slots;
  readonly transport: Transport;
  readonly memoryBudget: MemoryBudget;
  /** The commands that the server may send. */
  readonly commands: readonly Pick<CommandRecord, 'name' | 'isWrite'>[];
  /** The flaws that their replies may have in addition to those of every reply. */
  readonly resultFlaws: readonly Flaw[];
}

/** Creates the metrics of one server. */
export function createMetrics(dependencies: MetricsDependencies) {
  const { breaker, slots, transport, memoryBudget, commands, resultFlaws } = dependencies;
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
  const operations = counter('maintenance_operations_total', 'Operations by code.', 'graphql_operation_type code');
  const finished = counter('maintenance_commands_total', 'Finished commands by code.', 'command code');
  const unknownWrites = counter('maintenance_unknown_writes_total', 'Failed writes that may have happened.', 'command');
  const attempts = histogram(
    'http_client_request_duration_seconds',
    'Duration of attempts of commands.',
    'http_request_method server_address server_port command http_response_status_code error_type',
  );
  const retries = counter('maintenance_retries_total', 'Retried attempts.', 'reason');
  const invalid = counter('maintenance_invalid_replies_total', 'Invalid replies.', 'command kind member');
  const inFlight = gauge('maintenance_commands_in_flight', 'Commands with an attempt under way, or a reply to decode.');
  const queued = gauge('maintenance_commands_queued', 'Commands waiting in the queue.');
  const held = gauge('maintenance_memory_held_bytes', 'Memory of operations in flight.');
  const refused = counter('maintenance_memory_refused_total', 'Refusals for lack of memory.', 'stage');
  const states = gauge('maintenance_breaker_state', '1 for the current state of the circuit breaker.', 'state');

  const version = { service_name: SERVICE, service_version: VERSION };
  gauge('target_info', 'Running version.', 'service_name service_version').set(version, 1);
  gauge('nodejs_heap_size_limit_bytes', 'Heap limit of V8.').set(getHeapStatistics().heap_size_limit);
  // Without a limit of the control group, Node returns 0, or more memory than the machine has.
  const available = Math.min(process.constrainedMemory() || Number.POSITIVE_INFINITY, totalmem());
  gauge('process_memory_limit_bytes', 'Memory of the control group, or of the machine.').set(available);
  gauge('maintenance_memory_limit_bytes', 'Limit of maintenance_memory_held_bytes.').set(LIMITS.memoryBytes);
  // Create these series at 0: `rate()` misses a counter that first appears at 1.
  const posted = { http_request_method: 'POST', http_route: GRAPHQL_PATH, url_scheme: 'http' };
  for (const http_response_status_code of [401, 500, 503]) requests.zero({ ...posted, http_response_status_code });
  for (const code of CODES)
    for (const type of ['query', 'mutation', 'unknown']) operations.inc({ graphql_operation_type: type, code }, 0);
  for (const { name: command, isWrite } of commands) {
    for (const code of CODES) if (code !== NOT_OF_COMMANDS) finished.inc({ command, code }, 0);
    for (const kind of REPLY_FLAWS) invalid.inc({ command, kind }, 0);
    for (const flaw of resultFlaws) invalid.inc({ command, ...flaw }, 0);
    if (isWrite) unknownWrites.inc({ command }, 0);
  }

  const target = {
    http_request_method: 'POST',
    server_address: transport.url.hostname,
    server_port: transport.port,
  };

  return {
    registry,

    /** Returns all metrics in Prometheus' text format. */
    scrape(): Promise<string> {
      const counts = slots.count();
      inFlight.set(counts.inFlight);
      queued.set(counts.queued);
      held.set(memoryBudget.held);
      refused.reset();
      for (const [stage, count] of Object.entries(memoryBudget.refused)) refused.inc({ stage }, count);
      for (const state of BREAKER_STATES) states.set({ state }, Number(state === breaker.state()));
      return registry.metrics();
    },

    // telemetry.ts calls the following methods.

    inFlightChanged: (count: number) => active.set(count),

    /** Counts an operation by the code of its gravest error. */
    operationAnswered({ type, codes }: OperationSummary): void {
      operations.inc({ graphql_operation_type: type ?? 'unknown', code: codes[0] ?? 'OK' });
    },

    requestEnded(method: string, route: string | undefined, status: number | '', durationMs: number): void {
      const http_request_method = METHODS.has(method) ? method : '_OTHER';
      const labels = {
        http_request_method,
        http_route: route ?? '',
        http_response_status_code: status,
        url_scheme: 'http',
      };
      requests.observe(labels, durationMs / 1000);
    },

    attemptEnded(
      { name: command, attempts: results }: CommandRecord,
      { seconds, status, detail }: AttemptResult,
    ): void {
      const result = { http_response_status_code: status ?? '', error_type: detail ?? '' };
      attempts.observe({ ...target, command, ...result }, seconds);
      const previous = results.at(-2);
      if (previous) retries.inc({ reason: previous.status ?? previous.detail ?? '' });
    },

    commandEnded({ name: command, flaws, failure, outcome }: CommandRecord): void {
      finished.inc({ command, code: failure ? failureCodeOf(failure.kind) : 'OK' });
      for (const flaw of flaws) invalid.inc({ command, ...flaw });
      if (outcome === 'UNKNOWN') unknownWrites.inc({ command });
    },
  };
}
