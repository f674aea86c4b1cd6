/**
 * Telemetry: it is told what happens to requests, operations and commands, and tells metrics, spans and the log.
 *
 * Each error of a listener is logged once, because each request may meet it. It changes nothing else, because a write that
 * succeeded must not fail when it cannot be counted.
 */
import type { Logger } from 'pino';
import type { CommandTelemetry } from '../command-api/command.ts';
import type { AnsweredOperation } from '../graphql/operation-plugin.ts';
import { type OperationSummary, summaryOf } from './operation-log.ts';

/** Each method is an event. Only the beginning of a command returns something. */
interface Listener extends CommandTelemetry {
  /** A request was admitted, or is over. `requests` is the number in flight now. */
  inFlightChanged(requests: number): void;
  /**
   * The response to a request is closed. `route` is undefined if none matched, `status` is empty if no response was
   * sent.
   */
  requestEnded(method: string, route: string | undefined, status: number | '', durationMs: number): void;
  /** The response of an operation is made, and its span is active. */
  operationAnswered(summary: OperationSummary): void;
}

export interface Telemetry extends Omit<Listener, 'operationAnswered'> {
  operationAnswered(operation: AnsweredOperation): void;
}

/** Different errors of listeners that are logged. Each may be met by every request. */
const MOST_LOGGED = 100;

/** Creates the telemetry of one server, which tells these listeners. */
export function createTelemetry(logger: Logger, listeners: readonly Partial<Listener>[]): Telemetry {
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

  /** Returns the method of an event. */
  function tell<Event extends keyof Listener>(event: Event): Listener[Event] {
    const hearing = listeners.filter((listener) => event in listener);
    const method = (...facts: unknown[]) => {
      let returned: unknown;
      for (const listener of hearing)
        returned = guard(() => (listener[event] as (...facts: unknown[]) => unknown)(...facts)) ?? returned;
      return returned;
    };
    return method as Listener[Event];
  }

  const tellAnswered = tell('operationAnswered');
  return {
    inFlightChanged: tell('inFlightChanged'),
    requestEnded: tell('requestEnded'),
    operationAnswered: (operation) => guard(() => tellAnswered(summaryOf(operation))),
    commandBegan: tell('commandBegan'),
    attemptEnded: tell('attemptEnded'),
    commandEnded: tell('commandEnded'),
  };
}
