/**
 * The HTTP host of Apollo Server: its ports, routes, health checks and draining.
 */
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApolloServer } from '@apollo/server';
import type { FastifyInstance } from 'fastify';
import type { Operation } from '../graphql/operation.ts';
import { VERSION } from '../version.ts';
import { createAdmission, type HostDependencies } from './admission.ts';
import { type App, createApp } from './app.ts';
import { addGraphqlRoute } from './graphql-route.ts';

// Added to an operation's deadline before its response is cut off during shutdown.
const GRACE_MS = 1000;
// During shutdown, a request may still be on its way. A packet that is lost is sent again after 200 ms.
const LAST_REQUEST_MS = 300;
// Connections that may wait to be accepted. Without room, the client's system retries after seconds.
const BACKLOG = 4096;
// Connections to METRICS_PORT. Further connections are closed.
const SCRAPERS = 50;

/** Serves a started Apollo Server. Rejects with Node's error if it cannot listen. */
export async function startHost(
  apollo: ApolloServer<Operation>,
  dependencies: HostDependencies,
  extend: (app: FastifyInstance) => void = () => {},
) {
  const { config, logger, metrics } = dependencies;
  const { registry } = metrics;
  const state = { isReady: true };
  const main = createApp(logger, metrics, state);
  const app = main.fastify;
  app.addHook('onRequest', createAdmission(dependencies));
  app.get('/health/live', () => ({ status: 'live', version: VERSION }));
  app.get('/health/ready', (_, reply) =>
    state.isReady ? { status: 'ready' } : reply.code(503).send({ status: 'stopping' }),
  );
  const operations = addGraphqlRoute(app, apollo, dependencies);
  extend(app);
  // Not admitted by secret: network policy decides who reaches METRICS_PORT.
  const metricsApp = config.METRICS_PORT === undefined ? app : createApp(logger, metrics, state).fastify;
  metricsApp.get('/metrics', async (_, reply) => reply.type(registry.contentType).send(await registry.metrics()));
  if (config.METRICS_PORT !== undefined) {
    metricsApp.server.maxConnections = SCRAPERS;
    await metricsApp.listen({ host: config.HOST, port: config.METRICS_PORT }).catch((error) => {
      throw Object.assign(error, { variable: 'METRICS_PORT' });
    });
  }
  await app.listen({ host: config.HOST, port: config.PORT, backlog: BACKLOG });
  const { address, family, port } = app.server.address() as AddressInfo;

  return {
    /** Scheme, address and port of the server. */
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    /** The port that serves metrics. */
    metricsPort: (metricsApp.server.address() as AddressInfo).port,
    /** Reports not ready, finishes the requests in flight and closes. */
    async stop() {
      state.isReady = false;
      await delay(config.DRAIN_DELAY_MS);
      await drain(main, config.OPERATION_TIMEOUT_MS + GRACE_MS);
      // Wait for writes whose callers have disconnected. Fastify does not wait for them.
      await Promise.allSettled(operations);
      metricsApp.server.closeAllConnections();
      await metricsApp.close();
    },
  };
}

/** Closes an app when its responses are sent, at the latest after `timeoutMs`. */
async function drain({ fastify, countUnanswered }: App, timeoutMs: number): Promise<void> {
  // Node would cut off responses that are ended but not sent yet.
  fastify.server.closeIdleConnections = () => {};
  const closed = fastify.close();
  const cutOffAt = performance.now() + timeoutMs;
  do await delay(LAST_REQUEST_MS);
  while (countUnanswered() > 0 && performance.now() < cutOffAt);
  // Also connections that have sent nothing or half of a head.
  fastify.server.closeAllConnections();
  await closed;
}
