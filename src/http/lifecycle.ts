import type { Logger } from 'pino';
import { ConfigError } from '../config.ts';

const FLUSH_MS = 500;

/** Stops the server at a signal, and exits with 0. */
export async function shutDown(signal: NodeJS.Signals, stop: () => Promise<void>, logger: Logger): Promise<void> {
  logger.info({ signal }, 'stopping');
  await stop();
  logger.info('stopped');
  exit(0, logger);
}

/** Logs an uncaught error without its message and exits with 1. The state of the process is unknown after it. */
export function exitOnCrash(logger: Logger): void {
  process.on('uncaughtException', (err) => {
    logger.fatal({ err }, 'crashed');
    exit(1, logger);
  });
}

/** Exits when the log is written, or after 500 ms if no one reads it. */
function exit(code: number, logger: Logger): void {
  setTimeout(() => process.exit(code), FLUSH_MS);
  logger.flush(() => process.exit(code));
}

/** An error of Node. `variable` names the port that could not be used. */
type ListenError = NodeJS.ErrnoException & { port?: number; variable?: string };

/** Returns a sentence for an expected failure to start, or undefined for an unforeseen error. */
export function explainStartFailure(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof ConfigError) return error.message;
  const { code, syscall, port, variable = 'PORT' } = error as ListenError;
  if (String(code).startsWith('ERR_PARSE_ARGS')) return error.message;
  if (code === 'EADDRINUSE') return `Port ${port} is in use. Set ${variable} to a free port.`;
  const cannotListen = syscall === 'listen' || syscall === 'getaddrinfo';
  return cannotListen ? `Cannot listen: ${error.message}. Check HOST and PORT.` : undefined;
}
