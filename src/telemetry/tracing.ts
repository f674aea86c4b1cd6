/**
 * The SDK of OpenTelemetry, which exports spans. Without it, the spans of spans.ts do nothing.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { DiagLogLevel, diag } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { VERSION } from '../constants.ts';

const FLUSH_MS = 2000;

/**
 * Loads the SDK, which exports spans as the `OTEL_*` variables configure. Returns a function that sends the remaining
 * spans. It resolves after two seconds at most, so that an unresponsive collector does not delay shutdown.
 */
export async function startTracing(
  { OTEL_SERVICE_NAME, collectorUrl }: Pick<Config, 'OTEL_SERVICE_NAME' | 'collectorUrl'>,
  logger: Logger,
) {
  const { startNodeSdk } = await import('@opentelemetry/sdk-node');
  const sdk = startNodeSdk({
    resourceAttributes: { 'service.name': OTEL_SERVICE_NAME, 'service.version': VERSION },
    // Prometheus scrapes metrics, and logs go to standard output.
    metricReaders: [],
    logRecordProcessors: [],
  });
  // User, path and query may hold a secret. An endpoint of gRPC needs no scheme.
  const collector = URL.parse(collectorUrl.replace(/^(?!\w+:\/\/)/, 'grpc://'))?.host;
  const warn = (reason?: string) => logger.warn({ collector, reason }, 'spans could not be exported');
  // An error in JSON. An error that quotes the collector's response has a code.
  const fail = (text: string) => warn((/"code":"(\w+)"/.exec(text) ?? /"message":"([^"\\]+)"/.exec(text))?.[1]);
  const quiet = { error: fail, warn: fail, info: fail, debug: fail, verbose: fail };
  diag.setLogger(quiet, { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
  const timeOut = async () => {
    // The export itself keeps the process alive.
    await delay(FLUSH_MS, undefined, { ref: false });
    throw new Error(`no success within ${FLUSH_MS} ms`);
  };
  return () => Promise.race([sdk.shutdown(), timeOut()]).catch(({ code, message }) => warn(String(code ?? message)));
}
