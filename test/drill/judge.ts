/**
 * Compares the alerts of the drill with the fault classes and with the `fires_within` of deploy/alerts.yaml.
 */
import { parse } from 'yaml';
import { atMost, exactly, type Figure } from '../soak/figures.ts';
import { readDocument as read } from '../support/documents.ts';
import type { FaultClass } from './faults.ts';
import { FACTOR, type Line, type Prometheus, SCRAPE_MS, toMs } from './prometheus.ts';

/** The factor does not shorten a server's pauses between retries, and the start of a process. */
const UNSCALED_MS = 1000;

/** For a busy machine. `promtool test rules` proves the exact times. */
const NOISE = 1.2;
/** Alerts whose windows are longer than the drill. `promtool test rules deploy/alerts.slow.test.yaml` proves them. */
const SLOW = ['MaintenanceBudgetBurnsSlowly'];
const RULES: { alert: string; annotations: { fires_within: string } }[] = parse(read('deploy/alerts.yaml')).groups[0]
  .rules;
const FIRES_WITHIN = new Map(RULES.map(({ alert, annotations }) => [alert, annotations.fires_within]));

/** A notification of Alertmanager to a webhook. */
export interface Notification {
  readonly receiver: string;
  readonly groupKey: string;
  readonly alerts: readonly { readonly labels: Readonly<Record<string, string>>; readonly startsAt: string }[];
}

/** Milliseconds since 1970. */
export interface Times {
  readonly from: number;
  readonly fault: number;
  readonly to: number;
}

export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  /** Minutes of production from the fault until the alert fired first. */
  readonly minutes: number;
}

/** Returns all alerts that fired, the earliest first. */
export async function readAlerts({ samples }: Prometheus, { from, fault, to }: Times): Promise<Alert[]> {
  const lines = await samples('ALERTS{alertstate="firing"}');
  return lines
    .flatMap(({ metric, values }) => {
      const first = timesOf({ values }).find((time) => time > from && time <= to);
      return first === undefined ? [] : [{ labels: metric, minutes: ((first - fault) / 60_000) * FACTOR }];
    })
    .sort((one, other) => one.minutes - other.minutes);
}

/** Returns by how many minutes of production an alert may be late, because a busy machine skips evaluations. */
export async function measureSlack({ samples }: Prometheus, { fault, to }: Times): Promise<number> {
  const [line = { values: [] }] = await samples('slo:error_budget:ratio{slo="requests"}');
  const times = timesOf(line).filter((time) => time > fault && time <= to);
  const late = times.map((time, at) => time - (times[at - 1] ?? time) - SCRAPE_MS);
  return ((UNSCALED_MS + Math.max(...late, 0)) / 60_000) * FACTOR;
}

/** Returns whether each alert of a fault class fired in time, no other alert fired, and the fault paged once. */
export function judge(
  namespace: string,
  { fires, within, also = [] }: FaultClass,
  drill: Times & { alerts: Alert[]; notifications: Notification[]; slack: number },
): Figure[] {
  const { alerts, notifications, fault, to, slack } = drill;
  const here = alerts.filter(({ labels }) => labels.namespace === namespace);
  const unexpected = here.filter(
    ({ labels: { alertname = '' }, minutes }) => minutes < 0 || !(alertname in fires || also.includes(alertname)),
  );
  for (const { labels, minutes } of unexpected)
    console.log(`unexpected, +${minutes.toFixed(1)} min: ${JSON.stringify(labels)}`);
  const paging = notifications.filter(({ receiver }) => receiver === 'page');
  const ofFault = paging.filter((page) =>
    page.alerts.some(({ labels, startsAt }) => {
      const start = Date.parse(startsAt);
      return labels.namespace === namespace && start > fault && start <= to;
    }),
  );
  const groups = new Set(ofFault.map(({ groupKey }) => groupKey));
  return [
    ...Object.entries(fires).map(([alertname, wanted]) => {
      const fits = Object.entries({ alertname, ...wanted });
      const first = here.find(({ labels }) => fits.every(([name, value]) => labels[name] === value));
      const limit = (toMs(within ?? FIRES_WITHIN.get(alertname) ?? '') / 60_000) * NOISE + slack;
      const name = [namespace, alertname, ...Object.values(wanted)].join(' ');
      return atMost(name, first?.minutes ?? Number.POSITIVE_INFINITY, Number(limit.toFixed(1)), ' min');
    }),
    exactly(`${namespace}: other alerts`, unexpected.length, 0),
    isPaged(here.filter(({ labels: { alertname = '' } }) => alertname in fires))
      ? exactly(`${namespace}: pages`, groups.size, 1)
      : // A further alert may end before its page is sent.
        atMost(`${namespace}: pages`, groups.size, Number(isPaged(here))),
  ];
}

/** Returns the alerts that no fault class causes. */
export function findUntested(faults: readonly FaultClass[]): string[] {
  const tested = new Set([...SLOW, ...faults.flatMap(({ fires }) => Object.keys(fires))]);
  return [...FIRES_WITHIN.keys()].filter((alert) => !tested.has(alert));
}

function isPaged(alerts: readonly Alert[]): boolean {
  return alerts.some(({ labels }) => labels.severity === 'page');
}

function timesOf({ values }: Pick<Line, 'values'>): number[] {
  return values.map(([seconds]) => seconds * 1000);
}
