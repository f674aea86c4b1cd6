/**
 * A real Prometheus and a real Alertmanager with the files of deploy/. Every duration in these files is divided by one factor.
 */
import { spawnSync } from 'node:child_process';
import { openSync, renameSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { freePort } from '../../dev/command-api.ts';
import { readDocument as read } from '../support/documents.ts';
import { start } from '../support/process.ts';
import { type Samples, scrape } from '../support/scrape.ts';
import { until } from '../support/wait.ts';

/** A minute of production is five seconds of the drill. Counts stay unchanged. At 20, two cores are sometimes too slow. */
export const FACTOR = 12;
const RULE_FILES = ['slo.yaml', 'alerts.yaml'];
const { PROMETHEUS = 'prometheus', ALERTMANAGER = 'prometheus-alertmanager', PROMTOOL = 'promtool' } = process.env;

const [{ job_name, scrape_interval }] = parse(read('deploy/prometheus.yaml')).scrape_configs;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60e3, h: 3600e3, d: 86_400e3, w: 604_800e3 };

/** Returns the milliseconds of a duration like `1h30m`. */
export function toMs(duration: string): number {
  const parts = [...duration.matchAll(/(\d+)([a-z]+)/g)].map(([, n, unit = '']) => Number(n) * (UNITS[unit] ?? NaN));
  return parts.reduce((sum, part) => sum + part, 0);
}

/** Divides every duration in a text by the factor, except in names like `ratio_rate5m`. */
export function scale(text: string): string {
  const durations = /(?<![\w.])(?:\d+(?:ms|[smhdw]))+\b/g;
  return text.replaceAll(durations, (duration) => `${Math.round(toMs(duration) / FACTOR)}ms`);
}

/** The interval of the scrapes and of the evaluations of the rules. */
export const SCRAPE_MS = toMs(scale(scrape_interval));

/** Returns the programs that are not installed. */
export function missingPrograms(): string[] {
  return [PROMETHEUS, ALERTMANAGER, PROMTOOL].filter((program) => spawnSync(program, ['--version']).error);
}

export type Target = { targets: string[]; labels: { namespace: string } };
/** `values` have seconds since 1970, and the value as text. */
export type Line = { metric: Record<string, string>; values: [number, string][] };

/** Seconds between two samples: less than the lookback delta. */
const STEP = 5;
/** The maximum duration of the drill in seconds. */
const DRILL = 300;
const HOUR = 3600 / FACTOR;
const [DAY, WEEK] = [24 * HOUR, 168 * HOUR];
const range = (from: number, to: number, step: number) =>
  Array.from({ length: (to - from) / step }, (_, at) => from + at * step);

/**
 * Writes a history to Prometheus' data folder, for long windows: the records of deploy/slo.yaml of the last day and of the same
 * time a week ago. In the history, each namespace always had the traffic of the server at `origin`.
 */
export async function writeHistory(origin: string, namespaces: readonly string[], folder: string): Promise<void> {
  const samples = await scrape(origin);
  const now = Date.now() / 1000;
  const minutes = ((now - Number(samples.get('process_start_time_seconds'))) / 60) * FACTOR;
  const times = [
    ...range(-WEEK - HOUR, -WEEK + DRILL, STEP),
    ...range(-DAY - HOUR, -HOUR, STEP),
    // Windows of an hour add up every sample.
    ...range(-HOUR, 0, SCRAPE_MS / 1000),
  ];
  const counts = [...countEvents(samples)];
  const lines = namespaces.flatMap((namespace) =>
    counts.flatMap(([record, count]) => {
      const name = record.replace('{', `{job="${job_name}",namespace="${namespace}",`);
      // The record's name has its minutes.
      const value = ((count / minutes) * Number(/increase(\d+)m/.exec(record)?.[1])).toFixed(3);
      return times.map((time) => `${name} ${value} ${(now + time).toFixed(3)}`);
    }),
  );
  writeFileSync(`${folder}/history.txt`, `${lines.join('\n')}\n# EOF\n`);
  const args = ['tsdb', 'create-blocks-from', 'openmetrics', `${folder}/history.txt`, `${folder}/data`];
  const { status, stderr } = spawnSync(PROMTOOL, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`promtool: ${stderr}`);
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

/** Starts both in `folder`. All receivers of Alertmanager send to `receiverUrl`. */
export async function startPrometheus(folder: string, receiverUrl: string, targets: readonly Target[]) {
  const write = (name: string, text: string) => writeFileSync(`${folder}/${name}`, text);
  /** Starts a program with its configuration, and waits until it is ready. */
  const run = (program: string, name: string, address: string, configuration: object, ...options: string[]) => {
    write(`${name}.yaml`, scale(stringify(configuration)));
    const log = openSync(`${folder}/${name}.log`, 'w');
    const args = [`--config.file=${folder}/${name}.yaml`, `--web.listen-address=${address}`, ...options];
    start(program, args, process.env, ['ignore', log, log]);
    const isReady = () => fetch(`http://${address}/-/ready`).then(({ ok }) => ok);
    return until(() => isReady().catch(() => false));
  };
  const [address, alertmanagerAddress] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const alertmanager = parse(read('deploy/alertmanager.yaml'));
  for (const receiver of alertmanager.receivers) receiver.webhook_configs = [{ url: receiverUrl }];
  for (const file of RULE_FILES) write(file, scale(read(`deploy/${file}`)));
  const prometheus = {
    global: { scrape_interval, evaluation_interval: scrape_interval },
    rule_files: RULE_FILES,
    alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanagerAddress] }] }] },
    scrape_configs: [
      { job_name, scrape_timeout: scrape_interval, file_sd_configs: [{ files: ['targets.json'] }] },
      { job_name: 'prometheus', static_configs: [{ targets: [address] }] },
    ],
  };
  setTargets(targets);
  const storage = [`--storage.path=${folder}/alertmanager`, '--cluster.listen-address='];
  const tsdb = [`--storage.tsdb.path=${folder}/data`, `--query.lookback-delta=${scale('5m')}`];
  await Promise.all([
    run(ALERTMANAGER, 'alertmanager', alertmanagerAddress, alertmanager, ...storage),
    run(PROMETHEUS, 'prometheus', address, prometheus, ...tsdb, `--rules.alert.resend-delay=${scale('1m')}`),
  ]);

  /** Replaces the scraped servers. Prometheus reads the list at most every 5 s. */
  function setTargets(next: readonly Target[]): void {
    write('targets.next', JSON.stringify(next));
    renameSync(`${folder}/targets.next`, `${folder}/targets.json`);
  }

  async function ask(path: string, parameters: Readonly<Record<string, string>>): Promise<Line[]> {
    const url = `http://${address}/api/v1/${path}?${new URLSearchParams(parameters)}`;
    const { data, error } = (await (await fetch(url)).json()) as { data?: { result: Line[] }; error?: string };
    if (!data) throw new Error(`${parameters.query}: ${error}`);
    return data.result;
  }

  return {
    setTargets,
    /** Returns the samples of the last ten minutes. */
    samples: (selector: string) => ask('query', { query: `${selector}[10m]` }),
    /** Evaluates an expression each second from `from` to `to`, in milliseconds since 1970. */
    over: (query: string, { from, to }: { from: number; to: number }) =>
      ask('query_range', { query, start: String(from / 1000), end: String(to / 1000), step: '1' }),
  };
}

export type Prometheus = Awaited<ReturnType<typeof startPrometheus>>;
