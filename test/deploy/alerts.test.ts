/**
 * The rules, the dashboard and the documents' queries select metrics, labels and values that a running subgraph has. `promtool
 * test rules` proves when an alert fires.
 */
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { EXAMPLE } from '../../dev/maintenance/seed.ts';
import { APPS, readDocument as read, readKeys, readNames, readTable } from '../support/documents.ts';
import { readFamilies, scrape } from '../support/scrape.ts';
import { inTurn } from '../support/upstream.ts';
import { useSubgraph } from '../support/use-subgraph.ts';

type Texts = Readonly<Record<string, string>>;
type Target = Readonly<Record<'refId' | 'expr', string>>;

const rulesOf = (name: string) => parse(read(`deploy/${name}.yaml`)).groups[0].rules;
const records: { record: string; expr: string; labels?: Texts }[] = rulesOf('slo');
const alerts: { alert: string; expr: string; labels: Texts; annotations: Texts }[] = rulesOf('alerts');
const { panels }: { panels: { title: string; targets?: Target[] }[] } = JSON.parse(read('deploy/dashboard.json'));
const queries = panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));
const documented = [...read('docs/runbook.md').matchAll(/^```promql\n([\s\S]+?)\n```$/gm)];
const expressions = [
  ...records.map(({ record, labels, expr }) => [`${record} ${labels?.slo ?? ''}`, expr] as const),
  ...alerts.map(({ alert, expr }) => [alert, expr] as const),
  ...queries.map(({ title, refId, expr }) => [`${title} ${refId}`, expr] as const),
  ...documented.flatMap(([, block = '']) => block.split('\n').map((expr) => [expr, expr] as const)),
];

const subgraph = useSubgraph();
/** The labels of each series and record. */
const series = new Map<string, Set<string>>();
/** The known values of each label. */
const values = new Map<string, Set<string>>();

const add = (map: Map<string, Set<string>>, key: string, ...members: string[]) =>
  map.set(key, new Set([...(map.get(key) ?? []), ...members]));

/** Returns an expression's syntax errors, the labels that it groups or joins by, and its selectors. */
function readPromql(expr: string) {
  const text = expr.replaceAll('$__rate_interval', '5m').replaceAll('$namespace', 'any');
  const grouping: string[] = [];
  const syntaxErrors: string[] = [];
  const selectors: { metric: string; matchers: { label: string; operator: string; value: string }[] }[] = [];
  parser.parse(text).iterate({
    enter({ type, node, from, to }) {
      const words = text.slice(from, to);
      if (type.isError) syntaxErrors.push(text.slice(from, from + 20));
      if (type.name === 'GroupingLabels') grouping.push(...(words.match(/\w+/g) ?? []));
      if (type.name !== 'VectorSelector') return;
      const name = node.getChild('Identifier');
      const found = [...words.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)];
      const matchers = found.map(([, label = '', operator = '', value = '']) => ({ label, operator, value }));
      selectors.push({ metric: name ? text.slice(name.from, name.to) : '', matchers });
    },
  });
  return { syntaxErrors, grouping, selectors };
}

/** Returns the labels of all series that an expression selects. */
const labelsOf = (expr: string) => readPromql(expr).selectors.flatMap(({ metric }) => [...(series.get(metric) ?? [])]);

beforeAll(async () => {
  const { upstream, url, ask } = subgraph;
  // Retried.
  upstream.fail(inTurn(429));
  await ask(`{ maintenances(residenceId: "${EXAMPLE.residenceId}") { id } }`);
  for (const path of ['/health/live', '/health/ready', '/metrics']) await fetch(url + path);
  const families = await readFamilies(url);
  const target = ['job', 'namespace', 'instance'];
  add(series, 'up', ...target);
  add(series, 'ALERTS', ...target, 'alertname', 'alertstate');
  const table = readTable(read('docs/observability.md'), 'metric');
  const documentedLabels = new Map(table.map(([name, labels]) => [readNames(name)[0], readNames(labels)]));
  for (const [name, type] of families) {
    const labels = [...target, ...(documentedLabels.get(name) ?? [])];
    for (const suffix of type === 'histogram' ? ['_sum', '_count', '_bucket'] : [''])
      add(series, name + suffix, ...labels);
    if (type === 'histogram') add(series, `${name}_bucket`, 'le');
  }
  for (const sample of (await scrape(url)).keys())
    for (const [, label = '', value = ''] of sample.matchAll(/(\w+)="([^"]*)"/g)) add(values, label, value);
  for (const { record, expr, labels = {} } of records) {
    // An aggregation keeps only the labels that it groups by.
    const { grouping } = readPromql(expr);
    add(series, record, ...(grouping.length > 0 ? grouping : labelsOf(expr)), ...Object.keys(labels));
    for (const [label, value] of Object.entries(labels)) add(values, label, value);
  }
  add(values, 'alertname', ...alerts.map(({ alert }) => alert));
  add(values, 'alertstate', 'firing');
  add(values, 'code', ...readKeys(APPS, 'code'));
  add(values, 'job', parse(read('deploy/prometheus.yaml')).scrape_configs[0].job_name);
  add(values, 'namespace', 'any');
});

