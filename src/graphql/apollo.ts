/**
 * Apollo Server, which parses, validates and executes operations.
 */
import { ApolloServer, type ApolloServerPlugin, type GraphQLRequestContextDidResolveOperation } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { InMemoryLRUCache } from '@apollo/utils.keyvaluecache';
import type { DocumentNode } from 'graphql';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { PublicError } from '../errors/public-error.ts';
import { LIMITS, limitOperations } from './limits.ts';
import type { Operation } from './operation.ts';
import { createErrorFormat, unexpectedErrorProcessingRequest } from './public-errors.ts';
import { createSchema, resolveField } from './schema.ts';
import { checkVariables } from './variables.ts';

/** The size of all cached documents as JSON. In memory, they take three times as much: 30 MB. */
const DOCUMENT_BYTES = 9 * 2 ** 20;

/** Caches parsed documents as copies, because each name in a parsed document keeps its whole source text in memory. */
class DocumentStore extends InMemoryLRUCache<DocumentNode> {
  // Async, so that a document that is nested too deeply to be copied is only not cached.
  override async set(key: string, document: DocumentNode) {
    return super.set(key, structuredClone(document));
  }
}

/** Refuses an operation that must not run, before anything runs. */
async function didResolveOperation(context: GraphQLRequestContextDidResolveOperation<Operation>): Promise<void> {
  if (context.operation?.operation === 'subscription')
    throw new PublicError('BAD_USER_INPUT', 'Subscriptions are not supported.', { http: { status: 400 } });
  checkVariables(context);
}

/** Creates the server, which still has to start. It takes further plugins until then. */
export function createApollo(
  { production }: Config,
  logger: Logger,
  plugins: readonly ApolloServerPlugin<Operation>[],
) {
  const { formatError, didEncounterErrors } = createErrorFormat(logger, production);
  const hooks = { didEncounterErrors, didResolveOperation };
  return new ApolloServer<Operation>({
    schema: createSchema(),
    nodeEnv: production ? 'production' : 'development',
    introspection: !production,
    includeStacktraceInErrorResponses: false,
    persistedQueries: false,
    documentStore: new DocumentStore({ maxSize: DOCUMENT_BYTES }),
    // No lines and columns: computing them for an error rereads the document, which takes 22 ms for 1 MB of line
    // breaks.
    parseOptions: { maxTokens: LIMITS.tokens, noLocation: true },
    validationRules: [limitOperations],
    validationOptions: { maxErrors: LIMITS.validationErrors },
    stopOnTerminationSignals: false,
    logger,
    // Without Apollo's line break, which would copy the text.
    stringifyResult: JSON.stringify,
    fieldResolver: resolveField,
    formatError,
    plugins: [
      { unexpectedErrorProcessingRequest, requestDidStart: async () => hooks },
      ...plugins,
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginCacheControlDisabled(),
    ],
  });
}
