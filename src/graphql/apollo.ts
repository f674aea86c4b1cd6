/**
 * Apollo Server, which parses, validates and executes operations.
 */
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
  ApolloServerPluginSchemaReportingDisabled,
  ApolloServerPluginUsageReportingDisabled,
} from '@apollo/server/plugin/disabled';
import { InMemoryLRUCache } from '@apollo/utils.keyvaluecache';
import type { DocumentNode } from 'graphql';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { LIMITS } from '../limits.ts';
import type { Context } from './context.ts';
import { limitDocuments } from './document-limits.ts';
import { createFormatError } from './response-errors.ts';
import { createSchema, resolveField } from './schema.ts';

/** The size of all cached documents as JSON. In memory, they take three times as much: 30 MB. */
const DOCUMENT_BYTES = 9 * 2 ** 20;

/** Caches parsed documents as copies, because each name in a parsed document keeps its whole source text in memory. */
class DocumentStore extends InMemoryLRUCache<DocumentNode> {
  // Async, so that a document that is nested too deeply to be copied is only not cached.
  override async set(key: string, document: DocumentNode) {
    return super.set(key, structuredClone(document));
  }
}

/** Creates the server, which still has to start. */
export function createApollo(
  { production }: Config,
  logger: Logger,
  plugins: readonly ApolloServerPlugin<Context>[],
): ApolloServer<Context> {
  return new ApolloServer<Context>({
    schema: createSchema(),
    nodeEnv: production ? 'production' : 'development',
    introspection: !production,
    includeStacktraceInErrorResponses: false,
    persistedQueries: false,
    documentStore: new DocumentStore({ maxSize: DOCUMENT_BYTES }),
    // No lines and columns: computing them for an error rereads the document, which takes 22 ms for 1 MB of line
    // breaks.
    parseOptions: { maxTokens: LIMITS.tokens, noLocation: true },
    validationRules: [limitDocuments],
    validationOptions: { maxErrors: LIMITS.validationErrors },
    stopOnTerminationSignals: false,
    logger,
    // Without Apollo's line break, which would copy the text.
    stringifyResult: JSON.stringify,
    fieldResolver: resolveField,
    formatError: createFormatError(production),
    plugins: [
      ...plugins,
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginCacheControlDisabled(),
      // Otherwise, APOLLO_KEY in the environment would send operations and the schema to Apollo.
      ApolloServerPluginUsageReportingDisabled(),
      ApolloServerPluginSchemaReportingDisabled(),
    ],
  });
}
