import { hostname } from 'node:os';
import { type DestinationStream, type LogFn, type Logger, pino } from 'pino';
import { SERVICE, VERSION } from './version.ts';

/**
 * All that a line may hold beside its level, time and message; docs/observability.md says what each means. Whatever else is
 * logged is dropped: nobody has to think of what a new member may quote.
 */
export const FIELDS: ReadonlySet<string> = new Set(
  `requestId traceId operationName operationType clientName clientVersion durationMs codes errorIds commands
  errorId err url metricsPort signal`.split(/\s+/),
);

/** One JSON line an event, on standard output unless another destination is given. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: { service: SERVICE, version: VERSION, hostname: hostname() },
    formatters: { log: keepFields },
    // Without a message pino takes the error's own, which may quote anything.
    hooks: { logMethod: addMessage },
    serializers: { err: describeError },
  };
  return destination ? pino(options, destination) : pino(options);
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
