/**
 * Judges the drill: compares its alerts with the fault classes and with the `fires_within` of deploy/alerts.yaml. Also sends
 * the queries of deploy/dashboard.json to its Prometheus, and runs the runbook's commands from an id to the cause.
 */
import { spawnSync } from 'node:child_process';
import { parse } from 'yaml';
import { readDocument as read } from '../support/documents.ts';
import { atLeast, atMost, exactly, type Figure } from '../support/figures.ts';
import type { FaultClass } from './faults.ts';
import { FACTOR, type Line, type Prometheus, SCRAPE_MS, scale, toMs } from './prometheus.ts';
import type { Site } from './site.ts';

/** The factor does not shorten a server's pauses between retries, and the start of a process. */
const UNSCALED_MS = 1000;
/** For a busy machine. `promtool test rules` proves the exact times. */
const NOISE = 1.2;
/** Alerts whose windows are longer than the drill. `promtool test rules deploy/alerts.slow.test.yaml` proves them. */
const SLOW = ['MaintenanceBudgetBurnsSlowly'];
type Rule = { alert: string; annotations: { fires_within: string } };
const RULES: Rule[] = parse(read('deploy/alerts.yaml')).groups[0].rules;
const FIRES_WITHIN = new Map(RULES.map(({ alert, annotations }) => [alert, annotations.fires_within]));

type Labels = Readonly<Record<string, string>>;
/** A notification of Alertmanager to a webhook. */
export type Notification = { receiver: string; groupKey: string; alerts: { labels: Labels; startsAt: string }[] };
/** Milliseconds since 1970. */
export type Times = { readonly from: number; readonly fault: number; readonly to: number };
/** `minutes` of production from the fault until the alert fired first. */
export type Alert = { readonly labels: Labels; readonly minutes: number };
/** What the drill found. An alert may be late by `slack` minutes of production. */
type Found = Times & { alerts: readonly Alert[]; notifications: readonly Notification[]; slack: number };

const timesOf = ({ values }: Pick<Line, 'values'>) => values.map(([seconds]) => seconds * 1000);
const minutesOf = (ms: number) => (ms / 60_000) * FACTOR;

/** Returns all alerts that fired, the earliest first. */
export async function readAlerts({ samples }: Prometheus, { from, fault, to }: Times): Promise<Alert[]> {
  const alerts = (await samples('ALERTS{alertstate="firing"}')).flatMap((line) => {
    const first = timesOf(line).find((time) => time > from && time <= to);
    return first === undefined ? [] : [{ labels: line.metric, minutes: minutesOf(first - fault) }];
  });
  return alerts.sort((one, other) => one.minutes - other.minutes);
}

/** Returns by how many minutes of production an alert may be late, because a busy machine skips evaluations. */
export async function measureSlack({ samples }: Prometheus, { fault, to }: Times): Promise<number> {
  const [line = { values: [] }] = await samples('slo:error_budget:ratio{slo="requests"}');
  const times = timesOf(line).filter((time) => time > fault && time <= to);
  const late = times.map((time, at) => time - (times[at - 1] ?? time) - SCRAPE_MS);
  return minutesOf(UNSCALED_MS + Math.max(...late, 0));
}

/** Returns whether each alert of a fault class fired in time, no other alert fired, and the fault paged once. */
export function judge(namespace: string, { fires, within, also = [] }: FaultClass, found: Found): Figure[] {
  const isHere = ({ labels }: { labels: Labels }) => labels.namespace === namespace;
  const isWanted = ({ labels }: Alert) => String(labels.alertname) in fires;
  const here = found.alerts.filter(isHere);
  const allowed = [...Object.keys(fires), ...also];
  const others = here.filter(({ labels, minutes }) => minutes < 0 || !allowed.includes(String(labels.alertname)));
  for (const { labels, minutes } of others)
    console.log(`unexpected, +${minutes.toFixed(1)} min: ${JSON.stringify(labels)}`);
  const isNew = (startsAt: number) => startsAt > found.fault && startsAt <= found.to;
  const pages = found.notifications.filter(({ receiver, alerts }) => {
    return receiver === 'page' && alerts.some((alert) => isHere(alert) && isNew(Date.parse(alert.startsAt)));
  });
  const groups = new Set(pages.map(({ groupKey }) => groupKey));
  const paged = here.filter(({ labels }) => labels.severity === 'page');
  return [
    ...Object.entries(fires).map(([alertname, wanted]) => {
      const fits = Object.entries({ alertname, ...wanted });
      const first = here.find(({ labels }) => fits.every(([name, value]) => labels[name] === value));
      const limit = (toMs(within ?? FIRES_WITHIN.get(alertname) ?? '') / 60_000) * NOISE + found.slack;
      const name = [namespace, alertname, ...Object.values(wanted)].join(' ');
      return atMost(name, first?.minutes ?? Number.POSITIVE_INFINITY, Number(limit.toFixed(1)), ' min');
    }),
    exactly(`${namespace}: other alerts`, others.length, 0),
    // A further alert may end before its page is sent.
    (paged.some(isWanted) ? exactly : atMost)(`${namespace}: pages`, groups.size, Math.min(paged.length, 1)),
  ];
}

