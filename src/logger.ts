import { type DestinationStream, type Logger, pino } from 'pino';

/** One JSON line an event, on standard output unless another destination is given. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = { level, base: { service: 'maintenance-subgraph' }, serializers: { err: describeError } };
  return destination ? pino(options, destination) : pino(options);
}

/** Where an error came from. Not its message nor any other member: they may quote a token or what a resident wrote. */
function describeError(error: unknown) {
  if (!Error.isError(error)) return { type: typeof error };
  const { name, message, stack = '' } = error;
  const start = stack.indexOf(message);
  const frames = start < 0 ? '' : stack.slice(start + message.length);
  return { type: name, code: (error as NodeJS.ErrnoException).code, stack: frames.trim() };
}
