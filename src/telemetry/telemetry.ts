/**
 * Telemetry: it is told what happens to requests, operations and commands, and tells metrics, spans and the log.
 *
 * An error in them is logged once, because each request may meet it. It changes nothing else, because a write that
 * succeeded must not fail when it cannot be counted.
 */
import type { Logger } from 'pino';
import type { CommandTelemetry } from '../command-api/command.ts';
import type { AnsweredOperation } from '../graphql/context.ts';
import type { Metrics } from './metrics.ts';
import type { OperationLog } from './operation-log.ts';
import { summaryOf } from './operation-summary.ts';
import type { Spans } from './spans.ts';

export interface Telemetry extends CommandTelemetry {
  /** A request was admitted, or is over. `requests` is the number in flight now. */
  inFlightChanged(requests: number): void;
  /**
   * The response to a request is closed. `route` is undefined if none matched, `status` is empty if no response was
   * sent.
   */
  requestEnded(method: string, route: string | undefined, status: number | '', durationMs: number): void;
  /** The response of an operation is made, and its span is active. */
  operationAnswered(operation: AnsweredOperation): void;
}

/** Different errors that are logged. */
const MOST_LOGGED = 100;

/** Creates the telemetry of one server. */
export function createTelemetry(logger: Logger, metrics: Metrics, spans: Spans, operationLog: OperationLog): Telemetry {
  const logged = new Set<string>();

  /** Returns what a function returns, or undefined if it throws. */
  function guard<T>(run: () => T): T | undefined {
    try {
      return run();
    } catch (err) {
      const text = String(err);
      if (logged.has(text) || logged.size >= MOST_LOGGED) return undefined;
      logged.add(text);
      logger.error({ err }, 'telemetry failed');
      return undefined;
    }
  }

  return {
    inFlightChanged: (requests) => guard(() => metrics.inFlightChanged(requests)),
    requestEnded: (...facts) => guard(() => metrics.requestEnded(...facts)),
    operationAnswered(operation) {
      const summary = guard(() => summaryOf(operation));
      if (!summary) return;
      guard(() => metrics.operationAnswered(summary));
      guard(() => spans.operationAnswered(summary));
      guard(() => operationLog.operationAnswered(summary));
    },
    startSpan: (record) => guard(() => spans.startSpan(record)),
    attemptEnded(record, result) {
      guard(() => metrics.attemptEnded(record, result));
      guard(() => spans.attemptEnded(record, result));
    },
    commandEnded(record) {
      guard(() => metrics.commandEnded(record));
      guard(() => spans.commandEnded(record));
    },
  };
}
