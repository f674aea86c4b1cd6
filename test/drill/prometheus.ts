/**
 * A real Prometheus and a real Alertmanager with the files of deploy/. Every duration in these files is divided by one factor.
 */
import { spawnSync } from 'node:child_process';
import { openSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { freePort } from '../../dev/command-api.ts';
import { readDocument as read } from '../support/documents.ts';
import { start } from '../support/process.ts';
import { until } from '../support/wait.ts';

/** A minute of production is five seconds of the drill. Counts stay unchanged. At 20, two cores are sometimes too slow. */
export const FACTOR = 12;
const RULE_FILES = ['slo.yaml', 'alerts.yaml'];
const { PROMETHEUS = 'prometheus', ALERTMANAGER = 'prometheus-alertmanager', PROMTOOL = 'promtool' } = process.env;

const [{ job_name, scrape_interval }] = parse(read('deploy/prometheus.yaml')).scrape_configs;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60e3, h: 3600e3, d: 86_400e3 };

/** Returns the milliseconds of a duration like `1h30m`. */
export function toMs(duration: string): number {
  const parts = [...duration.matchAll(/(\d+)([a-z]+)/g)].map(([, n, unit = '']) => Number(n) * (UNITS[unit] ?? NaN));
  return parts.reduce((sum, part) => sum + part, 0);
}

/** Divides every duration in a text by the factor, except in names like `ratio_rate5m`. */
export function scale(text: string): string {
  const durations = /(?<![\w.])(?:\d+(?:ms|[smhd]))+\b/g;
  return text.replaceAll(durations, (duration) => `${Math.round(toMs(duration) / FACTOR)}ms`);
}

/** The interval of the scrapes and of the evaluations of the rules. */
export const SCRAPE_MS = toMs(scale(scrape_interval));

/** The events of a minute at the traffic of a site, by the labels of their records in deploy/slo.yaml. */
const EVENTS = Object.entries({
  ...{ 'slo="requests"': 30, 'slo="latency"': 30, 'slo="router"': 30 },
  'slo="operations",graphql_operation_type="query"': 27,
  'slo="operations",graphql_operation_type="mutation"': 3,
  'slo="commands",command="get_maintenance_list"': 15,
  'slo="commands",command="get_maintenance_info"': 15,
  'slo="commands",command="create_maintenance_info"': 1.5,
  'slo="commands",command="batch_delete_maintenance_info"': 1.5,
});
const RECORDS = [
  ...EVENTS.map(([labels, count]) => [`slo:all:increase1m{${labels}`, count] as const),
  ...EVENTS.map(([labels, count]) => [`slo:all:increase5m{${labels}`, 5 * count] as const),
  ['command:all:increase10m{command="get_maintenance_list"', 150],
  ['command:all:increase10m{command="get_maintenance_info"', 150],
  ['command:rejected:increase10m{command="get_maintenance_list"', 0],
  ['command:rejected:increase10m{command="get_maintenance_info"', 30],
] as const;
const range = (from: number, to: number, step: number) =>
  Array.from({ length: (to - from) / step }, (_, at) => from + at * step);

/** Writes the last day of these namespaces to Prometheus' data folder, for long windows. */
export function writeHistory(namespaces: readonly string[], folder: string): void {
  const [now, hour] = [Date.now() / 1000, 3600 / FACTOR];
  // More often than the lookback delta. Windows of an hour add up every sample.
  const times = [...range(-25 * hour, -hour, 5), ...range(-hour, 0, SCRAPE_MS / 1000)];
  const lines = namespaces.flatMap((namespace) =>
    RECORDS.flatMap(([record, value]) => {
      const series = `${record},job="${job_name}",namespace="${namespace}"}`;
      return times.map((time) => `${series} ${value} ${(now + time).toFixed(3)}`);
    }),
  );
  writeFileSync(`${folder}/history.txt`, `${lines.join('\n')}\n# EOF\n`);
  const args = ['tsdb', 'create-blocks-from', 'openmetrics', `${folder}/history.txt`, `${folder}/data`];
  const { status, stderr } = spawnSync(PROMTOOL, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`promtool: ${stderr}`);
}

/** `values` have seconds since 1970, and the value as text. */
export type Line = { metric: Record<string, string>; values: [number, string][] };

/** Starts both in `folder`. `mainUrl` answers with the list of servers, and receives all notifications of Alertmanager. */
export async function startPrometheus(folder: string, mainUrl: string) {
  const write = (name: string, text: string) => writeFileSync(`${folder}/${name}`, text);
  /** Starts a program with its configuration, and waits until it is ready. */
  const run = (program: string, name: string, address: string, configuration: object, ...options: string[]) => {
    write(`${name}.yaml`, scale(stringify(configuration)));
    const log = openSync(`${folder}/${name}.log`, 'w');
    const args = [`--config.file=${folder}/${name}.yaml`, `--web.listen-address=${address}`, ...options];
    start(program, args, process.env, { stdio: ['ignore', log, log] });
    const isReady = async () => (await fetch(`http://${address}/-/ready`)).ok;
    return until(() => isReady().catch(() => false));
  };
  const [address, alertmanagerAddress] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const alertmanager = parse(read('deploy/alertmanager.yaml'));
  for (const receiver of alertmanager.receivers) receiver.webhook_configs = [{ url: mainUrl }];
  for (const file of RULE_FILES) write(file, scale(read(`deploy/${file}`)));
  const http_sd_configs = [{ url: mainUrl, refresh_interval: '12s' }];
  const prometheus = {
    global: { scrape_interval, evaluation_interval: scrape_interval },
    rule_files: RULE_FILES,
    alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanagerAddress] }] }] },
    scrape_configs: [
      { job_name, scrape_timeout: scrape_interval, http_sd_configs },
      { job_name: 'prometheus', static_configs: [{ targets: [address] }] },
    ],
  };
  const storage = [`--storage.path=${folder}/alertmanager`, '--cluster.listen-address='];
  const tsdb = [`--storage.tsdb.path=${folder}/data`, `--query.lookback-delta=${scale('5m')}`];
  await Promise.all([
    run(ALERTMANAGER, 'alertmanager', alertmanagerAddress, alertmanager, ...storage),
    run(PROMETHEUS, 'prometheus', address, prometheus, ...tsdb, `--rules.alert.resend-delay=${scale('1m')}`),
  ]);

  async function ask(path: string, parameters: Readonly<Record<string, string>>): Promise<Line[]> {
    const url = `http://${address}/api/v1/${path}?${new URLSearchParams(parameters)}`;
    const { data, error } = (await (await fetch(url)).json()) as { data?: { result: Line[] }; error?: string };
    if (!data) throw new Error(`${parameters.query}: ${error}`);
    return data.result;
  }

  return {
    /** Returns the samples of the last ten minutes. */
    samples: (selector: string) => ask('query', { query: `${selector}[10m]` }),
    /** Evaluates an expression each second from `from` to `to`, in milliseconds since 1970. */
    over: (query: string, { from, to }: { from: number; to: number }) =>
      ask('query_range', { query, start: String(from / 1000), end: String(to / 1000), step: '1' }),
  };
}

export type Prometheus = Awaited<ReturnType<typeof startPrometheus>>;
