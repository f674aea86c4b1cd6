/**
 * The observer: hears what happens to requests, operations and commands, and tells metrics, spans and the log.
 *
 * Each of them is told by itself. What throws in one is logged once, because each request may meet it, and changes nothing
 * else: a write that succeeded must not fail because it could not be counted.
 */
import type { Attributes } from '@opentelemetry/api';
import type { Logger } from 'pino';
import type { CommandObserver } from '../command-api/command.ts';
import type { Metrics } from './metrics.ts';
import { type Answered, createReport } from './operation-report.ts';
import { createCommandSpans } from './spans.ts';

export interface Observer extends CommandObserver {
  /** A response is closed. `status` is empty if none was sent, `route` undefined if none matched. */
  requestEnded: Metrics['requestEnded'];
  /** The response of an operation is made. */
  answered(context: Answered): void;
}

/** Creates the observer of one server. `endpoint` has attributes of the command API. */
export function createObserver(logger: Logger, metrics: Metrics, endpoint: Attributes): Observer {
  const spans = createCommandSpans(endpoint);
  const report = createReport(logger, metrics);
  const [tellMetrics, tellSpans, tellReport] = [createTell(logger), createTell(logger), createTell(logger)];

  return {
    requestEnded: (...ended) => tellMetrics(() => metrics.requestEnded(...ended)),
    answered: (context) => tellReport(() => report(context)),
    began: (record) => tellSpans(() => spans.began(record)),
    attempted(record, attempt) {
      tellMetrics(() => metrics.attempted(record, attempt));
      tellSpans(() => spans.attempted(record, attempt));
    },
    exchangeEnded: (record, exchange) => tellMetrics(() => metrics.exchangeEnded(record, exchange)),
    ended(record) {
      tellMetrics(() => metrics.ended(record));
      tellSpans(() => spans.ended(record));
    },
  };
}

/** Returns a function that runs the code of one listener, and logs the first error. */
function createTell(logger: Logger) {
  let hasFailed = false;
  return <T>(listen: () => T): T | undefined => {
    try {
      return listen();
    } catch (err) {
      if (!hasFailed) logger.error({ err }, 'telemetry failed');
      hasFailed = true;
      return undefined;
    }
  };
}
