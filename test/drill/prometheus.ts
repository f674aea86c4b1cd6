/**
 * A real Prometheus and a real Alertmanager with the files of deploy/. Every duration in these files is divided by one factor.
 */
import { spawnSync } from 'node:child_process';
import { openSync, renameSync, writeFileSync } from 'node:fs';
import { parse, stringify } from 'yaml';
import { freePort } from '../../dev/command-api.ts';
import { readDocument as read } from '../support/documents.ts';
import { start } from '../support/process.ts';
import { until } from '../support/wait.ts';

/** A minute of production is three seconds of the drill. Counts stay unchanged. At 30, the servers need all of two cores. */
export const FACTOR = 20;
const RULE_FILES = ['slo.yaml', 'alerts.yaml'];
const { PROMETHEUS = 'prometheus', ALERTMANAGER = 'prometheus-alertmanager', PROMTOOL = 'promtool' } = process.env;

const [{ job_name, scrape_interval }] = parse(read('deploy/prometheus.yaml')).scrape_configs;
export const JOB: string = job_name;
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

export interface Target {
  readonly targets: readonly string[];
  readonly labels: { readonly namespace: string };
}

export interface Line {
  readonly metric: Readonly<Record<string, string>>;
  /** Seconds since 1970, and the value as text. */
  readonly values: readonly (readonly [number, string])[];
}

/** Writes OpenMetrics as blocks in Prometheus' data folder. */
export function writeHistory(openMetrics: string, folder: string): void {
  writeFileSync(`${folder}/history.txt`, openMetrics);
  const args = ['tsdb', 'create-blocks-from', 'openmetrics', `${folder}/history.txt`, `${folder}/data`];
  const { status, stderr } = spawnSync(PROMTOOL, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`promtool: ${stderr}`);
}

/** Starts both in `folder`. All receivers of Alertmanager send to `receiverUrl`. */
export async function startPrometheus(folder: string, receiverUrl: string, targets: readonly Target[]) {
  const write = (name: string, text: string) => writeFileSync(`${folder}/${name}`, text);
  const run = (program: string, name: string, address: string, options: readonly string[]) => {
    const log = openSync(`${folder}/${name}.log`, 'w');
    const args = [`--config.file=${folder}/${name}.yaml`, `--web.listen-address=${address}`, ...options];
    start(program, args, process.env, ['ignore', log, log]);
    return until(() =>
      fetch(`http://${address}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
  };
  const [address, alertmanagerAddress] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const alertmanager = parse(read('deploy/alertmanager.yaml'));
  for (const receiver of alertmanager.receivers) receiver.webhook_configs = [{ url: receiverUrl }];
  write('alertmanager.yaml', scale(stringify(alertmanager)));
  for (const file of RULE_FILES) write(file, scale(read(`deploy/${file}`)));
  write(
    'prometheus.yaml',
    stringify({
      global: { scrape_interval: scale(scrape_interval), evaluation_interval: scale(scrape_interval) },
      rule_files: RULE_FILES,
      alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanagerAddress] }] }] },
      scrape_configs: [
        { job_name, scrape_timeout: scale(scrape_interval), file_sd_configs: [{ files: ['targets.json'] }] },
        { job_name: 'prometheus', static_configs: [{ targets: [address] }] },
      ],
    }),
  );
  setTargets(targets);
  await Promise.all([
    run(ALERTMANAGER, 'alertmanager', alertmanagerAddress, [
      `--storage.path=${folder}/alertmanager`,
      '--cluster.listen-address=',
    ]),
    run(PROMETHEUS, 'prometheus', address, [
      `--storage.tsdb.path=${folder}/data`,
      `--query.lookback-delta=${scale('5m')}`,
      `--rules.alert.resend-delay=${scale('1m')}`,
    ]),
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
