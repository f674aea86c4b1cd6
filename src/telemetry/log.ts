import { hostname } from 'node:os';
import { type DestinationStream, type LogFn, type Logger, pino } from 'pino';
import { SERVICE, VERSION } from '../version.ts';

/**
 * All that a line may hold beside its level, time and message; docs/observability.md says what each means. Whatever else is
 * logged is dropped: nobody has to think of what a new member may quote.
 */
export const FIELDS: ReadonlySet<string> = new Set(
  `requestId traceId operationName operationType clientName clientVersion durationMs codes errorIds commands
  commandsLeftOut errorId err count url metricsPort commandApiUrl signal`.split(/\s+/),
);

// Bytes that wait for a reader of the log. Further lines are dropped.
const MAX_UNREAD = 1_048_576;

/** One JSON line an event, on standard output unless another destination is given. */
export function createLogger(level: string, destination: DestinationStream = standardOutput()): Logger {
  const options = {
    level,
    base: { service: SERVICE, version: VERSION, hostname: hostname() },
    formatters: { log: keepFields },
    // Without a message pino takes the error's own, which may quote anything.
    hooks: { logMethod: addMessage },
    serializers: { err: describeError },
  };
  return pino(options, destination);
}

/** Standard output. pino's own destination blocks the process or ends it where no one reads, or where the disk is full. */
function standardOutput(): DestinationStream & { flush(done: () => void): void } {
  const { stdout } = process;
  // The stream goes on after an error: a disk has room again, a reader comes back.
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
  return Object.fromEntries(Object.entries(line).filter(([name]) => FIELDS.has(name)));
}

/** Where an error came from. Not its message nor any other member: they may quote a token or what a resident wrote. */
function describeError(error: unknown) {
  if (!Error.isError(error)) return { type: typeof error };
  const { name, message, stack = '' } = error;
  const start = stack.indexOf(message);
  const frames = start < 0 ? '' : stack.slice(start + message.length);
  return { type: name, code: (error as NodeJS.ErrnoException).code, stack: frames.trim() };
}
