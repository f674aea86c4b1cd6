/**
 * The alternatives to this subgraph that docs/alternatives.md compares, and Apollo Router before any of them. Beside the router
 * is a neighbor whose visits refer to repair requests. Tests and benchmarks start them.
 */
import { once } from 'node:events';
import { resolve } from 'node:path';
import { parse } from 'yaml';
import { freePort } from '../../dev/command-api.ts';
import { startRouter } from '../../dev/supergraph/routers.ts';
import { ROUTER_SECRET } from './ask.ts';
import { readDocument } from './documents.ts';
import { startVisits, visitsSdl } from './maintenance/visits.ts';
import { argumentsOf, start } from './process.ts';
import { until } from './wait.ts';

export interface Running {
  readonly url: string;
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** Starts a program of the project, as its npm script does, in production on a free port. Waits for its first answer. */
export async function startServer(program: string, env: NodeJS.ProcessEnv = {}): Promise<Running> {
  const listening = { HOST: '127.0.0.1', PORT: String(await freePort()) };
  const all = { PATH: process.env.PATH, NODE_ENV: 'production', ROUTER_SECRET, ...listening, ...env };
  // jest takes the last words of a full heap for those of its own worker.
  const stderr = env.NODE_OPTIONS ? 'ignore' : 'inherit';
  const child = start(process.execPath, argumentsOf(program), all, { stdio: ['ignore', 'ignore', stderr] });
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

/** Starts a router before a subgraph that runs. Clients send the vendor's token in this header. */
export function startRouted(subgraph: Running, tokenHeader = 'authorization'): Promise<Running> {
  const sdl = readDocument('schema/maintenance.graphql');
  return startBefore({ subgraphs: [{ name: 'maintenance', url: subgraph.url, sdl, tokenHeader }] }, subgraph);
}

/** Starts a router with Apollo Connectors, which sends the commands itself, with the token from this header. */
export function startConnectors(commandApiUrl: string, tokenHeader = 'authorization'): Promise<Running> {
  const readOwn = (file: string) => readDocument(`bench/contenders/connectors/${file}`);
  const subgraphs = ['maintenance', 'maintenance-queries'].map((name) => ({
    name,
    // Nobody asks it.
    url: 'http://none',
    sdl: readOwn(`${name}.graphql`)
      .replaceAll('COMMAND_API_URL', commandApiUrl)
      .replaceAll('from: "authorization"', `from: "${tokenHeader}"`),
  }));
  const rhai = { scripts: resolve('bench/contenders/connectors'), main: 'connectors.rhai' };
  return startBefore({ subgraphs, settings: { ...parse(readOwn('router.yaml')), rhai } });
}

type Options = Pick<Parameters<typeof startRouter>[1], 'subgraphs' | 'settings'>;

async function startBefore(options: Options, subgraph?: Running): Promise<Running> {
  // In this process, so that it is not measured.
  const neighbor = await startVisits('id');
  const stop = () => Promise.all([neighbor.stop(), subgraph?.stop()]);
  const subgraphs = [...options.subgraphs, { name: 'visits', url: neighbor.url, sdl: visitsSdl('id') }];
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
