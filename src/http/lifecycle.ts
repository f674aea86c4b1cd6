import type { Logger } from 'pino';
import { ConfigError } from '../config.ts';

const ECHO_MS = 1000;
const FLUSH_MS = 500;

/** Ends the process with 0 once `stop` is done after SIGTERM or SIGINT; a signal a second later ends it at once, with 1. */
export function stopOnSignal(stop: () => Promise<void>, logger: Logger): void {
  let stoppingSince: number | undefined;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    // Never taken off: without a listener, a signal has its default and kills.
    process.on(signal, async () => {
      const now = performance.now();
      if (stoppingSince !== undefined) {
        // npm forwards a signal that a terminal or supervisor has sent to the whole process group already.
        if (now - stoppingSince < ECHO_MS) return;
        process.exit(1);
      }
      stoppingSince = now;
      logger.info({ signal }, 'stopping');
      await stop();
      logger.info('stopped');
      exit(0, logger);
    });
  }
}

/** Logs what nobody caught, without what it may quote, and ends the process with 1: nobody knows what state it is in. */
export function exitOnCrash(logger: Logger): void {
  process.on('uncaughtException', (err) => {
    logger.fatal({ err }, 'crashed');
    exit(1, logger);
  });
}

/** Ends the process once the log is written, or soon where no one reads it. */
function exit(code: number, logger: Logger): void {
  setTimeout(() => process.exit(code), FLUSH_MS);
  logger.flush(() => process.exit(code));
}

/** What to tell the one who started the process, where it can be said in a sentence; undefined for anything unforeseen. */
export function explainStartFailure(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof ConfigError) return error.message;
  const { code, syscall, port } = error as NodeJS.ErrnoException & { port?: number };
  if (String(code).startsWith('ERR_PARSE_ARGS')) return error.message;
  if (code === 'EADDRINUSE')
    return `Port ${port} is taken by another process. Set PORT or METRICS_PORT, whichever it is, to a free one.`;
  const cannotListen = syscall === 'listen' || syscall === 'getaddrinfo';
  return cannotListen ? `Cannot listen there: ${error.message}. See HOST and PORT.` : undefined;
}
