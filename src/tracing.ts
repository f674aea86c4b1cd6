/**
 * The SDK of OpenTelemetry. Without it, OpenTelemetry's tracer makes spans that do nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { DiagLogLevel, diag } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { VERSION } from './version.ts';

const FLUSH_MS = 2000;

/**
 * Loads the SDK, which exports spans as the `OTEL_*` variables configure. Returns a function that sends the remaining
 * spans. It resolves after two seconds at most, so that an unresponsive collector does not delay shutdown.
 */
export async function startTracing(serviceName: string, logger: Logger): Promise<() => Promise<unknown>> {
  const { startNodeSdk } = await import('@opentelemetry/sdk-node');
  const sdk = startNodeSdk({
    resourceAttributes: { 'service.name': serviceName, 'service.version': VERSION },
    // Prometheus scrapes metrics, and logs go to standard output.
    metricReaders: [],
    logRecordProcessors: [],
  });
  // The SDK's own message may quote the collector's response.
  const fail = () => logger.warn('spans could not be exported');
  const quiet = { error: fail, warn: fail, info: fail, debug: fail, verbose: fail };
  diag.setLogger(quiet, { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
  // The export itself keeps the process alive.
  return () => Promise.race([sdk.shutdown().catch(fail), delay(FLUSH_MS, undefined, { ref: false })]);
}
