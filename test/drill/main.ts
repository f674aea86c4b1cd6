/**
 * `npm run test:drill`: runs all fault classes at once, each in a separate namespace, before a real Prometheus and a real
 * Alertmanager with the rules of deploy/. Exits with 1 if an alert is missing, late or unexpected, and with 2 if a program is
 * not installed.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { text as readText } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { serve } from '../../dev/command-api.ts';
import { readOptions } from '../../dev/options.ts';
import { exactly, noted, printFigures } from '../support/figures.ts';
import { killAll } from '../support/process.ts';
import { FAULTS } from './faults.ts';
import { askDashboard, findUntested, judge, measureSlack, type Notification, readAlerts, runRunbook } from './judge.ts';
import { missingPrograms, startPrometheus, writeHistory } from './prometheus.ts';
import { type Site, startSite } from './site.ts';

const OUTPUT = fileURLToPath(new URL('output', import.meta.url));
/** Enough traffic for a rate. */
const TRAFFIC_MS = 5000;
/** A quarter of an hour of production. The history has the time before. */
const HEALTHY_MS = 75_000;
/** Longer than each `fires_within`. */
const FAULTY_MS = 75_000;

readOptions('There are no options. docs/observability.md has the programs that the drill needs.', {});
const missing = missingPrograms();
if (missing.length > 0) {
  console.log(`Not run: no ${missing.join(', no ')}. Debian has the packages prometheus and prometheus-alertmanager.`);
  process.exit(2);
}
process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(1));
const start = performance.now();
const say = (text: string) => console.log(`${((performance.now() - start) / 1000).toFixed(0).padStart(4)} s  ${text}`);
const write = (name: string, value: unknown) => writeFileSync(`${OUTPUT}/${name}`, JSON.stringify(value, null, 1));

rmSync(OUTPUT, { recursive: true, force: true });
mkdirSync(OUTPUT);
const sites: Site[] = [];
const remaining = Object.entries(FAULTS).values();
const startSome = async () => {
  for (const [name, fault] of remaining) sites.push(await startSite(name, fault, OUTPUT));
};
await Promise.all([startSome(), startSome(), startSome()]);
say(`${sites.length} namespaces run`);

const notifications: Notification[] = [];
const receiver = await serve(async (request, response) => {
  notifications.push(JSON.parse(await readText(request)));
  response.end();
});
await delay(TRAFFIC_MS);
const [metrics] = sites.find(({ namespace }) => namespace === 'outage')?.targets().targets ?? [];
const namespaces = Object.keys(FAULTS);
const busy = namespaces.filter((name) => !FAULTS[name]?.isIdle);
await writeHistory(`http://${metrics}`, busy, OUTPUT);
const targets = () => sites.map((site) => site.targets());
const prometheus = await startPrometheus(OUTPUT, receiver.url, targets());
const list = () => prometheus.setTargets(targets());
say('Prometheus runs');
const from = Date.now();
await delay(HEALTHY_MS);

say('the faults begin');
const fault = Date.now();
const beginning = sites.map((site) => FAULTS[site.namespace]?.begin(site, list));
await Promise.all([...beginning, delay(FAULTY_MS)]);
const times = { from, fault, to: Date.now() };
for (const site of sites) await site.stop();
say('the faults are over');

const alerts = await readAlerts(prometheus, times);
const slack = await measureSlack(prometheus, times);
const failures = await prometheus.samples('prometheus_rule_evaluation_failures_total');
const failed = await askDashboard(prometheus, namespaces, times);
for (const query of failed) console.log(`dashboard: ${query}`);
const errors = sites.flatMap((site) => site.errors);
write('errors.json', errors);
write('alerts.json', alerts);
write('notifications.json', notifications);
const figures = [
  ...Object.entries(FAULTS).flatMap(([name, one]) => judge(name, one, { ...times, alerts, notifications, slack })),
  noted('added to each limit, with a fifth', slack, ' min'),
  exactly('alerts that no fault class causes', findUntested(Object.values(FAULTS)).length, 0),
  exactly('evaluations of rules that failed', Math.max(...failures.map(({ values }) => Number(values.at(-1)?.[1]))), 0),
  exactly('queries of the dashboard that fail or find nothing', failed.length, 0),
  ...runRunbook(sites, OUTPUT),
];
await receiver.stop();
console.log('\nTimes are minutes of production from the fault to the alert.');
const missed = printFigures(figures);
say(missed === 0 ? 'All bounds are kept.' : `${missed} missed. The logs are in ${OUTPUT}.`);
process.exit(missed === 0 ? 0 : 1);
