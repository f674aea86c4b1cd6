/**
 * The emulated command API and the subgraph before it, as `npm run dev` and `npm run supergraph` start them.
 */
import pretty from 'pino-pretty';
import { type Config, loadConfig } from '../src/config.ts';
import { createServer } from '../src/server.ts';
import { createLogger } from '../src/telemetry/log.ts';
import type { serveBrowsers } from './browser.ts';
import { type Answer, createEmulator, FAULTY_RESIDENCES, serve } from './command-api.ts';
import { EXAMPLE, FLATS, LOST_RESIDENCE, SLOW_RESIDENCE, seed, UNREAD_RESIDENCE } from './seed.ts';
import { listCommands, showCommands } from './show-commands.ts';
import { Store } from './store.ts';

/**
 * Starts both. `environment` overrides the variables of the process, and `browsersOf` adds what browsers get.
 * Rejects like `loadConfig` and `createServer`.
 */
export async function startSubgraph(
  environment: NodeJS.ProcessEnv,
  browsersOf?: (config: Config) => ReturnType<typeof serveBrowsers>,
) {
  const commandApi = await startCommandApi();
  const config = loadConfig({
    HOST: 'localhost',
    DRAIN_DELAY_MS: '0',
    ...process.env,
    NODE_ENV: 'development',
    COMMAND_API_URL: commandApi.url,
    // The emulator is on this machine.
    NODE_USE_ENV_PROXY: '0',
    ...environment,
  });
  const logger = createLogger(
    config.LOG_LEVEL,
    pretty({ sync: true, singleLine: true, ignore: 'hostname,service,version' }),
  );
  const { plugins = [], ...browsers } = browsersOf?.(config) ?? {};
  const server = await createServer({ config, logger, plugins: [showCommands(listCommands), ...plugins], ...browsers });
  return {
    url: server.url,
    commandApiUrl: commandApi.url,
    config,
    logger,
    async stop() {
      await server.stop();
      await commandApi.stop();
    },
  };
}

/** Returns a URL with localhost as its host, as in supergraph/supergraph.yaml. */
export function localize(url: string): string {
  const { port, pathname } = new URL(url);
  return `http://localhost:${port}${pathname === '/' ? '' : pathname}`;
}

export const LIST_EXAMPLE = `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { id state description startTime } }`;

/** The value of the header with the caller's token. */
export const TOKEN = `Bearer ${EXAMPLE.token}`;

/** Returns lines to copy from the terminal: the header, the operation, and both as a shell command. */
export function describeAsking(url: string, operation: string, tokenHeader: string): string {
  const header = `${tokenHeader}: ${TOKEN}`;
  return `  Header                 ${header}
  Operation              ${operation}
  Or in a shell          curl ${url} -H 'Content-Type: application/json' \\
                           -H '${header}' -d '${JSON.stringify({ query: operation })}'`;
}

/** Starts the emulator, which prints each command and its answer. Rejects with Node's own error. */
export function startCommandApi(port = 0) {
  const tokens = new Set([EXAMPLE.token]);
  return serve(createEmulator({ store: new Store(seed()), tokens, onExchange: showExchange }), port);
}

/** Lists the residences of the emulator, for the terminal. */
export const MORE_RESIDENCES = [
  ...FLATS.map(({ id, tickets }) => `${id} (${tickets})`),
  `fail: ${FAULTY_RESIDENCES.join(' ')}`,
  `slow: ${SLOW_RESIDENCE}`,
  `writes with an unknown outcome: ${LOST_RESIDENCE}`,
  `reads fail, and writes succeed: ${UNREAD_RESIDENCE}`,
].join(`\n${' '.repeat(25)}`);

function showExchange(body: string, { status, text }: Partial<Answer> = {}): void {
  const shown = text && text.length > 1000 ? `${text.slice(0, 1000)}…` : text;
  console.log(`command API  > ${body}\ncommand API  < ${status ?? 'no answer'} ${shown ?? ''}`);
}
