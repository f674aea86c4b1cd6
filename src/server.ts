/**
 * Wires the subgraph together, and makes what all its operations share.
 */
import type { ApolloServerPlugin } from '@apollo/server';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createUpstream } from './command-api/upstream.ts';
import type { Config } from './config.ts';
import { createApollo } from './graphql/apollo.ts';
import type { Context } from './graphql/context.ts';
import { createHost } from './http/host.ts';
import { createRequests } from './http/request.ts';
import { COMMANDS } from './maintenance/commands.ts';
import { FLAWS } from './maintenance/tickets.ts';
import { createMemory } from './resources/memory.ts';
import { WorkQueue } from './resources/work-queue.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { createObserver, reportPlugin } from './telemetry/observer.ts';
import { createReport } from './telemetry/operation-report.ts';
import { createSpans } from './telemetry/spans.ts';

export interface ServerDependencies {
  readonly config: Config;
  readonly logger: Logger;
  /** Adds routes to the host before it listens. Only the developer's server uses it. */
  readonly extend?: (app: FastifyInstance) => void;
  /** Further plugins of Apollo Server. Only the developer's server and tests use them. */
  readonly plugins?: ApolloServerPlugin<Context>[];
}

/** Starts listening. Rejects with Node's error if the port or address cannot be used. */
export async function createServer({ config, logger, extend, plugins = [] }: ServerDependencies) {
  const memory = createMemory();
  const workQueue = new WorkQueue();
  const upstream = createUpstream(config);
  const metrics = createMetrics(upstream, memory, Object.values(COMMANDS), FLAWS);
  const spans = createSpans(upstream.transport.endpoint);
  const observer = createObserver(logger, [metrics, spans, createReport(logger)]);
  const clientDependencies = { upstream, workQueue, observer };
  const apollo = createApollo(config, logger, [reportPlugin(observer), ...plugins]);
  await apollo.start();
  const requests = createRequests({ config, memory, workQueue, clientDependencies, apollo, observer });
  const host = createHost({ config, logger, metrics, requests });
  extend?.(host.app);
  const { url, metricsPort } = await host.listen();

  return {
    /** Scheme, address and port of the server. */
    url,
    /** The port that serves metrics. */
    metricsPort,
    async stop() {
      await host.stop();
      await apollo.stop();
      upstream.transport.close();
    },
  };
}
