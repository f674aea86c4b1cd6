import type { ApolloServerPlugin } from '@apollo/server';
import type { Context } from '../../src/graphql/context.ts';

type Send = (command: unknown, input: { residenceId: string }) => Promise<unknown>;

/**
 * Returns a plugin that makes commands fail with the error that `errorFor` returns for their residence: by default, commands
 * to residences whose id begins with "faulty".
 */
export function failCommands(
  errorFor = (residenceId: string) => (residenceId.startsWith('faulty') ? new Error('x') : undefined),
): ApolloServerPlugin<Context> {
  /** Returns the id, or a value that throws when it is written as JSON: the command is recorded, but not sent. */
  function spoil(residenceId: string): string {
    const error = errorFor(residenceId);
    const toJSON = () => {
      throw error;
    };
    return error ? ({ toJSON } as never) : residenceId;
  }

  const didResolveOperation = async ({ contextValue }: { contextValue: Context }) => {
    const client = contextValue.authenticated().client as unknown as { send: Send };
    const { send } = client;
    client.send = (command, input) => send(command, { ...input, residenceId: spoil(input.residenceId) });
  };
  return { requestDidStart: async () => ({ didResolveOperation }) };
}
