/**
 * The alerts, the dashboard and what the documents ask Prometheus, held against each other and against what a running subgraph has to tell.
 * When each alert fires, `promtool test rules deploy/alerts.test.yaml` shows.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { EXAMPLE } from '../dev/seed.ts';
import { README, readDocument as read, readKeys, readMetricTable } from './support/documents.ts';
import { readPromql, type Series } from './support/promql.ts';
import { readFamilies, scrape } from './support/scrape.ts';
import { type Subgraph, startSubgraph } from './support/subgraph.ts';

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

interface RuleTest {
  readonly promql_expr_test?: readonly { readonly exp_samples?: readonly { readonly labels: string }[] }[];
}

const alerts: Alert[] = parse(read('deploy/alerts.yaml')).groups.flatMap(({ rules }: { rules: Alert[] }) => rules);
const dashboard = JSON.parse(read('deploy/dashboard.json'));
const panels: Panel[] = dashboard.panels;
const queries = panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));
const expressions = [
  ...alerts.map(({ alert, expr }): [string, string] => [alert, expr]),
  ...queries.map(({ title, refId, expr }): [string, string] => [`${title} ${refId}`, expr]),
  ...['docs/runbook.md', 'docs/capacity.md'].flatMap(readQueries).map((expr): [string, string] => [expr, expr]),
];
const codes = readKeys(README, 'code');

/** What a document has in blocks of PromQL. */
function readQueries(file: string): string[] {
  const blocks = read(file).matchAll(/^```promql\n([\s\S]+?)^```$/gm);
  return [...blocks].flatMap(([, block = '']) => block.split('\n').filter((line) => line !== ''));
}

let subgraph: Subgraph;
let series: Map<string, Set<string>>;
/** The families that are not prom-client's own. */
let ours: string[];
/** Of each label of ours, the values seen, and all codes. */
const values = new Map<string, Set<string>>();

beforeAll(async () => {
  subgraph = await startSubgraph();
  await subgraph.ask(`{ maintenances(residenceId: "${EXAMPLE.residenceId}") { id } }`);
  for (const path of ['/health/live', '/health/ready', '/metrics']) await fetch(subgraph.url + path);
  const families = await readFamilies(subgraph.url);
  const samples = [...(await scrape(subgraph.url)).keys()];
  ours = [...families.keys()].filter((name) => !/^(nodejs|process)_/.test(name));
  const table = readMetricTable();
  series = new Map([['up', new Set(['job', 'instance'])]]);
  for (const [name, type] of families) {
    const labels = ['job', 'instance', ...(table.get(name)?.labels ?? [])];
    if (type !== 'histogram' && type !== 'summary') series.set(name, new Set(labels));
    else for (const suffix of ['_bucket', '_sum', '_count']) series.set(name + suffix, new Set(labels));
    if (type === 'histogram') series.get(`${name}_bucket`)?.add('le');
  }
  for (const sample of samples)
    for (const [, label = '', value = ''] of sample.matchAll(/(\w+)="([^"]*)"/g))
      values.set(label, (values.get(label) ?? new Set()).add(value));
  for (const label of ['code', 'outcome']) values.set(label, new Set([...(values.get(label) ?? []), ...codes, 'OK']));
  values.set('job', new Set([parse(read('deploy/prometheus.yaml')).scrape_configs[0].job_name]));
  // Whatever the command API answers.
  values.set('http_response_status_code', new Set(['200', '401', '429', '500', '503']));
  values.set('reason', new Set(['429']));
});

afterAll(() => subgraph.stop());

