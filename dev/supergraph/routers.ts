/** Real federation routers: each is a separate process, with its configuration from `supergraph/`. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
  /** For Apollo Router, in place of supergraph/apollo/router.yaml. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** Called if the router ends by itself after its start. */
  readonly onEnd?: (reason: CannotStart) => void;
}

/** What a router's configuration is made of. */
interface Parts extends Pick<Options, 'subgraphs' | 'host' | 'port' | 'settings'> {
  /** Reads a file of supergraph/. */
  read(file: string): string;
  /** Writes a file and returns its path. */
  write(name: string, text: string): string;
  /** The path of the supergraph, as Apollo composes it. */
  readonly supergraph: string;
}

interface Router {
  readonly name: string;
  readonly executable: string | undefined;
  /** How to get the executable. */
  readonly missing: string;
  configure(parts: Parts): { readonly args: readonly string[]; readonly env?: NodeJS.ProcessEnv };
}

/** A router of npm, whose packages are in `routers/<folder>`. */
const ofNpm = (folder: string, relative: string) => {
  const found = `dev/supergraph/routers/${folder}/node_modules/${relative}`;
  return {
    executable: existsSync(found) ? found : undefined,
    missing: `Run \`npm ci --prefix dev/supergraph/routers/${folder}\`.`,
  };
};

const WGC = ofNpm('cosmo', 'wgc/dist/src/index.js');

export const ROUTERS = {
  apollo: {
    name: 'Apollo Router',
    executable: process.env.APOLLO_ROUTER,
    missing: 'Set APOLLO_ROUTER to the path of the executable `router`.',
    configure: ({ host, port, read, write, supergraph, settings = parse(read('apollo/router.yaml')) }) => {
      // Introspection is for Sandbox and code generators.
      const serving = { listen: `${host}:${port}`, path: '/graphql', introspection: true };
      const configuration = { health_check: { enabled: false }, ...settings, supergraph: serving };
      return { args: ['--supergraph', supergraph, '--config', write('router.yaml', stringify(configuration))] };
    },
  },
  hive: {
    name: 'Hive Router',
    executable: process.env.HIVE_ROUTER,
    missing: 'Set HIVE_ROUTER to the path of the executable `hive_router`.',
    configure: ({ host, port, read, write, supergraph: path }) => {
      const supergraph = { source: 'file', path };
      const configuration = { ...parse(read('hive/router.config.yaml')), supergraph, http: { host, port } };
      return { args: [], env: { ROUTER_CONFIG_FILE_PATH: write('router.config.yaml', stringify(configuration)) } };
    },
  },
  grafbase: {
    name: 'Grafbase',
    // For Linux x64 only.
    ...ofNpm('grafbase', '@grafbase/cli-x86_64-unknown-linux-musl/grafbase'),
    configure: ({ host, port, subgraphs, read, write }) => {
      // The shipped file, with the URL and schema of each subgraph in its table, and the neighbors' time limit.
      const configuration = subgraphs.reduce((text, { name, url, sdl }) => {
        const table = `[subgraphs.${name}]\n`;
        const lines = `${table}url = "${url}"\nschema_path = "${write(`${name}.graphql`, sdl)}"\n`;
        return text.includes(table) ? text.replace(table, lines) : `${text}\n${lines}timeout = "12s"\n`;
      }, read('grafbase/grafbase.toml'));
      const file = write('grafbase.toml', configuration);
      return { args: ['dev', '--config', file, '--listen-address', `${host}:${port}`] };
    },
  },
  'hive-gateway': {
    name: 'Hive Gateway',
    ...ofNpm('hive-gateway', '.bin/hive-gateway'),
    configure: ({ host, port, read, write, supergraph }) => {
      const file = write('gateway.config.ts', read('hive-gateway/gateway.config.ts'));
      return { args: ['supergraph', supergraph, '--config-path', file, '--host', host, '--port', String(port)] };
    },
  },
  cosmo: {
    name: 'Cosmo Router',
    executable: WGC.executable && process.env.COSMO_ROUTER,
    missing: `Set COSMO_ROUTER to the path of the executable \`router\`. ${WGC.missing}`,
    configure: ({ host, port, subgraphs, read, write }) => {
      const file = ({ name, sdl }: Subgraph) => write(`${name}.graphql`, sdl);
      const list = subgraphs.map((one) => ({ name: one.name, routing_url: one.url, schema: { file: file(one) } }));
      const input = write('compose.yaml', stringify({ version: 1, subgraphs: list }));
      const path = write('config.json', '');
      // The command of supergraph/cosmo/compose.yaml.
      const env = { DISABLE_UPDATE_CHECK: 'true', COSMO_TELEMETRY_DISABLED: 'true' };
      const args = [String(WGC.executable), 'router', 'compose', '--input', input, '--out', path];
      const { status, output } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
      if (status !== 0) throw new CannotStart(`The supergraph does not compose for Cosmo Router:${output.join('\n')}`);
      const base = { version: '1', listen_addr: `${host}:${port}`, execution_config: { file: { path } } };
      const files = [write('base.yaml', stringify(base)), write('config.yaml', read('cosmo/config.yaml'))];
      return { args: [], env: { ...env, CONFIG_PATH: files.join(',') } };
    },
  },
} as const satisfies Readonly<Record<string, Router>>;
/** A value of `npm run supergraph -- --router`. */
export type RouterName = keyof typeof ROUTERS;

/**
 * Starts a router and resolves when it answers GraphQL. Throws a `CannotStart` if the router is not installed or ends
 * before, and Node's own error if the port is taken.
 */
export async function startRouter(name: RouterName, { subgraphs, secret, settings, onEnd, ...listening }: Options) {
  const router: Router = ROUTERS[name];
  if (!router.executable) throw new CannotStart(`${router.name} is not installed. ${router.missing}`);
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
  const { args, env } = router.configure({ subgraphs, host, port, settings, read, write, supergraph });
  const child = spawn(resolve(router.executable), args, {
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
  const ended = new Promise((resolveEnded) => child.once('close', resolveEnded));
  const cleanUp = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', cleanUp);

  const url = `http://${host}:${port}`;
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
    process.off('exit', cleanUp);
    cleanUp();
  };
  if (!(await answers(`${url}/graphql`, child))) {
    await stop();
    throw new CannotStart(`${router.name} did not start:\n${output}`);
  }
  ended.then(() => {
    if (!child.killed) onEnd?.(new CannotStart(`${router.name} ended by itself:\n${output}`));
  });
  return { url, pid: Number(child.pid), output: () => output, stop };
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
