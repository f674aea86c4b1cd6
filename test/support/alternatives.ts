/**
 * The alternatives to this subgraph that docs/alternatives.md compares, and Apollo Router before any of them. Beside the router
 * is a neighbor whose visits refer to repair requests. Tests and benchmarks start them.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { parse } from 'yaml';
import { freePort } from '../../dev/command-api.ts';
import { startRouter } from '../../dev/supergraph/routers.ts';
import { ROUTER_SECRET } from './ask.ts';
import { argumentsOf, start } from './process.ts';
import { until } from './wait.ts';

export interface Running {
  readonly url: string;
  /** Its processes. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** The schema of the neighbor. */
const VISITS = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  type Query { visits(ids: [ID!]!): [Visit!]! }
  type Visit { maintenance: Maintenance }
  type Maintenance @key(fields: "id", resolvable: false) { id: ID! }`;

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

/** Starts a program as a server in production, on a free port, and waits for its first answer. */
export async function startServer(program: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const listening = { HOST: '127.0.0.1', PORT: String(await freePort()) };
  const required = { PATH: process.env.PATH, NODE_ENV: 'production', ROUTER_SECRET, ...listening };
  const child = start(process.execPath, program, { ...required, ...env }, ['ignore', 'ignore', 'inherit']);
  const exited = once(child, 'exit');
  const url = `http://127.0.0.1:${listening.PORT}/graphql`;
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode} before it answered`);
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    return answer !== undefined;
  });
  return {
    url,
    pids: [Number(child.pid)],
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Starts this subgraph as `npm start` does. */
export function startOurs(commandApiUrl: string, env: NodeJS.ProcessEnv = {}): Promise<Running> {
  return startServer(argumentsOf('src/main.ts'), { COMMAND_API_URL: commandApiUrl, ...env });
}

/** Starts Apollo Server by lists. */
export function startByLists(commandApiUrl: string): Promise<Running> {
  return startServer(['bench/contenders/by-lists.ts'], { COMMAND_API_URL: commandApiUrl });
}

/** Starts a router before a subgraph that runs. */
export function startRouted(subgraph: Running): Promise<Running> {
  const sdl = read('schema/maintenance.graphql');
  return startBefore({ subgraphs: [{ name: 'maintenance', url: subgraph.url, sdl }] }, subgraph);
}

/** Starts a router with Apollo Connectors, which sends the commands itself. */
export function startConnectors(commandApiUrl: string): Promise<Running> {
  const readOwn = (file: string) => read(`bench/contenders/connectors/${file}`);
  const subgraphs = ['maintenance', 'maintenance-queries'].map((name) => ({
    name,
    // Nobody asks it.
    url: 'http://none',
    sdl: readOwn(`${name}.graphql`).replaceAll('COMMAND_API_URL', commandApiUrl),
  }));
  const files = { 'connectors.rhai': readOwn('connectors.rhai') };
  return startBefore({ subgraphs, settings: parse(readOwn('router.yaml')), files });
}

type Options = Pick<Parameters<typeof startRouter>[1], 'subgraphs' | 'settings' | 'files'>;

async function startBefore(options: Options, subgraph?: Running): Promise<Running> {
  const neighbor = http.createServer({ keepAliveTimeout: 120_000 }, answerVisits).listen(0, '127.0.0.1');
  await once(neighbor, 'listening');
  // Where the router does not start, nothing stops it.
  neighbor.unref();
  const { port } = neighbor.address() as AddressInfo;
  const subgraphs = [...options.subgraphs, { name: 'visits', url: `http://127.0.0.1:${port}`, sdl: VISITS }];
  const listening = { host: '127.0.0.1', port: 0 };
  const router = await startRouter('apollo', { ...options, subgraphs, secret: ROUTER_SECRET, ...listening });
  return {
    url: `${router.url}/graphql`,
    pids: [router.pid, ...(subgraph?.pids ?? [])],
    async stop() {
      await router.stop();
      await subgraph?.stop();
      neighbor.close();
    },
  };
}

/** Answers the query `visits` in this process, so that it is not measured. */
async function answerVisits(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const { variables } = JSON.parse(Buffer.concat(await request.toArray()).toString());
  const visits = variables.ids.map((id: string) => ({ maintenance: { __typename: 'Maintenance', id } }));
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ data: { visits } }));
}
