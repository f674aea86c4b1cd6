/**
 * Wires the subgraph together, and makes what all its operations share.
 */
import type { ApolloServerPlugin } from '@apollo/server';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createCoalescing } from './command-api/coalescing.ts';
import { createUpstream } from './command-api/exchange.ts';
import type { Config } from './config.ts';
import { createApollo } from './graphql/apollo.ts';
import type { Operation } from './graphql/operation.ts';
import { addGraphql } from './http/graphql.ts';
import { createHost } from './http/host.ts';
import { COMMANDS } from './maintenance/commands.ts';
import { FLAWS } from './maintenance/tickets.ts';
import { createMemory } from './resources/memory.ts';
import { Turns } from './resources/turns.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { createObserver } from './telemetry/observer.ts';
import { createReport } from './telemetry/operation-report.ts';
import { createSpans } from './telemetry/spans.ts';

export interface ServerDependencies {
  readonly config: Config;
  readonly logger: Logger;
  /** Adds routes to the host before it listens. Only the developer's server uses it. */
  readonly extend?: (app: FastifyInstance) => void;
  /** Further plugins of Apollo Server. Only the developer's server and tests use them. */
  readonly plugins?: ApolloServerPlugin<Operation>[];
}

/** Starts listening. Rejects with Node's error if the port or address cannot be used. */
export async function createServer({ config, logger, extend, plugins = [] }: ServerDependencies) {
  const memory = createMemory();
  const turns = new Turns();
  const upstream = createUpstream(config);
  const metrics = createMetrics(upstream, memory, Object.values(COMMANDS), FLAWS);
  const spans = createSpans(upstream.transport.endpoint);
  const observer = createObserver(logger, [metrics, spans, createReport(logger)]);
  const clientDependencies = { upstream, coalescing: createCoalescing(), observer };
  const apollo = createApollo(config, logger, plugins);
  const host = createHost({ config, logger, memory, metrics, observer });
  addGraphql(host.app, { config, turns, clientDependencies, apollo, observer });
  extend?.(host.app);
  await apollo.start();
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