describe('the way PromQL is read', () => {
  const known: Series = new Map([
    ['a_total', new Set(['job', 'code'])],
    ['b_total', new Set(['job'])],
    ['c_bucket', new Set(['job', 'le'])],
  ]);

  it.each([
    ['sum by (job) (rate(a_total[5m])', /cannot be read/],
    ['rate(d_total[5m])', /no metric d_total/],
    ['{job="x"}', /no metric/],
    ['a_total{kind="x"}', /no label kind/],
    ['sum by (kind) (rate(a_total[5m]))', /no label kind/],
    ['sum by (le) (sum by (job) (rate(c_bucket[5m])))', /no label le/],
    ['histogram_quantile(0.9, sum by (job) (rate(c_bucket[5m])))', /no label le/],
    ['a_total / b_total', /sides with other labels/],
    ['sum without (code) (a_total)', /nobody has looked into/],
    ['a_total and on (job) b_total', /nobody has looked into/],
    ['-a_total', /nobody has looked into/],
  ])('finds the fault in %s', (source, fault) => {
    expect(readPromql(source, known).faults.join('\n')).toMatch(fault);
  });

  it.each([
    ['sum by (job) (rate(a_total{code!="OK"}[$__rate_interval])) / sum by (job) (b_total offset 5m) > 0.5', ['job']],
    ['histogram_quantile(0.9, sum by (job, le) (rate(c_bucket[5m])))', ['job']],
    ['a_total or b_total', ['job']],
    ['absent(a_total{job="x"})', ['job']],
    ['time() - a_total', ['job', 'code']],
    ['sum(a_total)', []],
    ['(sum(a_total) or vector(0)) / sum(b_total)', []],
  ])('knows the labels of %s', (source, labels) => {
    const reading = readPromql(source, known);
    expect(reading.faults).toEqual([]);
    expect([...reading.labels].sort()).toEqual([...labels].sort());
  });
});

describe('each expression', () => {
  it.each(expressions)('asks for what there is: %s', (_, expr) => {
    const { faults, matchers } = readPromql(expr, series);
    expect(faults).toEqual([]);
    const unknown = matchers.filter(({ label, operator, value }) => {
      const pattern = new RegExp(`^(?:${value})$`);
      const alternatives = operator.endsWith('~') ? value.split('|') : [value];
      const seen = [...(values.get(label) ?? [])];
      if (operator.endsWith('~') && !seen.some((one) => pattern.test(one))) return true;
      return alternatives.some((one) => !seen.some((value) => new RegExp(`^(?:${one})$`).test(value)));
    });
    expect(unknown).toEqual([]);
  });

  it('is about this job alone', () => {
    const without = expressions.filter(([, expr]) => {
      const { metrics, matchers } = readPromql(expr, series);
      return matchers.filter(({ label, operator }) => label === 'job' && operator === '=').length !== metrics.length;
    });
    expect(without).toEqual([]);
  });
});