/** Returns the alerts that no fault class causes. */
export function findUntested(faults: readonly FaultClass[]): string[] {
  const tested = new Set([...SLOW, ...faults.flatMap(({ fires }) => Object.keys(fires))]);
  return [...FIRES_WITHIN.keys()].filter((alert) => !tested.has(alert));
}

/**
 * Sends each query of each panel for each namespace, as Grafana would. Returns the queries that fail, find no series in any
 * namespace, or give two series the same name.
 */
export async function askDashboard({ over }: Prometheus, namespaces: readonly string[], times: Times) {
  const failed: string[] = [];
  const { panels } = JSON.parse(read('deploy/dashboard.json'));
  for (const { expr, legendFormat } of panels.flatMap(({ targets = [] }) => targets)) {
    const values: unknown[] = [];
    for (const namespace of namespaces) {
      const query = expr.replaceAll(/\$\{?namespace(?::\w+)?\}?/g, namespace).replaceAll('$__rate_interval', '1m');
      const lines = await over(scale(query), times).catch(({ message }: Error) => void failed.push(message));
      const names = (lines ?? []).map(({ metric }) =>
        legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_: string, label: string) => metric[label] ?? '').trim(),
      );
      if (new Set(names).size < names.length)
        failed.push(`${expr}: two series in ${namespace} have one name: ${names}`);
      values.push(...(lines ?? []).flatMap((line) => line.values.map(([, value]) => Number(value))));
    }
    if (!values.some(Number.isFinite)) failed.push(`${expr}: no series`);
  }
  return failed;
}

/** Each kind of id → the namespace with such errors. */
const IDS = { requestId: 'some-fail', traceId: 'some-fail', commandId: 'some-fail', errorId: 'internal-error' };

/**
 * Runs each command of the runbook's section with each kind of id in the callers' errors. The indented blocks of the section
 * are commands with `$ID` and definitions of functions. Each command and each kind must find something.
 */
export function runRunbook(sites: readonly Site[], output: string): Figure[] {
  const [, section = ''] = read('docs/runbook.md').split('\n## From an id to the cause\n');
  const blocks = section.split('\n## ')[0]?.match(/(?:^ {4}.*\n)+/gm) ?? [];
  const commands = blocks.filter((block) => block.includes('"$ID"'));
  const definitions = blocks.filter((block) => !commands.includes(block)).join('');
  const finds = (command: string, kind: string, namespace: string) => {
    const errors = sites.find((site) => site.namespace === namespace)?.errors ?? [];
    const env = { PATH: process.env.PATH, ID: String(errors.find((error) => error[kind] !== undefined)?.[kind]) };
    const script = `logs() { cat '${output}/${namespace}/logs.jsonl'; }\n${definitions}\n${command}`;
    const run = spawnSync('bash', ['-euo', 'pipefail', '-c', script], { encoding: 'utf8', env });
    if (run.status !== 0) console.log(`runbook: ${command}\n${run.stderr}`);
    return run.status === 0 && run.stdout.trim() !== '';
  };
  const found = commands.flatMap((command) =>
    Object.entries(IDS).flatMap(([kind, namespace]) => (finds(command, kind, namespace) ? [{ command, kind }] : [])),
  );
  const count = (wanted: string) => found.filter(({ command, kind }) => command === wanted || kind === wanted).length;
  return [
    ...commands.map((command) =>
      atLeast(`runbook: kinds of id that find an error with ${command.trim().split('\n')[0]}`, count(command), 1),
    ),
    ...Object.keys(IDS).map((kind) => atLeast(`runbook: commands that find a ${kind}`, count(kind), 1)),
  ];
}
