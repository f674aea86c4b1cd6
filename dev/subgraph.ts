/** The subgraph before the emulated command API, as `npm run dev` and `npm run supergraph` start it. */
import pretty from 'pino-pretty';
import { loadConfig } from '../src/config.ts';
import { createServer } from '../src/server.ts';
import { createLogger } from '../src/telemetry/log.ts';
import { type Example, serveBrowsers } from './browser.ts';
import { MORE_RESIDENCES } from './maintenance/emulation.ts';
import { EXAMPLE } from './maintenance/seed.ts';
import { listCommands, showCommands } from './show-commands.ts';

/** Starts it with these variables over those of the process, and with these examples for browsers, if any. */
export async function startSubgraph(environment: NodeJS.ProcessEnv, examples?: readonly Example[]) {
  const config = loadConfig({
    HOST: 'localhost',
    DRAIN_DELAY_MS: '0',
    ...process.env,
    NODE_ENV: 'development',
    // The emulator is on this machine.
    COMMAND_API_PROXY: '',
    ...environment,
  });
  const printed = pretty({ sync: true, singleLine: true, ignore: 'hostname,service,version' });
  const logger = createLogger(config.LOG_LEVEL, printed);
  const page = examples && serveBrowsers(examples, config.TOKEN_HEADER);
  const plugins = [showCommands(listCommands), ...(page?.plugins ?? [])];
  const server = await createServer({ config, logger, ...page, plugins });
  return { ...server, config, logger };
}

/** Returns a URL with localhost as its host, as in supergraph/supergraph.yaml. */
export function localize(url: string): string {
  const { port, pathname } = new URL(url);
  return `http://localhost:${port}${pathname === '/' ? '' : pathname}`;
}

export const LIST_EXAMPLE = `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { id state description startTime } }`;

/** Returns lines to copy from the terminal: the header, the operation, both as a shell command, and residences. */
export function describeAsking(url: string, operation: string, tokenHeader: string): string {
  const header = `${tokenHeader}: Bearer ${EXAMPLE.token}`;
  return `  Header                 ${header}
  Operation              ${operation}
  Or in a shell          curl ${url} -H 'Content-Type: application/json' \\
                           -H '${header}' -d '${JSON.stringify({ query: operation })}'
${MORE_RESIDENCES}`;
}
