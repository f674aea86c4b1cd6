/** The emulated command API and the subgraph before it, as `npm run dev` and `npm run supergraph` start them. */
import { text as readText } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import pretty from 'pino-pretty';
import { loadConfig } from '../src/config.ts';
import { createServer } from '../src/server.ts';
import { createLogger } from '../src/telemetry/log.ts';
import { type Example, serveBrowsers } from './browser.ts';
import { answerCommand, serve } from './command-api.ts';
import { FAULTY_RESIDENCES, runIn } from './maintenance/emulation.ts';
import { EXAMPLE, FLATS, seed } from './maintenance/seed.ts';
import { Store } from './maintenance/store.ts';
import { listCommands, showCommands } from './show-commands.ts';

/** Starts both, with these variables over those of the process, and with these examples for browsers, if any. */
export async function startSubgraph(environment: NodeJS.ProcessEnv, examples?: readonly Example[]) {
  const commandApi = await startCommandApi();
  const config = loadConfig({
    HOST: 'localhost',
    DRAIN_DELAY_MS: '0',
    ...process.env,
    NODE_ENV: 'development',
    COMMAND_API_URL: commandApi.url,
    // The emulator is on this machine.
    COMMAND_API_PROXY: '',
    ...environment,
  });
  const printed = pretty({ sync: true, singleLine: true, ignore: 'hostname,service,version' });
  const logger = createLogger(config.LOG_LEVEL, printed);
  const page = examples && serveBrowsers(examples, config.TOKEN_HEADER);
  const plugins = [showCommands(listCommands), ...(page?.plugins ?? [])];
  const server = await createServer({ config, logger, ...page, plugins });
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

/** Starts the emulator, which prints each command and its answer. Rejects with Node's own error. */
export function startCommandApi(port = 0) {
  const run = runIn(new Store(seed()));
  const tokens = new Set([EXAMPLE.token]);
  return serve(async (request, response) => {
    const body = await readText(request).catch(() => undefined);
    // The caller disconnected before the end of its request.
    if (body === undefined) return;
    const answer = answerCommand(request, body, tokens, run);
    await delay(answer?.delayMs);
    const shown = answer ? `${answer.status} ${answer.text.slice(0, 1000)}` : 'no answer';
    console.log(`command API  > ${body}\ncommand API  < ${shown}`);
    if (answer) response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.text);
  }, port);
}

/** Lists the residences of the emulator, for the terminal. */
const RESIDENCES = [
  ...FLATS.map(({ id, tickets }) => `${id} (${tickets})`),
  `fail, as docs/apps.md says: ${FAULTY_RESIDENCES.join(' ')}`,
].join(`\n${' '.repeat(25)}`);
export const MORE_RESIDENCES = `  More residences        ${RESIDENCES}\n`;

/** Returns lines to copy from the terminal: the header, the operation, both as a shell command, and residences. */
export function describeAsking(url: string, operation: string, tokenHeader: string): string {
  const header = `${tokenHeader}: Bearer ${EXAMPLE.token}`;
  return `  Header                 ${header}
  Operation              ${operation}
  Or in a shell          curl ${url} -H 'Content-Type: application/json' \\
                           -H '${header}' -d '${JSON.stringify({ query: operation })}'
${MORE_RESIDENCES}`;
}
