import type { ApolloServerPlugin } from '@apollo/server';
import type { Context } from './context.ts';

/**
 * Apollo's inline traces (`ftv1`), for requests that want one. Loaded with the first of them: its protobuf code takes a
 * twentieth of the start, and each other request would pay for a trace too.
 */
export function inlineTrace(): ApolloServerPlugin<Context> {
  let loading: Promise<ApolloServerPlugin> | undefined;
  return {
    async requestDidStart(request) {
      if (!request.contextValue.isTraced) return undefined;
      loading ??= import('@apollo/server/plugin/inlineTrace').then((module) => module.ApolloServerPluginInlineTrace());
      return (await loading).requestDidStart?.(request);
    },
  };
}
