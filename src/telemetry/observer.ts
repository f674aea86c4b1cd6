/**
 * The observer: hears what happens to requests, operations and commands, and tells metrics, spans and the log.
 *
 * What throws in one of them is logged once, because each request may meet it, and changes nothing else: a write that
 * succeeded must not fail because it could not be counted.
 */
import type { Logger } from 'pino';
import type { CommandObserver } from '../command-api/command.ts';
import type { Answered } from './operation-report.ts';

/** Each method is an event. Only the beginning of a command returns something. */
export interface Observer extends CommandObserver {
  /**
   * The response to a request is closed. `route` is undefined if none matched, `status` is empty if no response was
   * sent.
   */
  requestEnded(method: string, route: string | undefined, status: number | '', durationMs: number): void;
  /** The response of an operation is made. */
  answered(context: Answered): void;
}

const EVENTS = ['requestEnded', 'answered', 'began', 'attempted', 'exchangeEnded', 'ended'] as const;
type Listen = (...event: unknown[]) => string | undefined;

/** Creates the observer of one server, which tells these listeners. */
export function createObserver(logger: Logger, listeners: readonly Partial<Observer>[]): Observer {
  const failed = new Set<Partial<Observer>>();

  /** Returns the method of an event. */
  function createTell(name: (typeof EVENTS)[number]): Listen {
    const hearing = listeners.filter((listener) => name in listener);
    return (...event) => {
      let returned: string | undefined;
      for (const listener of hearing) {
        try {
          returned = (listener[name] as Listen)(...event);
        } catch (err) {
          if (!failed.has(listener)) logger.error({ err }, 'telemetry failed');
          failed.add(listener);
        }
      }
      return returned;
    };
  }

  return Object.fromEntries(EVENTS.map((name) => [name, createTell(name)])) as unknown as Observer;
}
