/**
 * The log: JSON lines without messages of errors and unknown fields, which could quote anything.
 */
import { hostname } from 'node:os';
import { type DestinationStream, type LogFn, type Logger, pino } from 'pino';
import { SERVICE, VERSION } from '../constants.ts';

/**
 * The fields of a log line in addition to level, time, message and those of the process; docs/observability.md
 * explains them. Other fields are dropped, so that a new field cannot leak data.
 */
const LOG_FIELDS: ReadonlySet<string> = new Set(
  `requestId traceId operationName operationType clientName clientVersion durationMs codes errorIds commands
  commandsLeftOut errorId err count url metricsPort commandApiUrl tokenHeader signal collector reason`.split(/\s+/),
);

// Bytes waiting for a reader of standard output. Further lines are dropped.
const MAX_UNREAD = 1_048_576;

/** Returns a logger that writes one JSON line per event, by default to standard output. */
export function createLogger(level: string, destination: DestinationStream = standardOutput()): Logger {
  const options = {
    level,
    base: { service: SERVICE, version: VERSION, hostname: hostname() },
    formatters: { log: keepFields },
    // Without a message, pino would log the message of the error, which may quote anything.
    hooks: { logMethod: addMessage },
    serializers: { err: describeError },
  };
  return pino(options, destination);
}

/**
 * Returns standard output as a destination. pino's own destination blocks or crashes if no one reads it or the disk is
 * full.
 */
function standardOutput(): DestinationStream & { flush(done: () => void): void } {
  const { stdout } = process;
  // The stream recovers after an error, when the disk has room or a reader returns.
  stdout.on('error', () => {});
  return {
    write: (line) => stdout.writableLength < MAX_UNREAD && stdout.write(line),
    flush: (done) => stdout.write('', done),
  };
}

function addMessage(this: Logger, args: unknown[], log: LogFn): void {
  const isBare = args.length === 1 && typeof args[0] === 'object';
  log.apply(this, (isBare ? [args[0], 'unexpected'] : args) as Parameters<LogFn>);
}

function keepFields(line: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(line).filter(([name]) => LOG_FIELDS.has(name)));
}

/** Returns type, code and stack of an error. Its message and other fields may quote a token or personal data. */
function describeError(error: unknown) {
  if (!Error.isError(error)) return { type: typeof error };
  const { name, message, stack = '' } = error;
  const start = stack.indexOf(message);
  const frames = start < 0 ? '' : stack.slice(start + message.length);
  return { type: name, code: (error as NodeJS.ErrnoException).code, stack: frames.trim() };
}
