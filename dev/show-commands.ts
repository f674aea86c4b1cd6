import type { ApolloServerPlugin, BaseContext } from '@apollo/server';
import { failureOf } from '../src/command-api/failures.ts';
import type { Operation } from '../src/graphql/operation.ts';

/** Puts into `extensions.commands` what `list` makes of an operation's context. */
export function showCommands<T extends BaseContext>(list: (context: T) => unknown[]): ApolloServerPlugin<T> {
  return {
    requestDidStart: async () => ({
      async willSendResponse({ contextValue, response: { body } }) {
        if (body.kind !== 'single') return;
        body.singleResult.extensions = { ...body.singleResult.extensions, commands: list(contextValue) };
      },
    }),
  };
}

/** Lists the commands that an operation asked for, each with its time in milliseconds, and `OK` or its error code. */
export function listCommands({ records }: Operation) {
  return records.map(({ name, id, durationMs, error }) => ({
    command: name,
    commandId: id,
    durationMs: Math.round(durationMs),
    code: error ? failureOf(error).code : 'OK',
  }));
}
