/**
 * Wires the subgraph together: schema, Apollo Server, HTTP host and command API.
 */
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { InMemoryLRUCache } from '@apollo/utils.keyvaluecache';
import type { FastifyInstance } from 'fastify';
import type { DocumentNode } from 'graphql';
import type { Logger } from 'pino';
import { createCommandApi } from './command-api/command-api.ts';
import type { Config } from './config.ts';
import { createErrorFormat } from './graphql/errors.ts';
import { resolveField } from './graphql/guard.ts';
import { LIMITS, limitOperations } from './graphql/limits.ts';
import { createOperation, type Operation } from './graphql/operation.ts';
import { createSchema } from './graphql/schema.ts';
import { checkVariables } from './graphql/variables.ts';
import { graphqlOverHttp } from './http/graphql-over-http.ts';
import { addGraphqlRoute } from './http/graphql-route.ts';
import { startHost } from './http/host.ts';
import { createResources } from './lease.ts';
import { domain } from './maintenance/domain.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { operationReport } from './telemetry/operation-report.ts';
import { observeSpans } from './telemetry/spans.ts';

export interface ServerDependencies {
  readonly config: Config;
  readonly logger: Logger;
  /** Adds routes to the host before it listens. Only the developer's server uses it. */
  readonly extend?: (app: FastifyInstance) => void;
  /** Further plugins of Apollo Server. Only the developer's server and tests use them. */
  readonly plugins?: ApolloServerPlugin<Operation>[];
}

/** The size of all cached documents as JSON. In memory, they take three times as much: 30 MB. */
const DOCUMENT_BYTES = 9 * 2 ** 20;

/** Caches parsed documents as copies, because each name in a parsed document keeps its whole source text in memory. */
class DocumentStore extends InMemoryLRUCache<DocumentNode> {
  // Async, so that a document that is nested too deeply to be copied is only not cached.
  override async set(key: string, document: DocumentNode) {
    return super.set(key, structuredClone(document));
  }
}

/** Starts listening. Rejects with Node's error if the port or address cannot be used. */
export async function createServer({ config, logger, extend, plugins = [] }: ServerDependencies) {
  const resources = createResources(config.OPERATION_TIMEOUT_MS);
  const commandApi = createCommandApi(config);
  const metrics = createMetrics(logger, commandApi, resources, domain);
  if (config.tracing) observeSpans(logger, commandApi);
  const errors = createErrorFormat(logger, config.production);

  const apollo = new ApolloServer<Operation>({
    schema: createSchema(domain),
    nodeEnv: config.production ? 'production' : 'development',
    introspection: !config.production,
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
    formatError: errors.formatError,
    plugins: [
      errors.plugin,
      graphqlOverHttp,
      operationReport(logger, metrics),
      checkVariables,
      ...plugins,
      ApolloServerPluginLandingPageDisabled(),
      ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginCacheControlDisabled(),
    ],
  });
  await apollo.start();
  const host = await startHost(config, logger, metrics, resources, (app) => {
    addGraphqlRoute(app, apollo, createOperation.bind(undefined, commandApi, config, domain.createLoaders));
    extend?.(app);
  });

  return {
    ...host,
    async stop() {
      await host.stop();
      await apollo.stop();
      commandApi.transport.close();
    },
  };
}
