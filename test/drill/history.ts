/**
 * The history before the drill, for long windows: the records of deploy/slo.yaml of the last day and of the same time a week ago.
 */
import { type Samples, scrape } from '../support/scrape.ts';
import { FACTOR, JOB, SCRAPE_MS } from './prometheus.ts';

/** Seconds between two samples: less than the lookback delta. */
const STEP = 5;
/** The maximum duration of the drill in seconds. */
const DRILL = 300;
const HOUR = 3600 / FACTOR;
const [DAY, WEEK] = [24 * HOUR, 168 * HOUR];

/** Returns the records of each namespace in OpenMetrics, as if its traffic always was that of the server at `origin`. */
export async function describeHistory(origin: string, namespaces: readonly string[]): Promise<string> {
  const samples = await scrape(origin);
  const now = Date.now() / 1000;
  const minutes = ((now - Number(samples.get('process_start_time_seconds'))) / 60) * FACTOR;
  const counts = [...countEvents(samples)];
  const lines = namespaces.flatMap((namespace) =>
    counts.flatMap(([record, count]) => {
      const name = record.replace('{', `{job="${JOB}",namespace="${namespace}",`);
      // The record's name has its minutes.
      const value = ((count / minutes) * Number(/increase(\d+)m/.exec(record)?.[1])).toFixed(3);
      const write = (from: number, to: number, step: number) => {
        const times = Array.from({ length: (to - from) / step }, (_, at) => now + from + at * step);
        return times.map((time) => `${name} ${value} ${time.toFixed(3)}`);
      };
      // Windows of an hour add up every sample.
      const lastHour = write(-HOUR, 0, SCRAPE_MS / 1000);
      return [...write(-WEEK - HOUR, -WEEK + DRILL, STEP), ...write(-DAY - HOUR, -HOUR, STEP), ...lastHour];
    }),
  );
  return `${lines.join('\n')}\n# EOF\n`;
}

/** Returns the total count of each record on a server. */
function countEvents(samples: Samples): Map<string, number> {
  const counts = new Map<string, number>();
  const add = (record: string, value: number) => counts.set(record, (counts.get(record) ?? 0) + value);
  const addAll = (labels: string, value: number) => {
    for (const minutes of [1, 5]) add(`slo:all:increase${minutes}m{${labels}}`, value);
  };
  for (const [name, value] of samples) {
    const [, type] = /^maintenance_operations_total\{.*type="(query|mutation)"/.exec(name) ?? [];
    const [, command, outcome] = /^maintenance_commands_total\{command="(\w+)",outcome="(\w+)"/.exec(name) ?? [];
    if (type) addAll(`slo="operations",graphql_operation_type="${type}"`, value);
    if (command) {
      addAll(`slo="commands",command="${command}"`, value);
      add(`command:all:increase10m{command="${command}"}`, value);
      add(`command:rejected:increase10m{command="${command}"}`, outcome === 'COMMAND_REJECTED' ? value : 0);
    }
    if (/^http_server_request_duration_seconds_count\{.*"\/graphql"/.test(name))
      for (const slo of ['requests', 'latency', 'router']) addAll(`slo="${slo}"`, value);
  }
  return counts;
}
