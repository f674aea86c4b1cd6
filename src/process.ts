/**
 * How a program starts and ends: signals, crashes and failures to start. Imports nothing that loads slowly.
 */
import type { Logger } from 'pino';

const ECHO_MS = 1000;
const FLUSH_MS = 500;

/** The signals that stop a program. By default, each of them would end it at once, with its writes under way. */
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

/** Resolves at the first signal. A second one, at least a second later, exits at once with 1. */
export function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let receivedAt: number | undefined;
    const receive = (signal: NodeJS.Signals) => {
      const now = performance.now();
      // npm forwards a signal that the whole process group has already received.
      if (receivedAt !== undefined && now - receivedAt >= ECHO_MS) process.exit(1);
      receivedAt ??= now;
      resolve(signal);
    };
    for (const signal of SIGNALS) process.on(signal, receive);
  });
}

/** Stops the server at a signal, and exits with 0. */
export async function shutDown(signal: Promise<NodeJS.Signals>, stop: () => Promise<unknown>, logger: Logger) {
  logger.info({ signal: await signal }, 'stopping');
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
  setTimeout(process.exit, FLUSH_MS, code);
  logger.flush(() => process.exit(code));
}

/** An error of Node. `variable` is the variable of the port that could not be used. */
type StartError = NodeJS.ErrnoException & { port?: number; variable?: string };

/** Returns a sentence for an expected failure to start, or undefined for an unforeseen error. */
export function explainStartFailure(error: unknown): string | undefined {
  const { code = '', message, port, syscall = '', variable = 'PORT' } = error as StartError;
  if (/^ERR_(CONFIG|PARSE_ARGS)/.test(code)) return message;
  if (code === 'EADDRINUSE') return `Port ${port} is in use. Set ${variable} to a free port.`;
  const cannotListen = /^(listen|getaddrinfo)$/.test(syscall);
  return cannotListen ? `Cannot listen: ${message}. Check HOST and ${variable}.` : undefined;
}