describe('each alert', () => {
  it('has a name of its own', () => {
    expect(alerts.length).toBeGreaterThan(0);
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  });

  it.each(alerts.map((alert): [string, Alert] => [alert.alert, alert]))(
    '%s says all there is to say',
    (name, alert) => {
      expect(alert.for).toMatch(/^\d+m$/);
      expect(alert.labels.severity).toMatch(/^(page|ticket)$/);
      const { summary, description, runbook_url, ...others } = alert.annotations;
      expect(others).toEqual({});
      expect(summary).toMatch(/\.$/);
      expect(description).toMatch(/\.$/);
      expect(runbook_url).toBe(`docs/runbook.md#${name.toLowerCase()}`);
      const named = [...JSON.stringify(alert.annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
      expect([...readPromql(alert.expr, series).labels]).toEqual(expect.arrayContaining(named));
    },
  );

  it('is made to fire in alerts.test.yaml, and there is a test in which none does', () => {
    const tests: RuleTest[] = parse(read('deploy/alerts.test.yaml')).tests;
    const firing = tests.map(({ promql_expr_test = [] }) =>
      promql_expr_test.flatMap(({ exp_samples = [] }) => exp_samples.map(({ labels }) => labels)),
    );
    const fired = firing.flat().map((labels) => /alertname="(\w+)"/.exec(labels)?.[1]);
    expect([...new Set(fired)].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
    expect(tests.some(({ promql_expr_test = [] }, at) => promql_expr_test.length > 0 && firing[at]?.length === 0)).toBe(
      true,
    );
  });
});

describe('the dashboard', () => {
  const shown = panels.filter(({ type }) => type !== 'row');
  /** Whether a label has one value throughout, since it is asked for by it. */
  const constant = (expr: string, label: string) => expr.includes(`${label}="`);

  it('shows every metric of ours, and of them only such as there are', () => {
    const metrics = new Set(queries.flatMap(({ expr }) => readPromql(expr, series).metrics));
    const missing = ours.filter(
      (name) => !['', '_bucket', '_sum', '_count'].some((suffix) => metrics.has(name + suffix)),
    );
    expect(ours).toContain('maintenance_commands_total');
    expect(missing).toEqual([]);
  });

  it('has each panel once, and none on top of another', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(new Set(shown.map(({ title }) => title)).size).toBe(shown.length);
    const overlaps = panels.flatMap(({ id, gridPos: a }) =>
      panels.flatMap(({ id: other, gridPos: b }) => {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        return id < other && !apart ? [[id, other]] : [];
      }),
    );
    expect(overlaps).toEqual([]);
    expect(panels.filter(({ gridPos: { x, w } }) => x < 0 || x + w > 24)).toEqual([]);
  });

  it.each(shown.map((panel): [string, Panel] => [panel.title, panel]))(
    '%s says what it is and what is normal',
    (_, panel) => {
      expect(panel.description).toMatch(/Normal: .+\.$/);
      expect(panel.fieldConfig?.defaults.unit).toMatch(/^(short|reqps|ops|s|bytes|percentunit)$/);
      expect(panel.datasource?.uid).toMatch(/^\$\{datasource\}$/);
      const targets = panel.targets ?? [];
      expect(targets).not.toEqual([]);
      for (const { expr, legendFormat } of targets) {
        const { labels } = readPromql(expr, series);
        const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
        // Else two lines have one name.
        expect([...labels].filter((label) => label !== 'job' && !constant(expr, label)).sort()).toEqual(named.sort());
      }
    },
  );

  it.each(['Replicas up', 'Operations with an error', 'Commands that fail', 'Retries for each command'])(
    '%s is a number also where that which is counted has no series yet',
    (name) => {
      const found = queries.filter(({ title }) => title === name).map(({ expr }) => expr);
      expect(found).toEqual([expect.stringMatching(/^[^/]+ or vector\(0\)(\) \/ sum .+)?$/)]);
    },
  );

  it.each(
    shown
      .filter(({ title, description = '' }) => /error|fail/i.test(title) || / not end OK/.test(description))
      .flatMap(({ title, targets = [] }) => targets.map(({ expr }): [string, string] => [title, expr])),
  )('%s leaves out what ended OK: %s', (_, expr) => {
    const { matchers } = readPromql(expr, series);
    const takesOk = matchers
      .filter(({ label }) => label === 'code' || label === 'outcome')
      .map(({ operator, value }) => operator.startsWith('!') !== new RegExp(`^(?:${value})$`).test('OK'));
    // Or takes it away from all there is.
    expect(takesOk).toEqual([expr.startsWith('1 - ')]);
  });

  it('asks the data source that is chosen', () => {
    const names = dashboard.templating.list.map(({ name, type }: { name: string; type: string }) => [name, type]);
    expect(names).toEqual([['datasource', 'datasource']]);
  });
});

describe('the runbook', () => {
  const runbook = read('docs/runbook.md');

  it('has a section for each alert, in their order, and for no other', () => {
    const sections = [...runbook.matchAll(/^#+ (Maintenance\w+)$/gm)].map(([, name]) => name);
    expect(sections).toEqual(alerts.map(({ alert }) => alert));
  });

  it('says of each which severity it has', () => {
    const said = [...runbook.matchAll(/^#+ (Maintenance\w+)\n\n(Page|Ticket)\. /gm)].map(([, name, severity]) => [
      name,
      severity?.toLowerCase(),
    ]);
    expect(said).toEqual(alerts.map(({ alert, labels }) => [alert, labels.severity]));
  });

  it('leads to its own sections', () => {
    const slug = (heading = '') =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-');
    const sections = [...runbook.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => slug(heading));
    const links = [...runbook.matchAll(/\]\(#([^)]+)\)/g)].map(([, link]) => link);
    expect(links.filter((link) => !sections.includes(link ?? ''))).toEqual([]);
  });

  it('tells of each code of the README, and of no other', () => {
    const told = readKeys(runbook, 'code');
    expect(told).toEqual(codes);
  });
});
