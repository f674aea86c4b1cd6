import type { ApolloServerPlugin, BaseContext } from '@apollo/server';
import type { Context } from '../src/graphql/context.ts';
import { failureCodeOf } from '../src/graphql/public-failures.ts';

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
export function listCommands({ records }: Context) {
  return records.map(({ name, id, durationMs, failure }) => ({
    command: name,
    commandId: id,
    durationMs: Math.round(durationMs),
    code: failure ? failureCodeOf(failure.kind) : 'OK',
  }));
}
