/**
 * The production process: reads the environment, starts the server, and stops it on a signal.
 */
import { parseArgs } from 'node:util';
import { exitOnCrash, explainStartFailure, firstSignal, shutDown } from './process.ts';

// Process 1 of a container ignores signals until this line. Everything that loads slowly is imported after it.
const signal = firstSignal();
try {
  const { values } = parseArgs({ options: { help: { type: 'boolean' } } });
  const { help, loadConfig } = await import('./config.ts');
  if (values.help) {
    console.log(help());
    process.exit();
  }
  const config = loadConfig();
  const { createLogger } = await import('./telemetry/log.ts');
  const logger = createLogger(config.LOG_LEVEL);
  exitOnCrash(logger);
  for (const warning of config.warnings) logger.warn(warning);
  const { startTracing } = await import('./telemetry/tracing.ts');
  const flushSpans = config.tracing ? await startTracing(config, logger) : undefined;
  const { createServer } = await import('./server.ts');
  const { url, metricsPort, stop } = await createServer({ config, logger });
  const { COMMAND_API_URL: commandApiUrl, TOKEN_HEADER: tokenHeader } = config;
  logger.info({ commandApiUrl, tokenHeader, metricsPort, url }, 'ready');
  void shutDown(signal, () => stop().then(flushSpans), logger);
} catch (error) {
  console.error(explainStartFailure(error) ?? error);
  process.exit(1);
}
