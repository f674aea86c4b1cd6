/**
 * The rules, the dashboard and the documents' queries against the metrics of a running subgraph. `promtool test rules` proves
 * when an alert fires, `npm run test:drill` that the dashboard's queries find series.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';
import { EXAMPLE } from '../../dev/seed.ts';
import { ERRORS, readDocument as read, readKeys, readMetricTable, readNames, readTable } from '../support/documents.ts';
import { readFamilies, scrape } from '../support/scrape.ts';
import { type Subgraph, startSubgraph } from '../support/subgraph.ts';

type Texts = Readonly<Record<string, string>>;

type Target = Readonly<Record<'refId' | 'expr' | 'legendFormat', string>>;
type Panel = {
  title: string;
  gridPos: Record<'x' | 'y' | 'w' | 'h', number>;
  targets?: Target[];
  [member: string]: unknown;
};

const rulesOf = (name: string) => parse(read(`deploy/${name}.yaml`)).groups[0].rules;
const records: { record: string; expr: string; labels?: Texts }[] = rulesOf('slo');
const alerts: { alert: string; expr: string; labels: Texts; annotations: Texts }[] = rulesOf('alerts');
type Dashboard = { panels: Panel[]; templating: { list: { name: string; type: string }[] } };
const { panels, templating }: Dashboard = JSON.parse(read('deploy/dashboard.json'));
const charts = panels.filter(({ type }) => type !== 'row');
const queries = charts.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));
const codes = readKeys(ERRORS, 'code');
/** Returns the first group of each match. */
const labelsIn = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, label = '']) => label);
const documented = labelsIn(read('docs/runbook.md') + read('docs/performance.md'), /^```promql\n([\s\S]+?)\n```$/gm);
const expressions = [
  ...records.map(({ record, labels, expr }) => [`${record} ${labels?.slo ?? ''}`, expr] as const),
  ...alerts.map(({ alert, expr }) => [alert, expr] as const),
  ...queries.map(({ title, refId, expr }) => [`${title} ${refId}`, expr] as const),
  ...documented.flatMap((block) => block.split('\n')).map((expr) => [expr, expr] as const),
];

let subgraph: Subgraph;
/** The subgraph's metrics without those of prom-client. */
let metrics: string[];
/** The labels of each existing series and record. */
const series = new Map<string, Set<string>>();
/** The known values of each label. */
const values = new Map<string, Set<string>>();

const add = (map: Map<string, Set<string>>, key: string, members: readonly string[]) =>
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
  return { syntaxErrors, grouping, selectors, matchers: selectors.flatMap(({ matchers }) => matchers) };
}

const without = (these: readonly string[], those: readonly string[]) => these.filter((one) => !those.includes(one));
/** Returns the labels of all series that an expression selects. */
const labelsOf = (expr: string) => readPromql(expr).selectors.flatMap(({ metric }) => [...(series.get(metric) ?? [])]);

beforeAll(async () => {
  subgraph = await startSubgraph();
  await subgraph.ask(`{ maintenances(residenceId: "${EXAMPLE.residenceId}") { id } }`);
  for (const path of ['/health/live', '/health/ready', '/metrics']) await fetch(subgraph.url + path);
  const families = await readFamilies(subgraph.url);
  metrics = [...families.keys()].filter((name) => !/^(nodejs|process)_/.test(name));
  const target = ['job', 'namespace', 'instance'];
  const table = readMetricTable();
  add(series, 'up', target);
  add(series, 'ALERTS', [...target, 'alertname', 'alertstate']);
  add(values, 'alertstate', ['firing']);
  for (const { alert } of alerts) add(values, 'alertname', [alert]);
  for (const [name, type] of families) {
    const labels = [...target, ...(table.get(name)?.labels ?? [])];
    for (const suffix of type === 'histogram' || type === 'summary' ? ['_sum', '_count'] : [''])
      add(series, name + suffix, labels);
    if (type === 'histogram') add(series, `${name}_bucket`, [...labels, 'le']);
  }
  for (const { record, expr, labels = {} } of records) {
    // An aggregation keeps only the labels that it groups by.
    const { grouping } = readPromql(expr);
    add(series, record, [...(grouping.length > 0 ? grouping : labelsOf(expr)), ...Object.keys(labels)]);
    for (const [label, value] of Object.entries(labels)) add(values, label, [value]);
  }
  for (const sample of (await scrape(subgraph.url)).keys())
    for (const [, label = '', value = ''] of sample.matchAll(/(\w+)="([^"]*)"/g)) add(values, label, [value]);
  for (const label of ['code', 'outcome']) add(values, label, [...codes, 'OK']);
  add(values, 'job', [parse(read('deploy/prometheus.yaml')).scrape_configs[0].job_name]);
  add(values, 'namespace', ['any']);
  add(values, 'http_response_status_code', ['200', '401', '429', '500', '503']);
  add(values, 'reason', ['429']);
});

afterAll(() => subgraph.stop());

