import type { ApolloServerPlugin } from '@apollo/server';
import { CommandApiError } from '../command-api/errors.ts';
import type { Context } from '../context.ts';
import { FAILURES } from '../format-error.ts';

/**
 * Puts into `extensions.commands` what the operation cost: each command that it asked for, with its residence, how long
 * it took in milliseconds and `OK` or the code of its failure. For development alone.
 */
export function showCommands(): ApolloServerPlugin<Context> {
  return {
    async requestDidStart() {
      return {
        async willSendResponse({ contextValue, response: { body } }) {
          if (body.kind !== 'single') return;
          const commands = contextValue.commands.map(({ name, id, residenceId, durationMs, error }) => ({
            command: name,
            commandId: id,
            residenceId,
            durationMs: Math.round(durationMs),
            outcome: error instanceof CommandApiError ? FAILURES[error.reason].code : error ? 'ERROR' : 'OK',
          }));
          body.singleResult.extensions = { ...body.singleResult.extensions, commands };
        },
      };
    },
  };
}
