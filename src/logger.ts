import { type DestinationStream, type Logger, pino } from 'pino';

/** One JSON line an event, on standard output unless another destination is given. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = { level, base: { service: 'maintenance-subgraph' } };
  return destination ? pino(options, destination) : pino(options);
}
