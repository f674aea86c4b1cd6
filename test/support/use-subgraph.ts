/** The production server on a free port, in front of the fake command API. */
import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { loadConfig } from '../../src/config.ts';
import { createServer, type ServerDependencies } from '../../src/server.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { type Answer, type Asking, postTo, ROUTER_SECRET, type Sending } from './ask.ts';
import { PATIENT } from './replica.ts';
import { startUpstream, type Upstream } from './upstream.ts';

export async function startSubgraph(env: NodeJS.ProcessEnv = {}, plugins?: ServerDependencies['plugins']) {
  const upstream: Upstream = await startUpstream();
  const lines: string[] = [];
  const own = { HOST: '127.0.0.1', PORT: '0', COMMAND_API_URL: upstream.url, ROUTER_SECRET, DRAIN_DELAY_MS: '0' };
  const logger = createLogger('debug', { write: (line) => lines.push(line) });
  const config = loadConfig({ ...own, ...PATIENT, ...env });
  const starting = createServer({ config, logger, ...(plugins && { plugins }) });
  const { url, metricsPort, stop } = await starting.catch(async (error) => {
    await upstream.stop();
    throw error;
  });

  /** Sends a body, valid or not, with the headers of a router. */
  function post(body: string, { headers, ...sending }: Sending = {}): Promise<Answer> {
    const all = { 'router-authorization': ROUTER_SECRET, ...headers };
    return postTo(`${url}/graphql`, body, { ...sending, headers: all });
  }

  function ask(query: string, { variables, ...sending }: Asking = {}): Promise<Answer> {
    return post(JSON.stringify({ query, variables }), sending);
  }

  /** Sends an operation. The returned function disconnects its caller. */
  function askAndDisconnect(query: string) {
    const caller = new AbortController();
    const gone = ask(query, { signal: caller.signal }).catch(() => undefined);
    return async () => {
      caller.abort();
      await gone;
    };
  }

  return {
    ...{ url, metricsPort, upstream, post, ask, askAndDisconnect, lines },
    /** All log lines so far, as text and as records. */
    logText: () => lines.join(''),
    logs: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    async stop() {
      await stop();
      await upstream.stop();
    },
  };
}

export type Subgraph = Awaited<ReturnType<typeof startSubgraph>>;

/** Starts a subgraph for a test file. Resets its command API and its log before each test. */
export function useSubgraph(...starting: Parameters<typeof startSubgraph>): Subgraph {
  const subgraph = {} as Subgraph;
  beforeAll(async () => {
    Object.assign(subgraph, await startSubgraph(...starting));
  });
  afterAll(() => subgraph.stop());
  beforeEach(() => {
    subgraph.upstream.reset();
    subgraph.lines.length = 0;
  });
  return subgraph;
}

/**
 * Returns a function that starts what `start` starts. All stop together at the end of the test file: no test waits until
 * another subgraph has drained.
 */
export function useMany<A extends unknown[], S extends { stop(): Promise<unknown> }>(
  start: (...starting: A) => Promise<S>,
) {
  const started: S[] = [];
  afterAll(() => Promise.all(started.map(({ stop }) => stop())));
  return async (...starting: A): Promise<S> => {
    const one = await start(...starting);
    started.push(one);
    return one;
  };
}
