import type { ApolloServerPlugin } from '@apollo/server';
import type { Context } from '../../src/graphql/context.ts';

type Methods = Record<string, (target: string | { residenceId: string }, ...rest: unknown[]) => Promise<unknown>>;

/**
 * Returns a plugin that makes commands fail with the error that `errorFor` returns for their residence: by default, commands
 * to residences whose id begins with "faulty".
 */
export function failCommands(
  errorFor = (residenceId: string) => (residenceId.startsWith('faulty') ? new Error('x') : undefined),
): ApolloServerPlugin<Context> {
  /** Returns the id, or a value in its place that cannot be written as JSON: the command fails after it was recorded. */
  function spoil(residenceId: string): string {
    const error = errorFor(residenceId);
    const toJSON = () => {
      throw error;
    };
    return error ? ({ toJSON } as never) : residenceId;
  }

  function failMethods(methods: Methods): void {
    for (const [name, method] of Object.entries(methods)) {
      methods[name] = (target, ...rest) => {
        const isId = typeof target === 'string';
        return method(isId ? spoil(target) : { ...target, residenceId: spoil(target.residenceId) }, ...rest);
      };
    }
  }

  return {
    async requestDidStart() {
      return {
        async didResolveOperation({ contextValue }) {
          const getCaller = contextValue.caller;
          // The first call makes the client, which later calls return too.
          contextValue.caller = () => {
            const caller = getCaller();
            contextValue.caller = getCaller;
            failMethods(caller.client as unknown as Methods);
            return caller;
          };
        },
      };
    },
  };
}
