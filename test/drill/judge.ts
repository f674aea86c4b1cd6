/**
 * Judges the drill: compares its alerts with the fault classes and with the `fires_within` of deploy/alerts.yaml. Also sends
 * the queries of deploy/dashboard.json to its Prometheus.
 */
import { spawnSync } from 'node:child_process';
import { parse } from 'yaml';
import { readDocument as read } from '../support/documents.ts';
import { atMost, exactly, type Figure } from '../support/figures.ts';
import type { FaultClass } from './faults.ts';
import { FACTOR, type Line, type Prometheus, SCRAPE_MS, scale, toMs } from './prometheus.ts';

/** The factor does not shorten a server's pauses between retries, and the start of a process. */
const UNSCALED_MS = 1000;
/** For a busy machine. `promtool test rules` proves the exact times. */
const NOISE = 1.2;
/** Alerts whose windows are longer than the drill. `promtool test rules deploy/alerts.slow.test.yaml` proves them. */
const SLOW = 'BudgetBurnsSlowly';
/** What `ops failed` of the runbook shows in the log of a fault class. */
const CAUSES = {
  outage: 'ECONNREFUSED',
  'answers-401': 'status 401',
  'rate-limited': 'status 429',
  'wrong-schema': 'VALIDATION',
};
type Rule = { alert: string; annotations: { fires_within: string } };
const RULES: Rule[] = parse(read('deploy/alerts.yaml')).groups[0].rules;
const nameOf = (alert = '') => alert.replace('Maintenance', '');
const FIRES_WITHIN = new Map(RULES.map(({ alert, annotations }) => [nameOf(alert), annotations.fires_within]));

type Labels = Readonly<Record<string, string>>;
/** A notification of Alertmanager to a webhook. */
export type Notification = { receiver: string; groupKey: string; alerts: { labels: Labels; startsAt: string }[] };
/** Milliseconds since 1970. */
export type Times = { readonly from: number; readonly fault: number; readonly to: number };
/** `minutes` of production from the fault until the alert fired first. */
type Alert = { readonly labels: Labels; readonly minutes: number };
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
  const here = found.alerts.filter(isHere).map((alert) => ({ ...alert, name: nameOf(alert.labels.alertname) }));
  const others = here.filter(({ name, minutes }) => minutes < 0 || !(name in fires || also.includes(name)));
  for (const { labels, minutes } of others)
    console.log(`unexpected, +${minutes.toFixed(1)} min: ${JSON.stringify(labels)}`);
  const isNew = (startsAt: number) => startsAt > found.fault && startsAt <= found.to;
  const pages = found.notifications.filter(({ receiver, alerts }) => {
    return receiver === 'page' && alerts.some((alert) => isHere(alert) && isNew(Date.parse(alert.startsAt)));
  });
  const groups = new Set(pages.map(({ groupKey }) => groupKey));
  const paged = here.filter(({ labels }) => labels.severity === 'page');
  // A further alert may end before its page is sent.
  const pagesAre = paged.some(({ name }) => name in fires) ? exactly : atMost;
  return [
    ...Object.entries(fires).map(([wanted, labels]) => {
      const isWanted = (one: Labels) => Object.entries(labels).every(([label, value]) => one[label] === value);
      const first = here.find(({ name, labels }) => name === wanted && isWanted(labels));
      const limit = (toMs(within ?? FIRES_WITHIN.get(wanted) ?? '') / 60_000) * NOISE + found.slack;
      const title = [namespace, wanted, ...Object.values(labels)].join(' ');
      return atMost(title, first?.minutes ?? Number.POSITIVE_INFINITY, Number(limit.toFixed(1)), ' min');
    }),
    exactly(`${namespace}: other alerts`, others.length, 0),
    pagesAre(`${namespace}: pages`, groups.size, Math.min(paged.length, 1)),
  ];
}

/** Returns the alerts that no fault class causes. */
export function findUntested(faults: readonly FaultClass[]): string[] {
  return [...FIRES_WITHIN.keys()].filter((name) => name !== SLOW && !faults.some(({ fires }) => name in fires));
}

/** Runs the runbook's shell on the logs. Returns the causes that it does not show. */
export const askOps = (output: string) =>
  Object.entries(CAUSES).filter(([namespace, cause]) => {
    const env = { ...process.env, OPS_ON: `${output}/${namespace}/logs.jsonl` };
    const { stdout } = spawnSync('sh', ['-c', '. deploy/ops.sh && ops failed 1h'], { env, encoding: 'utf8' });
    return !stdout.includes(cause);
  });

/** Sends each query of each panel for each namespace, as Grafana would. Returns the queries that fail or find no series. */
export async function askDashboard({ over }: Prometheus, namespaces: readonly string[], times: Times) {
  const faults: string[] = [];
  const { panels } = JSON.parse(read('deploy/dashboard.json'));
  for (const { expr } of panels.flatMap(({ targets = [] }) => targets)) {
    const query = scale(expr.replaceAll('$__rate_interval', '1m'));
    const answers = namespaces.map((namespace) => over(query.replaceAll('$namespace', namespace), times));
    const lines = await Promise.all(answers).catch((error: Error) => void faults.push(error.message));
    const values = lines?.flat().flatMap(({ values }) => values.map(([, value]) => Number(value)));
    if (values && !values.some(Number.isFinite)) faults.push(`${expr}: no series`);
  }
  return faults;
}
