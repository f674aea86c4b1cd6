import type { ApolloServerPlugin } from '@apollo/server';
import type { Logger } from 'pino';
import type { CommandRecord } from '../command-api/client.ts';
import { CommandApiError } from '../command-api/errors.ts';
import type { Context } from '../context.ts';
import { FAILURES } from '../format-error.ts';

// Nobody names an operation so long, but anybody may.
const MAX_NAME = 100;

/** Logs one line for each operation: what was asked, how long it took, which commands it sent and what went wrong. */
export function operationLog(logger: Logger): ApolloServerPlugin<Context> {
  return {
    async requestDidStart() {
      const start = performance.now();
      return {
        async willSendResponse({ operationName, operation, contextValue, response: { body } }) {
          const errors = body.kind === 'single' ? (body.singleResult.errors ?? []) : [];
          const line = {
            operationName: operationName?.slice(0, MAX_NAME),
            operationType: operation?.operation,
            durationMs: Math.round(performance.now() - start),
            commands: contextValue.commands.map(describeCommand),
            codes: [...new Set(errors.map(({ extensions }) => extensions?.code))],
          };
          const failed = errors.length > 0 || contextValue.commands.some(({ error }) => error);
          logger[failed ? 'warn' : 'info'](line, 'operation');
        },
      };
    },
  };
}

function describeCommand({ name, id, durationMs, dropped, error }: CommandRecord) {
  const entry = { name, id, durationMs: Math.round(durationMs), dropped };
  if (!(error instanceof CommandApiError)) return entry;
  const { reason, message, details } = error;
  return { ...entry, code: FAILURES[reason].code, detail: message, upstreamCode: details.upstreamCode };
}
