/**
 * `npm run dev`: the emulated command API and the subgraph in one process, with Sandbox in the browser.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { ApolloServerPluginLandingPageLocalDefault } from '@apollo/server/plugin/landingPage/default';
import pretty from 'pino-pretty';
import { loadConfig } from '../src/config.ts';
import { explainStartFailure, stopOnSignal } from '../src/lifecycle.ts';
import { createLogger } from '../src/logger.ts';
import { createServer } from '../src/server.ts';
import { createCommandApi, serve } from './command-api.ts';
import { EXAMPLE, FLATS, seed } from './seed.ts';
import { Store } from './store.ts';

const EXAMPLES = new URL('../examples/', import.meta.url);

try {
  const commandApi = await serve(
    createCommandApi({ store: new Store(seed()), tokens: new Set([EXAMPLE.token]), onExchange: showExchange }),
    Number(process.env.EMULATOR_PORT ?? 4010),
  );
  const config = loadConfig({
    HOST: 'localhost',
    ...process.env,
    NODE_ENV: 'development',
    COMMAND_API_URL: commandApi.url,
  });
  const logger = createLogger(config.logLevel, pretty({ sync: true, ignore: 'pid,service' }));
  const server = await createServer({ config, logger, landingPage: sandbox() });
  stopOnSignal(async () => {
    await server.stop();
    await commandApi.stop();
  }, logger);
  console.log(`
  Subgraph and Sandbox   http://localhost:${new URL(server.url).port}/graphql
  Command API emulator   ${commandApi.url}
  Header                 Authorization: Bearer ${EXAMPLE.token}
  Operation              { maintenances(residenceId: "${EXAMPLE.residenceId}") { id state description startTime } }
  More residences        ${FLATS.map(({ id, tickets }) => `${id} (${tickets})`).join('\n                         ')}
`);
} catch (error) {
  console.error(explainStartFailure(error) ?? error);
  process.exit(1);
}

/** Apollo Sandbox with the example operations and the working token filled in. */
function sandbox() {
  const documents = readdirSync(EXAMPLES)
    .sort()
    .map((name) => readFileSync(new URL(name, EXAMPLES), 'utf8'));
  return ApolloServerPluginLandingPageLocalDefault({
    document: documents.join('\n'),
    headers: { authorization: `Bearer ${EXAMPLE.token}` },
    embed: { runTelemetry: false },
  });
}

/** The emulator's log: the body of each command as it came, and what it was answered. */
function showExchange(body: string, status: number, answer: string): void {
  const shown = answer.length > 300 ? `${answer.slice(0, 300)}…` : answer;
  console.log(`command API  > ${body}\ncommand API  < ${status} ${shown}`);
}
