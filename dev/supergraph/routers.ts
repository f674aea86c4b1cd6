/**
 * Real federation routers: each is a separate process, with its configuration from `supergraph/`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { freePort } from '../command-api.ts';
import { composeSupergraph, type Subgraph } from './gateway.ts';
import type { Listening, Running } from './host.ts';

const KILL_AFTER_MS = 2000;

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const read = (relative: string) => readFileSync(path(relative), 'utf8');
const readConfiguration = (relative: string) => parse(read(`../../supergraph/${relative}`));

interface Start {
  readonly subgraphs: readonly Subgraph[];
  readonly host: string;
  readonly port: number;
  /** Writes a file of this router and returns its path. */
  write(name: string, text: string): string;
}

interface Router {
  readonly name: string;
  /** Path; undefined if this machine has no such router. */
  readonly executable: string | undefined;
  /** How to get the executable. */
  readonly missing: string;
  /** The arguments and variables of its process. */
  configure(start: Start): { readonly args: readonly string[]; readonly env?: NodeJS.ProcessEnv };
}

const NPM = 'Run `npm ci --prefix dev/supergraph/routers`.';
const installed = (relative: string) => {
  const found = path(`routers/node_modules/${relative}`);
  return existsSync(found) ? found : undefined;
};

const hiveGateway = (name: string, ...flags: string[]): Router => ({
  name,
  executable: installed('.bin/hive-gateway'),
  missing: NPM,
  configure: ({ subgraphs, host, port, write }) => ({
    args: [
      ...['supergraph', write('supergraph.graphql', composeSupergraph(subgraphs))],
      ...['--config-path', path('../../supergraph/hive-gateway/gateway.config.ts')],
      ...['--host', host, '--port', String(port), ...flags],
    ],
  }),
});

/** A value of `npm run supergraph -- --router`. */
export type RouterName = 'apollo' | 'hive' | 'grafbase' | 'hive-gateway' | 'hive-gateway-router-runtime';

export const ROUTERS: Readonly<Record<RouterName, Router>> = {
  apollo: {
    name: 'Apollo Router',
    executable: process.env.APOLLO_ROUTER,
    missing: 'Set APOLLO_ROUTER to the path of the executable `router`.',
    configure: ({ subgraphs, host, port, write }) => ({
      args: [
        ...['--supergraph', write('supergraph.graphql', composeSupergraph(subgraphs))],
        ...['--config', write('router.yaml', stringify(apolloConfiguration(host, port)))],
      ],
    }),
  },
  hive: {
    name: 'Hive Router',
    executable: process.env.HIVE_ROUTER,
    missing: 'Set HIVE_ROUTER to the path of the executable `hive_router`.',
    configure: ({ subgraphs, host, port, write }) => {
      const supergraph = { source: 'file', path: write('supergraph.graphql', composeSupergraph(subgraphs)) };
      const configuration = { ...readConfiguration('hive/router.config.yaml'), supergraph, http: { host, port } };
      return { args: [], env: { ROUTER_CONFIG_FILE_PATH: write('router.config.yaml', stringify(configuration)) } };
    },
  },
  grafbase: {
    name: 'Grafbase',
    executable: installed('@grafbase/cli-x86_64-unknown-linux-musl/grafbase'),
    missing: `${NPM} It has Grafbase for Linux x64 only.`,
    configure: ({ subgraphs, host, port, write }) => ({
      args: [
        ...['dev', '--config', write('grafbase.toml', grafbaseConfiguration(subgraphs, write))],
        ...['--listen-address', `${host}:${port}`],
      ],
    }),
  },
  'hive-gateway': hiveGateway('Hive Gateway'),
  'hive-gateway-router-runtime': hiveGateway('Hive Gateway with the planner of Hive Router', '--hive-router-runtime'),
};

/** Why a router cannot run; the message is for the person who asked for the router. */
export class RouterError extends Error {}

/**
 * Starts a router before subgraphs, with `secret` for the subgraph `maintenance`. Resolves when the router answers
 * GraphQL. Rejects if the router is not installed, or ends before; the message then has all that the router printed.
 */
export async function startRouter(
  name: RouterName,
  secret: string,
  subgraphs: readonly Subgraph[],
  listening: Pick<Listening, 'host' | 'port'>,
): Promise<Running & { output(): string }> {
  const router = ROUTERS[name];
  if (!router.executable) throw new RouterError(`${router.name} is not installed. ${router.missing}`);
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const write = (file: string, text: string) => {
    writeFileSync(join(folder, file), text);
    return join(folder, file);
  };
  const port = listening.port || (await freePort());
  // Routers take an address, not a name.
  const { address: host } = await lookup(listening.host, { family: 4 });
  const { args, env } = router.configure({ subgraphs, host, port, write });
  const child = spawn(router.executable, args, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder, APOLLO_TELEMETRY_DISABLED: '1', ROUTER_SECRET: secret, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const exit = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const url = `http://${host}:${port}`;
  const stop = async () => {
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    await exit;
    clearTimeout(kill);
    rmSync(folder, { recursive: true });
  };
  if (await answers(`${url}/graphql`, child)) return { url, output: () => output, stop };
  await stop();
  throw new RouterError(`${router.name} did not start:\n${output}`);
}

/** Waits until GraphQL is answered; false if the process ends first. */
async function answers(url: string, child: ChildProcess): Promise<boolean> {
  while (child.exitCode === null && child.signalCode === null) {
    const ask = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"query":"{ __typename }"}' };
    const response = await fetch(url, ask).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.ok) return true;
    await delay(50);
  }
  return false;
}

function apolloConfiguration(host: string, port: number) {
  const configuration = readConfiguration('apollo/router.yaml');
  return {
    ...configuration,
    supergraph: { listen: `${host}:${port}`, path: '/graphql' },
    health_check: { enabled: false },
  };
}

/** The shipped file, with the URL and schema of each subgraph in its table. */
function grafbaseConfiguration(subgraphs: readonly Subgraph[], write: Start['write']): string {
  return subgraphs.reduce((text, { name, url, sdl }) => {
    const table = `[subgraphs.${name}]\n`;
    const lines = `${table}url = "${url}"\nschema_path = "${write(`${name}.graphql`, sdl)}"\n`;
    return text.includes(table) ? text.replace(table, lines) : `${text}\n${lines}`;
  }, read('../../supergraph/grafbase/grafbase.toml'));
}
