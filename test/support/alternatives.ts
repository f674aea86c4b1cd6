/**
 * The alternatives to this subgraph that docs/alternatives.md compares, and Apollo Router before any of them. Beside the router
 * is a neighbor whose visits refer to repair requests. Tests and benchmarks start them.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { resolve } from 'node:path';
import { json as readJson } from 'node:stream/consumers';
import { parse } from 'yaml';
import { freePort, serve } from '../../dev/command-api.ts';
import { startRouter } from '../../dev/supergraph/routers.ts';
import { ROUTER_SECRET } from './ask.ts';
import { readDocument } from './documents.ts';
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

/** Starts a program of the project, as its npm script does, in production on a free port. Waits for its first answer. */
export async function startServer(program: string, env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const listening = { HOST: '127.0.0.1', PORT: String(await freePort()) };
  const required = { PATH: process.env.PATH, NODE_ENV: 'production', ROUTER_SECRET, ...listening };
  const child = start(process.execPath, argumentsOf(program), { ...required, ...env }, ['ignore', 'ignore', 'inherit']);
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

/** Starts a router before a subgraph that runs. */
export function startRouted(subgraph: Running): Promise<Running> {
  const sdl = readDocument('schema/maintenance.graphql');
  return startBefore({ subgraphs: [{ name: 'maintenance', url: subgraph.url, sdl }] }, subgraph);
}

/** Starts a router with Apollo Connectors, which sends the commands itself. */
export function startConnectors(commandApiUrl: string): Promise<Running> {
  const readOwn = (file: string) => readDocument(`bench/contenders/connectors/${file}`);
  const subgraphs = ['maintenance', 'maintenance-queries'].map((name) => ({
    name,
    // Nobody asks it.
    url: 'http://none',
    sdl: readOwn(`${name}.graphql`).replaceAll('COMMAND_API_URL', commandApiUrl),
  }));
  const rhai = { scripts: resolve('bench/contenders/connectors'), main: 'connectors.rhai' };
  return startBefore({ subgraphs, settings: { ...parse(readOwn('router.yaml')), rhai } });
}

type Options = Pick<Parameters<typeof startRouter>[1], 'subgraphs' | 'settings'>;

async function startBefore(options: Options, subgraph?: Running): Promise<Running> {
  const neighbor = await serve(answerVisits);
  const stop = () => Promise.all([neighbor.stop(), subgraph?.stop()]);
  const subgraphs = [...options.subgraphs, { name: 'visits', url: neighbor.url, sdl: VISITS }];
  const starting = { ...options, subgraphs, secret: ROUTER_SECRET, host: '127.0.0.1', port: 0 };
  const router = await startRouter('apollo', starting).catch(async (error) => {
    await stop();
    throw error;
  });
  return {
    url: `${router.url}/graphql`,
    pids: [router.pid, ...(subgraph?.pids ?? [])],
    async stop() {
      await router.stop();
      await stop();
    },
  };
}

/** Answers the query `visits` in this process, so that it is not measured. */
async function answerVisits(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { variables } = (await readJson(request)) as { variables: { ids: string[] } };
  const visits = variables.ids.map((id) => ({ maintenance: { __typename: 'Maintenance', id } }));
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ data: { visits } }));
}
