/**
 * Starts the production server on a free port, in front of the fake command API.
 */
import { EXAMPLE } from '../../dev/seed.ts';
import { loadConfig } from '../../src/config.ts';
import { createServer, type ServerDependencies } from '../../src/server.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { startUpstream, TOKENS, type Upstream } from './upstream.ts';

export const ROUTER_SECRET = 'router-secret-of-the-tests';

/** The input of a valid create. */
export const NEW_MAINTENANCE = {
  residenceId: EXAMPLE.residenceId,
  startTime: '2024-01-16T13:32:45Z',
  finishTime: '2024-01-17T13:32:45Z',
  description: 'x',
  contact: 'x',
} as const;

export interface GraphqlError {
  message: string;
  path?: (string | number)[];
  extensions: Record<string, unknown>;
}

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into whatever an operation answers
  data: any;
  errors: GraphqlError[];
  extensions: Record<string, unknown> | undefined;
}

interface Sending {
  /** Null sends no `Authorization`. */
  readonly token?: string | null;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export interface Asking extends Sending {
  readonly variables?: Record<string, unknown>;
}

export async function startSubgraph(env: NodeJS.ProcessEnv = {}, plugins?: ServerDependencies['plugins']) {
  const upstream: Upstream = await startUpstream();
  const lines: string[] = [];
  const own = { HOST: '127.0.0.1', PORT: '0', COMMAND_API_URL: upstream.url, ROUTER_SECRET, DRAIN_DELAY_MS: '0' };
  // Longer than a busy machine needs: only tests of time limits shorten them.
  const patient = { ATTEMPT_TIMEOUT_MS: '29999', OPERATION_TIMEOUT_MS: '30000' };
  const logger = createLogger('debug', { write: (line) => lines.push(line) });
  const config = loadConfig({ ...own, ...patient, ...env });
  const { url, metricsPort, stop } = await createServer({ config, logger, ...(plugins && { plugins }) });

  /** Sends a body, valid or not, with the headers of a router. */
  function post(body: string, { headers, ...sending }: Sending = {}): Promise<Answer> {
    return postTo(`${url}/graphql`, body, {
      ...sending,
      headers: { 'router-authorization': ROUTER_SECRET, ...headers },
    });
  }

  /** Sends an operation. */
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
    ...{ url, metricsPort, upstream, post, ask, askAndDisconnect },
    /** All log lines so far, as text and as records. */
    logText: () => lines.join(''),
    logs: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    clearLogs: () => lines.splice(0),
    async stop() {
      await stop();
      await upstream.stop();
    },
  };
}

/** Sends a body to a GraphQL server at `url`, with the headers of a router's client. */
async function postTo(url: string, body: string, { token = TOKENS.first, headers, ...others }: Sending) {
  const own = { 'content-type': 'application/json', accept: 'application/json' };
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(url, {
    ...others,
    method: 'POST',
    headers: { ...own, ...authorization, ...headers },
    body,
  });
  return readAnswer(response);
}

/** Sends an operation to a GraphQL server at `url`, with the headers of a router's client. */
export function askAt(url: string, query: string, { variables, ...sending }: Asking = {}): Promise<Answer> {
  return postTo(url, JSON.stringify({ query, variables }), sending);
}

export async function readAnswer(response: Response): Promise<Answer> {
  const { data, errors = [], extensions } = (await response.json()) as Partial<Answer>;
  return { status: response.status, headers: response.headers, data, errors, extensions };
}

export type Subgraph = Awaited<ReturnType<typeof startSubgraph>>;

/** Returns code and path of each error. */
export function codes({ errors }: Answer): [unknown, string | undefined][] {
  return errors.map(({ extensions, path }) => [extensions.code, path?.join('.')]);
}
