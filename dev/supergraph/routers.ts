/** Federation routers as processes, each with its file of `supergraph/`. Environment variables name their executables. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { freePort } from '../command-api.ts';
import { composeSupergraph } from './compose.ts';
import type { Subgraph } from './gateway.ts';
import { CannotStart } from './read-subgraph.ts';

/** The line of the header `authorization`, with the commented line that replaces it for another TOKEN_HEADER. */
const TOKEN_LINES = /^.*authorization.*\n.* TOKEN_HEADER=.*\n( *)(?:#|\/\/) (.*)x-vendor-authorization/im;

/** Reads a file of supergraph/, for a subgraph with this TOKEN_HEADER. */
export function readSettings(file: string, tokenHeader = 'authorization'): string {
  const text = readFileSync(`supergraph/${file}`, 'utf8');
  if (tokenHeader === 'authorization') return text;
  return text.replace(TOKEN_LINES, (_, indent, rule) => indent + rule + tokenHeader);
}

interface Options {
  readonly subgraphs: readonly Subgraph[];
  /** The router's secret for the subgraph `maintenance`. */
  readonly secret: string;
  readonly host: string;
  readonly port: number;
  /** Called if the router ends by itself after its start. */
  readonly onEnd?: (reason: CannotStart) => void;
}

/** The parts of a router's configuration: `read` reads a file of supergraph/, `write` writes a file and returns its path. */
interface Parts extends Pick<Options, 'subgraphs' | 'host' | 'port'> {
  read(file: string): string;
  write(name: string, text: string): string;
  /** The path of the supergraph, as Apollo composes it. */
  readonly supergraph: string;
}

interface Router {
  readonly name: string;
  /** The environment variables with the paths of its executables. The first one is the router. */
  readonly executables: readonly [string, ...string[]];
  configure(parts: Parts): { readonly args?: readonly string[]; readonly env?: NodeJS.ProcessEnv };
}

export const ROUTERS = {
  apollo: {
    name: 'Apollo Router',
    executables: ['APOLLO_ROUTER'],
    configure: ({ host, port, read, write, supergraph }) => {
      // Introspection is for Sandbox and code generators.
      const serving = { listen: `${host}:${port}`, path: '/graphql', introspection: true };
      const settings = { ...parse(read('apollo/router.yaml')), health_check: { enabled: false }, supergraph: serving };
      return { args: ['--supergraph', supergraph, '--config', write('router.yaml', stringify(settings))] };
    },
  },
  hive: {
    name: 'Hive Router',
    executables: ['HIVE_ROUTER'],
    configure: ({ host, port, read, write, supergraph: path }) => {
      const supergraph = { source: 'file', path };
      const settings = { ...parse(read('hive/router.config.yaml')), supergraph, http: { host, port } };
      return { env: { ROUTER_CONFIG_FILE_PATH: write('router.config.yaml', stringify(settings)) } };
    },
  },
  'hive-gateway': {
    name: 'Hive Gateway',
    executables: ['HIVE_GATEWAY'],
    configure: ({ host, port, read, write, supergraph }) => {
      const file = write('gateway.config.ts', read('hive-gateway/gateway.config.ts'));
      return { args: ['supergraph', supergraph, '--config-path', file, '--host', host, '--port', String(port)] };
    },
  },
  grafbase: {
    name: 'Grafbase',
    executables: ['GRAFBASE'],
    configure: ({ host, port, subgraphs, read, write }) => {
      // The shipped file, with the URL and schema of each subgraph in its table, and the neighbors' time limit.
      const settings = subgraphs.reduce((text, { name, url, sdl }) => {
        const table = `[subgraphs.${name}]\n`;
        const lines = `${table}url = "${url}"\nschema_path = "${write(`${name}.graphql`, sdl)}"\n`;
        return text.includes(table) ? text.replace(table, lines) : `${text}\n${lines}timeout = "12s"\n`;
      }, read('grafbase/grafbase.toml'));
      return { args: ['dev', '--config', write('grafbase.toml', settings), '--listen-address', `${host}:${port}`] };
    },
  },
  cosmo: {
    name: 'Cosmo Router',
    executables: ['COSMO_ROUTER', 'WGC'],
    configure: ({ host, port, subgraphs, read, write }) => {
      const file = ({ name, sdl }: Subgraph) => write(`${name}.graphql`, sdl);
      const list = subgraphs.map((one) => ({ name: one.name, routing_url: one.url, schema: { file: file(one) } }));
      const input = write('compose.yaml', stringify({ version: 1, subgraphs: list }));
      const path = write('config.json', '');
      // The command of supergraph/cosmo/compose.yaml.
      const env = { PATH: process.env.PATH, DISABLE_UPDATE_CHECK: 'true', COSMO_TELEMETRY_DISABLED: 'true' };
      const args = ['router', 'compose', '--input', input, '--out', path];
      const { status, output } = spawnSync(String(process.env.WGC), args, { env, encoding: 'utf8' });
      if (status !== 0)
        throw new CannotStart(`The supergraph does not compose for Cosmo Router: ${output?.join('\n')}`);
      const base = { version: '1', listen_addr: `${host}:${port}`, execution_config: { file: { path } } };
      const files = [write('base.yaml', stringify(base)), write('config.yaml', read('cosmo/config.yaml'))];
      return { env: { ...env, CONFIG_PATH: files.join(',') } };
    },
  },
} as const satisfies Readonly<Record<string, Router>>;
/** A value of `npm run supergraph -- --router`. */
export type RouterName = keyof typeof ROUTERS;

/** Returns what to do for a router whose executables the environment does not name, or undefined. */
export function describeMissing(router: RouterName): string | undefined {
  const { name, executables } = ROUTERS[router];
  if (executables.every((variable) => process.env[variable])) return undefined;
  return `${name} needs the path of its executable in ${executables.join(' and ')}: see docs/federation.md.`;
}

/**
 * Starts a router and resolves when it answers GraphQL. Throws a `CannotStart` if the router is not there or ends before, and
 * Node's own error if the port is taken.
 */
export async function startRouter(name: RouterName, { subgraphs, secret, onEnd, ...listening }: Options) {
  const missing = describeMissing(name);
  if (missing) throw new CannotStart(missing);
  const router: Router = ROUTERS[name];
  // Routers take an address, not a name.
  const { address: host } = await lookup(listening.host, { family: 4 });
  const port = await freePort(listening.port, host);
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const write = (file: string, text: string) => {
    writeFileSync(join(folder, file), text);
    return join(folder, file);
  };
  const supergraph = write('supergraph.graphql', composeSupergraph(subgraphs).supergraphSdl);
  const { tokenHeader } = subgraphs.find((one) => one.name === 'maintenance') ?? {};
  const read = (file: string) => readSettings(file, tokenHeader);
  const { args = [], env } = router.configure({ subgraphs, host, port, read, write, supergraph });
  const child = spawn(resolve(String(process.env[router.executables[0]])), args, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, APOLLO_TELEMETRY_DISABLED: '1', ROUTER_SECRET: secret, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: unknown) => {
    output = (output + chunk).slice(-100_000);
  };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', keep);
  // The executable cannot run.
  child.on('error', keep);
  const cleanUp = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', cleanUp);
  const ended = new Promise((done) => child.on('close', done)).then(() => `${router.name} ended by itself:\n${output}`);
  const url = `http://${host}:${port}`;
  // The folder is removed when this process ends.
  if (!(await answers(`${url}/graphql`, child))) throw new CannotStart(await ended);
  ended.then((reason) => child.killed || onEnd?.(new CannotStart(reason)));
  return {
    url,
    async stop() {
      child.kill('SIGKILL');
      await ended;
      process.off('exit', cleanUp);
      cleanUp();
    },
  };
}

/** Resolves with true once GraphQL is answered, with false once the router is not running. */
async function answers(url: string, router: ChildProcess): Promise<boolean> {
  const headers = { 'content-type': 'application/json' };
  const body = '{"query":"{ __typename }"}';
  while (router.exitCode === null && router.signalCode === null) {
    const signal = AbortSignal.timeout(1000);
    const response = await fetch(url, { method: 'POST', headers, body, signal }).catch(() => undefined);
    if (response?.ok) return true;
    await delay(50);
  }
  return false;
}
