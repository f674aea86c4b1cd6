/**
 * Reads the environment, starts the server and stops it on a signal.
 */
import { parseArgs } from 'node:util';
import { help, loadConfig } from './config.ts';
import { exitOnCrash, explainStartFailure, shutDown } from './http/lifecycle.ts';
import { createServer } from './server.ts';
import { stopSignal } from './signals.ts';
import { createLogger } from './telemetry/log.ts';
import { startTracing } from './tracing.ts';

try {
  if (parseArgs({ options: { help: { type: 'boolean' } } }).values.help) {
    console.log(help());
    process.exit();
  }
  const config = loadConfig();
  const logger = createLogger(config.LOG_LEVEL);
  exitOnCrash(logger);
  for (const warning of config.warnings) logger.warn(warning);
  const flushSpans = config.tracing ? await startTracing(config.OTEL_SERVICE_NAME, logger) : undefined;
  const server = await createServer({ config, logger });
  const { url, metricsPort } = server;
  const { COMMAND_API_URL: commandApiUrl, TOKEN_HEADER: tokenHeader } = config;
  logger.info({ commandApiUrl, tokenHeader, metricsPort, url }, 'ready');
  const stop = async () => {
    await server.stop();
    await flushSpans?.();
  };
  void stopSignal.then((signal) => shutDown(signal, stop, logger));
} catch (error) {
  console.error(explainStartFailure(error) ?? error);
  process.exit(1);
}
