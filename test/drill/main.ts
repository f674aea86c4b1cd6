/**
 * `npm run test:drill`: runs all fault classes at once, each in a separate namespace, before a real Prometheus and a real
 * Alertmanager with the rules of deploy/. Exits with 1 if an alert is missing, late or unexpected.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { text as readText } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { serve } from '../../dev/command-api.ts';
import { readOptions } from '../../dev/options.ts';
import { exactly, noted, printFigures } from '../support/figures.ts';
import { killAll } from '../support/process.ts';
import { FAULTS } from './faults.ts';
import { askDashboard, askOps, findUntested, judge, measureSlack, type Notification, readAlerts } from './judge.ts';
import { startPrometheus, writeHistory } from './prometheus.ts';
import { startSite } from './site.ts';

const OUTPUT = fileURLToPath(new URL('output', import.meta.url));
/** A quarter of an hour of production. The history has the time before. */
const HEALTHY_MS = 75_000;
/** Alerts in this time do not count: their rules see records of the history beside records of the traffic. */
const SETTLE_MS = 15_000;
/** Longer than each `fires_within`. */
const FAULTY_MS = 75_000;

const PROGRAMS = "jq, and Debian's prometheus and prometheus-alertmanager, or PROMETHEUS, ALERTMANAGER and PROMTOOL";
readOptions(`There are no options. The drill takes three minutes. It needs ${PROGRAMS}.`, {});
process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
const start = performance.now();
const say = (text: string) => console.log(`${((performance.now() - start) / 1000).toFixed(0).padStart(4)} s  ${text}`);

rmSync(OUTPUT, { recursive: true, force: true });
mkdirSync(OUTPUT);
const sites = await Promise.all(Object.entries(FAULTS).map(([name, fault]) => startSite(name, fault, OUTPUT)));
say(`${sites.length} namespaces run`);

const notifications: Notification[] = [];
/** Receives the notifications of Alertmanager, and answers Prometheus with the list of servers. */
const { url } = await serve(async (request, response) => {
  if (request.method === 'POST') notifications.push(JSON.parse(await readText(request)));
  const list = sites.map(({ namespace, replicas }) => ({
    targets: replicas.map(({ metricsPort }) => `127.0.0.1:${metricsPort}`),
    labels: { namespace },
  }));
  response.setHeader('content-type', 'application/json').end(JSON.stringify(list));
});
const namespaces = Object.keys(FAULTS);
const busy = namespaces.filter((name) => !FAULTS[name]?.isIdle);
writeHistory(busy, OUTPUT);
const prometheus = await startPrometheus(OUTPUT, url);
say('Prometheus runs');
const from = Date.now() + SETTLE_MS;
await delay(HEALTHY_MS);

say('the faults begin');
const fault = Date.now();
const beginning = sites.map((site) => FAULTS[site.namespace]?.begin(site));
await Promise.all([...beginning, delay(FAULTY_MS)]);
const times = { from, fault, to: Date.now() };
for (const { stopTraffic } of sites) stopTraffic();
say('the faults are over');

const alerts = await readAlerts(prometheus, times);
const slack = await measureSlack(prometheus, times);
const failures = await prometheus.samples('prometheus_rule_evaluation_failures_total');
const unanswered = await askDashboard(prometheus, namespaces, times);
for (const query of unanswered) console.log(`dashboard: ${query}`);
const figures = [
  ...Object.entries(FAULTS).flatMap(([name, one]) => judge(name, one, { ...times, alerts, notifications, slack })),
  noted('added to each limit, with a fifth', slack, ' min'),
  exactly('alerts that no fault class causes', findUntested(Object.values(FAULTS)).length, 0),
  exactly('evaluations of rules that failed', Math.max(...failures.map(({ values }) => Number(values.at(-1)?.[1]))), 0),
  exactly('queries of the dashboard that fail or find nothing', unanswered.length, 0),
  exactly('causes that `ops failed` does not show', askOps(OUTPUT).length, 0),
];
console.log('\nTimes are minutes of production from the fault to the alert.');
const missed = printFigures(figures);
say(missed === 0 ? 'All bounds are kept.' : `${missed} missed. The logs are in ${OUTPUT}.`);
process.exit(missed === 0 ? 0 : 1);
