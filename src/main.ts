/**
 * The production server: reads the environment, starts, and stops on a signal.
 */
import { loadConfig } from './config.ts';
import { exitOnCrash, explainStartFailure, stopOnSignal } from './lifecycle.ts';
import { createLogger } from './logger.ts';
import { createServer } from './server.ts';

try {
  const config = loadConfig();
  const logger = createLogger(config.LOG_LEVEL);
  exitOnCrash(logger);
  const server = await createServer({ config, logger });
  stopOnSignal(() => server.stop(), logger);
  logger.info({ url: server.url }, 'ready');
} catch (error) {
  console.error(explainStartFailure(error) ?? error);
  process.exit(1);
}
