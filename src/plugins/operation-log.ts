import type { ApolloServerPlugin } from '@apollo/server';
import type { Logger } from 'pino';
import type { CommandRecord } from '../command-api/client.ts';
import { CommandApiError } from '../command-api/errors.ts';
import type { Context } from '../context.ts';
import { describeFailure } from '../format-error.ts';

/** Logs one line for each operation: what was asked, how long it took, which commands it sent and what went wrong. */
export function operationLog(logger: Logger): ApolloServerPlugin<Context> {
  return {
    async requestDidStart() {
      const start = performance.now();
      return {
        async willSendResponse({ operationName, operation, contextValue, response: { body } }) {
          const errors = body.kind === 'single' ? (body.singleResult.errors ?? []) : [];
          const codes = [...new Set(errors.map(({ extensions }) => extensions?.code))];
          logger[codes.length > 0 ? 'warn' : 'info'](
            {
              operationName,
              operationType: operation?.operation,
              durationMs: Math.round(performance.now() - start),
              commands: contextValue.commands.map(describeCommand),
              codes,
            },
            'operation',
          );
        },
      };
    },
  };
}

function describeCommand({ name, id, durationMs, dropped, error }: CommandRecord) {
  return {
    name,
    id,
    durationMs: Math.round(durationMs),
    ...(dropped !== undefined && { dropped }),
    ...(error instanceof CommandApiError && { code: describeFailure(error).code, detail: error.message }),
  };
}
