/**
 * Apollo's own tests of an HTTP host against the one that ships. Where one fails, that is a choice: it stands below with its
 * reason, and has to fail in just that way.
 *
 * @jest-environment ./test/support/expected-failures.mjs
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { ApolloServer } from '@apollo/server';
import { defineIntegrationTestSuite } from '@apollo/server-integration-testsuite';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.ts';
import { startHost } from '../../src/http/host.ts';
import { createMemory } from '../../src/memory.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

declare global {
  /** The environment takes each out that failed as it says. */
  var expectedFailures: Map<string, RegExp>;
  /** The environment adds it to the name of each test that the suite skips. */
  var whySkipped: string;
}

interface Failures {
  readonly message: RegExp;
  /** Where in the suite they stand. */
  readonly group: string;
  readonly tests: readonly string[];
}

// Nothing reads text/plain, which any page can send: 415 instead of 400.
const NO_TEXT: Failures[] = [
  {
    message: /Expected value: 415\nReceived array: \[400\]/,
    group: 'apolloServerTests.ts > CSRF prevention',
    tests: ['default'],
  },
  {
    message: /Expected: 400\nReceived: 415/,
    group: 'httpServerTests.ts > graphqlHTTP',
    tests: ['throws an error if POST body is empty', 'throws an error if invalid content-type'],
  },
];

// Every answer is one caller's, and says so; Apollo would say nothing, or let it be kept.
const KEPT = /Expected: "(max-age=\d+, (public|private)|private, no-cache, must-revalidate)"\nReceived: "no-store"/;
const NO_STORE: Failures[] = [
  {
    message: /toBeUndefined\(\)\n\nReceived: "no-store"/,
    group: 'httpServerTests.ts > graphqlHTTP',
    tests: ['cache-control not set without any hints with if-cacheable'],
  },
  {
    message: /toBeUndefined\(\)\n\nReceived: "no-store"/,
    group: 'httpServerTests.ts > graphqlHTTP > cache-control',
    tests: ['runs when cache-control is disabled'],
  },
  {
    message: KEPT,
    group: 'httpServerTests.ts > graphqlHTTP',
    tests: [
      'cache-control set with defaultMaxAge',
      'cache-control set with dynamic hint',
      'returns PersistedQueryNotFound to a GET request',
      'returns PersistedQueryNotFound to a POST request',
      'returns PersistedQueryNotSupported to a GET request if PQs disabled',
      'returns PersistedQueryNotSupported to a POST request if PQs disabled',
    ],
  },
  {
    message: KEPT,
    group: 'httpServerTests.ts > graphqlHTTP > cache-control',
    tests: [
      'applies cacheControl Headers',
      'applies cacheControl Headers for batched operation',
      'applies cacheControl Headers with if-cacheable',
      'contains private cacheControl Headers when scoped',
    ],
  },
];

// Fastify's own answer to a method that no route has.
const NO_ROUTE: Failures[] = [
  {
    message: /Expected: 405\nReceived: 404/,
    group: 'httpServerTests.ts > graphqlHTTP',
    tests: ['rejects the request if the method is not POST or GET'],
  },
];

const config = loadConfig({
  HOST: '127.0.0.1',
  PORT: '0',
  COMMAND_API_URL: 'http://127.0.0.1:9',
  ALLOW_NO_ROUTER_SECRET: 'true',
  DRAIN_DELAY_MS: '0',
});
const logger = createLogger('silent');
const memory = createMemory();
const metrics = createMetrics(config, () => ({ inFlight: 0, queued: 0, breaker: 'closed' }), memory);

globalThis.expectedFailures = new Map();
globalThis.whySkipped = '@defer and @stream need graphql 17, which Apollo Server supports only as an alpha.';

// The suite asks at "/" under the address that it is given; the host serves "/graphql" and nothing under it.
const trimPath = (message: unknown) => {
  const { request } = message as { request: IncomingMessage };
  request.url = request.url?.replace('/graphql/', '/graphql') ?? '';
};
beforeAll(() => subscribe('http.server.request.start', trimPath));
afterAll(() => {
  unsubscribe('http.server.request.start', trimPath);
});

describe('the HTTP host', () => runSuite('the HTTP host', [...NO_TEXT, ...NO_STORE, ...NO_ROUTE]));

it('has each exception among its tests', () => {
  expect([...globalThis.expectedFailures.keys()]).toEqual([]);
});

function runSuite(name: string, failing: Failures[]): void {
  for (const { message, group, tests } of failing) {
    const path = `${name} > integration tests > ${group}`;
    for (const test of tests) globalThis.expectedFailures.set(`${path} > ${test}`, message);
  }
  defineIntegrationTestSuite(async (options, { context } = {}) => {
    const apollo = new ApolloServer(options);
    await apollo.start();
    const host = await startHost(apollo, async () => context?.() ?? {}, { config, logger, metrics, memory });
    return { server: apollo, url: `${host.url}/graphql`, extraCleanup: () => host.stop() };
  });
}
