/**
 * The observer: hears what happens to requests, operations and commands, and tells metrics, spans and the log.
 *
 * An error of a listener is logged once, because each request may meet it. It changes nothing else, because a write that
 * succeeded must not fail when it cannot be counted.
 */
import type { ApolloServerPlugin, GraphQLRequestContextWillSendResponse } from '@apollo/server';
import type { Logger } from 'pino';
import type { CommandObserver } from '../command-api/command.ts';
import type { Context } from '../graphql/context.ts';

export type AnsweredOperation = GraphQLRequestContextWillSendResponse<Context>;

/** Each method is an event. Only the beginning of a command returns something. */
export interface Observer extends CommandObserver {
  /** A request was admitted, or the response to a request is closed. `requests` is the number in flight now. */
  inFlightChanged(requests: number): void;
  /**
   * The response to a request is closed. `route` is undefined if none matched, `status` is empty if no response was
   * sent.
   */
  requestEnded(method: string, route: string | undefined, status: number | '', durationMs: number): void;
  /** The response of an operation is made, and its span is active. */
  operationAnswered(context: AnsweredOperation): void;
}

/** Creates the observer of one server, which tells these listeners. */
export function createObserver(logger: Logger, listeners: readonly Partial<Observer>[]): Observer {
  const failed = new Set<Partial<Observer>>();

  /** Returns the method of an event. */
  function tell<Event extends keyof Observer>(event: Event): Observer[Event] {
    const hearing = listeners.filter((listener) => event in listener);
    const method = (...facts: unknown[]) => {
      let returned: unknown;
      for (const listener of hearing) {
        try {
          returned = (listener[event] as (...facts: unknown[]) => unknown)(...facts) ?? returned;
        } catch (err) {
          if (!failed.has(listener)) logger.error({ err }, 'telemetry failed');
          failed.add(listener);
        }
      }
      return returned;
    };
    return method as Observer[Event];
  }

  return {
    inFlightChanged: tell('inFlightChanged'),
    requestEnded: tell('requestEnded'),
    operationAnswered: tell('operationAnswered'),
    commandBegan: tell('commandBegan'),
    attemptEnded: tell('attemptEnded'),
    commandEnded: tell('commandEnded'),
  };
}

/** Creates the plugin of Apollo Server that tells the observer of each answer. */
export function reportPlugin(observer: Observer): ApolloServerPlugin<Context> {
  return {
    requestDidStart: async () => ({
      willSendResponse: async (context) => observer.operationAnswered(context),
    }),
  };
}
