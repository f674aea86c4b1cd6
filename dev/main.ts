/**
 * `npm run dev`: the emulated command API and the subgraph in one process, with Sandbox in the browser.
 */
import pretty from 'pino-pretty';
import { loadConfig } from '../src/config.ts';
import { explainStartFailure, stopOnSignal } from '../src/lifecycle.ts';
import { createLogger } from '../src/logger.ts';
import { createServer } from '../src/server.ts';
import { readExamples, serveBrowsers } from './browser.ts';
import { createCommandApi, serve } from './command-api.ts';
import { EXAMPLE, FLATS, seed } from './seed.ts';
import { Store } from './store.ts';

const PAGE = {
  paths: ['/graphql'],
  document: readExamples(new URL('../examples/', import.meta.url)),
  headers: { authorization: `Bearer ${EXAMPLE.token}` },
};

try {
  const commandApi = await serve(
    createCommandApi({ store: new Store(seed()), tokens: new Set([EXAMPLE.token]), onExchange: showExchange }),
  );
  const config = loadConfig({
    HOST: 'localhost',
    DRAIN_DELAY_MS: '0',
    ...process.env,
    NODE_ENV: 'development',
    COMMAND_API_URL: commandApi.url,
    ROUTER_SECRET: '',
  });
  const logger = createLogger(config.logLevel, pretty({ sync: true, singleLine: true, ignore: 'pid,service' }));
  const server = await createServer({ config, logger, extend: (app) => serveBrowsers(app, PAGE) });
  stopOnSignal(async () => {
    await server.stop();
    await commandApi.stop();
  }, logger);
  const url = `http://localhost:${new URL(server.url).port}/graphql`;
  const operation = `{ maintenances(residenceId: "${EXAMPLE.residenceId}") { id state description startTime } }`;
  console.log(`
  Subgraph and Sandbox   ${url}
  Command API emulator   ${commandApi.url}
  Header                 Authorization: Bearer ${EXAMPLE.token}
  Operation              ${operation}
  Or in a shell          curl ${url} -H 'Content-Type: application/json' \\
                           -H 'Authorization: Bearer ${EXAMPLE.token}' -d '${JSON.stringify({ query: operation })}'
  More residences        ${FLATS.map(({ id, tickets }) => `${id} (${tickets})`).join('\n                         ')}
`);
} catch (error) {
  console.error(explainStartFailure(error) ?? error);
  process.exit(1);
}

/** The emulator's log: the body of each command as it came, and what it was answered. */
function showExchange(body: string, status: number, answer: string): void {
  const shown = answer.length > 1000 ? `${answer.slice(0, 1000)}…` : answer;
  console.log(`command API  > ${body}\ncommand API  < ${status} ${shown}`);
}