it.each(expressions)('selects existing metrics, labels and values, of this job only: %s', (_, expr) => {
  const { syntaxErrors, grouping, selectors } = readPromql(expr);
  const unknown = selectors.flatMap(({ metric, matchers }) => {
    const labels = series.get(metric);
    if (!labels) return [metric || '(a selector without a metric)'];
    return matchers.flatMap(({ label, operator, value }) => {
      if (!labels.has(label)) return [`${metric}{${label}}`];
      const known = [...(values.get(label) ?? [])];
      const alternatives = operator.endsWith('~') ? [value, ...value.split('|')] : [value];
      return alternatives.filter((one) => !known.some((text) => new RegExp(`^(?:${one})$`).test(text)));
    });
  });
  const labels = labelsOf(expr);
  const unknownGrouping = grouping.filter((label) => !labels.includes(label));
  // Records contain this job only.
  const scraped = selectors.filter(({ metric }) => !metric.includes(':'));
  const foreign = scraped.filter(
    ({ matchers }) => !matchers.some((one) => one.label === 'job' && one.operator === '='),
  );
  const faults = { syntaxErrors, unknown, unknownGrouping, foreign };
  expect(faults).toEqual({ syntaxErrors: [], unknown: [], unknownGrouping: [], foreign: [] });
});

describe('the alerts', () => {
  it.each(alerts)('$alert names its namespace, existing labels and a severity that Alertmanager routes', (rule) => {
    const named = JSON.stringify(rule.annotations).match(/(?<=\$labels\.)\w+/g) ?? [];
    expect(named.filter((label) => !labelsOf(rule.expr).includes(label))).toEqual([]);
    expect(named).toContain('namespace');
    expect(rule.labels.severity).toMatch(/^(page|ticket)$/);
  });

  it("have their severity and cause in this version's runbook, where their links lead", () => {
    const { repository, version } = JSON.parse(read('package.json'));
    const runbook = read('docs/runbook.md');
    const headings = [...runbook.matchAll(/^## (.+)$/gm)].map(([, heading = '']) =>
      heading.toLowerCase().replaceAll(' ', '-'),
    );
    const listed = readTable(runbook, 'cause').flatMap(([cause = '', names = '']) => {
      const anchor = headings.find((heading) => cause.endsWith(`](#${heading})`));
      const url = `${repository}/blob/v${version}/docs/runbook.md#${anchor}`;
      return names.split('; ').flatMap((part) => readNames(part).map((alert) => [alert, part.split(':')[0], url]));
    });
    const causes = alerts.map(({ alert, labels, annotations }) => [alert, labels.severity, annotations.runbook_url]);
    expect(listed.toSorted()).toEqual(causes.toSorted());
  });
});

describe('the dashboard', () => {
  it('shows every metric of the subgraph, but not all of prom-client', async () => {
    const families = [...(await readFamilies(subgraph.url)).keys()];
    const metrics = families.filter((name) => !/^(nodejs|process)_/.test(name));
    const shown = queries.flatMap(({ expr }) => readPromql(expr).selectors.map(({ metric }) => metric));
    const isShown = (name: string) => ['', '_bucket', '_sum', '_count'].some((suffix) => shown.includes(name + suffix));
    expect(metrics).toContain('maintenance_commands_total');
    expect(metrics.filter((name) => !isShown(name))).toEqual([]);
  });

  it.each(queries)('$title $refId selects by namespace', ({ expr }) => {
    // The budgets are the same in each namespace.
    const selectors = readPromql(expr).selectors.filter(({ metric }) => metric !== 'slo:error_budget:ratio');
    const anywhere = selectors.filter(({ matchers }) => !matchers.some(({ label }) => label === 'namespace'));
    expect(anywhere).toEqual([]);
  });
});
