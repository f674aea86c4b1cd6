/**
 * The subgraph as a whole: the schema run by Apollo Server, in its HTTP host, before a command API.
 */
import { ApolloServer, type ApolloServerPlugin } from '@apollo/server';
import {
  ApolloServerPluginCacheControlDisabled,
  ApolloServerPluginInlineTraceDisabled,
  ApolloServerPluginLandingPageDisabled,
} from '@apollo/server/plugin/disabled';
import { ApolloServerPluginInlineTrace } from '@apollo/server/plugin/inlineTrace';
import type { ApolloFastifyContextFunction } from '@as-integrations/fastify';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createFlights } from './command-api/flights.ts';
import { guardCommands } from './command-api/policy.ts';
import { createTransport } from './command-api/transport.ts';
import type { Config } from './config.ts';
import { type Context, createContext } from './context.ts';
import { createFormatError, unexpectedErrorProcessingRequest } from './format-error.ts';
import { startHost } from './http-host.ts';
import { LIMITS, limitOperations } from './limits.ts';
import { createMetrics } from './metrics.ts';
import { operationReport } from './plugins/operation-report.ts';
import { createSchema } from './schema.ts';

export interface ServerDependencies {
  readonly config: Config;
  readonly logger: Logger;
  /** What a developer's server adds to its host before it listens. */
  readonly extend?: (app: FastifyInstance) => void;
  /** What it adds to Apollo Server. */
  readonly plugins?: ApolloServerPlugin<Context>[];
}

/** Starts listening. Rejects where it cannot, with Node's own error. */
export async function createServer({ config, logger, extend, plugins = [] }: ServerDependencies) {
  const transport = createTransport(config);
  const { send, look } = guardCommands(transport.send, config);
  const metrics = createMetrics(config, look);
  const upstream = { send, flights: createFlights() };
  const answerContext: ApolloFastifyContextFunction<Context> = async ({ id, headers }, reply) => {
    const context = createContext(id, headers, upstream, config.OPERATION_TIMEOUT_MS);
    reply.raw.once('close', () => context.end(reply.raw.writableFinished));
    return context;
  };

  const apollo = new ApolloServer<Context>({
    schema: createSchema(),
    nodeEnv: config.production ? 'production' : 'development',
    introspection: !config.production,
    includeStacktraceInErrorResponses: false,
    hideSchemaDetailsFromClientErrors: true,
    persistedQueries: false,
    parseOptions: { maxTokens: LIMITS.tokens },
    maxRecursiveSelections: LIMITS.selections,
    validationRules: [limitOperations],
    validationOptions: { maxErrors: LIMITS.errors },
    executionOptions: { maxCoercionErrors: LIMITS.variableErrors },
    stopOnTerminationSignals: false,
    logger,
    formatError: createFormatError(logger),
    plugins: [
      operationReport(logger, metrics),
      { unexpectedErrorProcessingRequest },
      ...plugins,
      ApolloServerPluginLandingPageDisabled(),
      // Field timings go only to a router that has shown the secret.
      config.routerSecrets.length > 0 ? ApolloServerPluginInlineTrace() : ApolloServerPluginInlineTraceDisabled(),
      ApolloServerPluginCacheControlDisabled(),
    ],
  });
  await apollo.start();
  const host = await startHost(apollo, answerContext, config, logger, metrics, extend);

  return {
    url: host.url,
    metricsPort: host.metricsPort,
    async stop() {
      await host.stop();
      await apollo.stop();
      transport.close();
    },
  };
}
