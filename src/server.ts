/**
 * Wires the subgraph together, and makes what all its operations share.
 */
import type { ApolloServerPlugin } from '@apollo/server';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createCircuitBreaker } from './command-api/circuit-breaker.ts';
import { createRetryPolicy } from './command-api/retry-policy.ts';
import { createSlots } from './command-api/slots.ts';
import { createTransport } from './command-api/transport.ts';
import type { Config } from './config.ts';
import { createApollo } from './graphql/apollo.ts';
import { type Context, createContext } from './graphql/context.ts';
import { createOperationPlugin } from './graphql/operation-plugin.ts';
import { createHttpServer } from './http/http-server.ts';
import { createRequestLifecycle } from './http/request.ts';
import { COMMANDS } from './maintenance/commands.ts';
import { FLAWS } from './maintenance/tickets.ts';
import { createMemoryBudget } from './resources/memory-budget.ts';
import { WorkQueue } from './resources/work-queue.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { createOperationLog } from './telemetry/operation-log.ts';
import { createSpans } from './telemetry/spans.ts';
import { createTelemetry } from './telemetry/telemetry.ts';

export interface ServerDependencies {
  readonly config: Config;
  readonly logger: Logger;
  /** Adds routes to the server before it listens. Only the developer's server uses it. */
  readonly extend?: (server: FastifyInstance) => void;
  /** Further plugins of Apollo Server. Only the developer's server and tests use them. */
  readonly plugins?: ApolloServerPlugin<Context>[];
}

/** Starts listening. Rejects with Node's error if the port or address cannot be used. */
export async function createServer({ config, logger, extend, plugins = [] }: ServerDependencies) {
  const memoryBudget = createMemoryBudget();
  const workQueue = new WorkQueue();
  const breaker = createCircuitBreaker(config);
  const retryPolicy = createRetryPolicy(config.MAX_ATTEMPTS);
  const slots = createSlots(config.MAX_COMMANDS_IN_FLIGHT, config.MAX_COMMANDS_QUEUED);
  const transport = createTransport(config);

  const commands = Object.values(COMMANDS);
  const metrics = createMetrics({ breaker, slots, transport, memoryBudget, commands, resultFlaws: FLAWS });
  const telemetry = createTelemetry(logger, metrics, createSpans(transport), createOperationLog(logger));

  const operationPlugin = createOperationPlugin(config.production, telemetry.operationAnswered);
  const apollo = createApollo(config, logger, [operationPlugin, ...plugins]);
  await apollo.start();

  const { MAX_REPLY_BYTES: maxReplyBytes } = config;
  const clientDependencies = { breaker, retryPolicy, slots, transport, workQueue, telemetry, maxReplyBytes };
  const requestLifecycle = createRequestLifecycle({
    ...{ config, memoryBudget, workQueue, apollo, telemetry },
    createContext: (lifetime, caller) => createContext(clientDependencies, lifetime, caller),
  });
  const httpServer = createHttpServer({ config, logger, metrics, requestLifecycle });
  extend?.(httpServer.server);
  const { url, metricsPort } = await httpServer.listen();

  return {
    /** Scheme, address and port of the server. */
    url,
    /** The port that serves metrics. */
    metricsPort,
    async stop() {
      await httpServer.stop();
      await apollo.stop();
      transport.close();
    },
  };
}