describe('each expression', () => {
  it.each(expressions)('selects existing metrics, labels and values, of this job only: %s', (_, expr) => {
    const { syntaxErrors, grouping, selectors } = readPromql(expr);
    const unknown = selectors.flatMap(({ metric, matchers }) => {
      const labels = series.get(metric);
      if (!labels) return [metric || '(a selector without a metric)'];
      return matchers.flatMap(({ label, operator, value }) => {
        const known = [...(values.get(label) ?? [])];
        const alternatives = operator.endsWith('~') ? [value, ...value.split('|')] : [value];
        if (!labels.has(label)) return [`${metric}{${label}}`];
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

  it.each(['slo', 'alerts'])('groups by namespace in %s.yaml', (name) => {
    const clauses = read(`deploy/${name}.yaml`).match(/\bby \([^)]*\)/g) ?? [];
    expect(clauses.length).toBeGreaterThan(5);
    expect(clauses.filter((clause) => !clause.startsWith('by (namespace, job'))).toEqual([]);
  });
});

describe('the alert', () => {
  it.each(alerts)(
    '$alert has a unique name, a severity, a time limit, two sentences and a cause in the runbook',
    (rule) => {
      const { alert, expr, labels, annotations } = rule;
      expect(alerts.filter((other) => other.alert === alert)).toHaveLength(1);
      expect(labels.severity).toMatch(/^(page|ticket)$/);
      expect(annotations).toEqual({
        fires_within: expect.stringMatching(/^\d+m$/),
        summary: expect.stringMatching(/\.$/),
        description: expect.stringMatching(/\.$/),
        runbook_url: expect.stringMatching(/^docs\/runbook\.md#[\w-]+$/),
      });
      expect(without(labelsIn(JSON.stringify(annotations), /\$labels\.(\w+)/g), labelsOf(expr))).toEqual([]);
    },
  );

  it('fires in a rule test, within its time limit', () => {
    type Test = { promql_expr_test: { exp_samples?: { labels: string; value: number }[] }[] };
    const testsOf = (name: string): Test[] => parse(read(`deploy/${name}.test.yaml`)).tests;
    const tests = [...testsOf('alerts'), ...testsOf('alerts.slow')];
    const firings = tests.map(({ promql_expr_test }) =>
      promql_expr_test
        .flatMap(({ exp_samples = [] }) => exp_samples)
        .flatMap(({ labels, value }) => labelsIn(labels, /alertname="(\w+)"/g).map((alert) => ({ alert, value }))),
    );
    const fired = new Set(firings.flat().map(({ alert }) => alert));
    expect([...fired].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
    const secondsOf = ({ annotations }: (typeof alerts)[0]) => 60 * Number.parseInt(`${annotations.fires_within}`, 10);
    const limits = new Map(alerts.map((rule) => [rule.alert, secondsOf(rule)]));
    // The first test has the seconds from each fault to its alert.
    expect(firings[0]?.length).toBeGreaterThan(alerts.length);
    expect(firings[0]?.filter(({ alert, value }) => !(value <= (limits.get(alert) ?? 0)))).toEqual([]);
  });
});

describe('the dashboard', () => {
  it('shows every metric of the subgraph', () => {
    const shown = queries.flatMap(({ expr }) => readPromql(expr).selectors.map(({ metric }) => metric));
    const isShown = (name: string) => ['', '_bucket', '_sum', '_count'].some((suffix) => shown.includes(name + suffix));
    expect(metrics).toContain('maintenance_commands_total');
    expect(metrics.filter((name) => !isShown(name))).toEqual([]);
  });

  it.each(charts)('$title has a normal value, a unit, a data source and a legend of existing labels', (panel) => {
    const { targets = [] } = panel;
    expect(panel).toMatchObject({
      description: expect.stringMatching(/Normal: .+\.$/),
      fieldConfig: { defaults: { unit: expect.stringMatching(/^(short|reqps|ops|s|bytes|percentunit)$/) } },
      datasource: { uid: `\${datasource}` },
    });
    expect(targets).not.toEqual([]);
    for (const { expr, legendFormat } of targets) {
      const grouping = readPromql(expr.replaceAll(/ on \(.+?\) group_left \(\)/g, '')).grouping;
      const legend = labelsIn(legendFormat, /\{\{(\w+)\}\}/g);
      expect(without(legend, labelsOf(expr))).toEqual([]);
      expect(without(grouping, ['le', ...legend])).toEqual([]);
    }
  });

  it('shows a number where there is no traffic', () => {
    // A rate may be 0, so only a gauge is a safe divisor. A quantile of nothing is NaN, which `>= 0 or` replaces.
    const isUnsafe = (expr: string) =>
      / \/ (?!clamp_min\(|on \(job, slo\)|\w+_(limit_bytes|max_fds)\{)/.test(expr) ||
      (expr.includes('histogram_quantile') && !/ >= 0 or 0 \* /.test(expr));
    expect(queries.filter(({ expr }) => isUnsafe(expr))).toEqual([]);
  });

  it.each(queries.filter(({ title }) => /^(Errors|Failed)/.test(title)))('$title excludes OK', ({ expr }) => {
    const selected = readPromql(expr).matchers.filter(({ label }) => label === 'code' || label === 'outcome');
    expect(selected).toMatchObject([{ operator: '!=', value: 'OK' }]);
  });

  it('queries the chosen data source and namespace', () => {
    const variables = templating.list.map(({ name, type }) => `${name}: ${type}`);
    expect(variables).toEqual(['datasource: datasource', 'namespace: query']);
    const selectors = queries.flatMap(({ expr }) => readPromql(expr).selectors);
    const anywhere = selectors.filter(({ matchers }) => !matchers.some(({ label }) => label === 'namespace'));
    expect(new Set(anywhere.map(({ metric }) => metric))).toEqual(new Set(['slo:error_budget:ratio']));
  });
});

it('the runbook lists each alert at its cause', () => {
  const listed = readTable(read('docs/runbook.md'), 'cause').flatMap(([cause = '', names]) =>
    readNames(names).map((alert) => [alert, `docs/runbook.md${/\]\((#.+)\)/.exec(cause)?.[1]}`]),
  );
  const causes = alerts.map(({ alert, annotations }) => [alert, annotations.runbook_url]);
  expect(listed.toSorted()).toEqual(causes.toSorted());
});
