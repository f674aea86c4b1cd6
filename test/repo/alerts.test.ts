/**
 * The rules, the dashboard and the queries of the documents agree with each other and with the metrics of a running subgraph.
 * `promtool test rules deploy/alerts.test.yaml` shows when each alert fires.
 */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { EXAMPLE } from '../../dev/seed.ts';
import { README, readDocument as read, readKeys, readMetricTable } from '../support/documents.ts';
import { readPromql, type Series } from '../support/promql.ts';
import { readFamilies, scrape } from '../support/scrape.ts';
import { type Subgraph, startSubgraph } from '../support/subgraph.ts';

interface Recorded {
  readonly record: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
}

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
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
  readonly promql_expr_test: readonly {
    readonly exp_samples?: readonly { readonly labels: string; readonly value: number }[];
  }[];
}

const [{ rules: records }]: [{ rules: Recorded[] }] = parse(read('deploy/slo.yaml')).groups;
const [{ rules: alerts }]: [{ rules: Alert[] }] = parse(read('deploy/alerts.yaml')).groups;
const dashboard = JSON.parse(read('deploy/dashboard.json'));
const panels: Panel[] = dashboard.panels;
const queries = panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })));
const expressions = [
  ...records.map(({ record, labels, expr }): [string, string] => [`${record} ${labels?.slo ?? ''}`, expr]),
  ...alerts.map(({ alert, expr }): [string, string] => [alert, expr]),
  ...queries.map(({ title, refId, expr }): [string, string] => [`${title} ${refId}`, expr]),
  ...['docs/runbook.md', 'docs/capacity.md'].flatMap(readQueries).map((expr): [string, string] => [expr, expr]),
];
/** What Prometheus adds to each series. */
const TARGET = ['job', 'namespace', 'instance'];
const codes = readKeys(README, 'code');

/** The lines of a document’s PromQL blocks. */
function readQueries(file: string): string[] {
  const blocks = read(file).matchAll(/^```promql\n([\s\S]+?)^```$/gm);
  return [...blocks].flatMap(([, block = '']) => block.split('\n').filter((line) => line !== ''));
}

let subgraph: Subgraph;
/** The metrics of the subgraph and the records, with the labels of each. */
let series: Map<string, Set<string>>;
/** The metrics without prom-client's own. */
let ours: string[];
/** The values of each label that were seen, and all codes. */
const values = new Map<string, Set<string>>();

beforeAll(async () => {
  subgraph = await startSubgraph();
  await subgraph.ask(`{ maintenances(residenceId: "${EXAMPLE.residenceId}") { id } }`);
  for (const path of ['/health/live', '/health/ready', '/metrics']) await fetch(subgraph.url + path);
  const families = await readFamilies(subgraph.url);
  const samples = [...(await scrape(subgraph.url)).keys()];
  ours = [...families.keys()].filter((name) => !/^(nodejs|process)_/.test(name));
  const table = readMetricTable();
  series = new Map([['up', new Set(TARGET)]]);
  for (const [name, type] of families) {
    const labels = [...TARGET, ...(table.get(name)?.labels ?? [])];
    if (type !== 'histogram' && type !== 'summary') series.set(name, new Set(labels));
    else for (const suffix of ['_bucket', '_sum', '_count']) series.set(name + suffix, new Set(labels));
    if (type === 'histogram') series.get(`${name}_bucket`)?.add('le');
  }
  for (const { record, expr, labels = {} } of records) {
    const known = [...(series.get(record) ?? []), ...readPromql(expr, series).labels, ...Object.keys(labels)];
    series.set(record, new Set(known));
    for (const [label, value] of Object.entries(labels))
      values.set(label, new Set([...(values.get(label) ?? []), value]));
  }
  for (const sample of samples)
    for (const [, label = '', value = ''] of sample.matchAll(/(\w+)="([^"]*)"/g))
      values.set(label, (values.get(label) ?? new Set()).add(value));
  for (const label of ['code', 'outcome']) values.set(label, new Set([...(values.get(label) ?? []), ...codes, 'OK']));
  values.set('job', new Set([parse(read('deploy/prometheus.yaml')).scrape_configs[0].job_name]));
  values.set('namespace', new Set(['any']));
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
    ['a_total and on (kind) b_total', /no label kind/],
    ['a_total / on (kind) group_left () b_total', /no label kind/],
    ['-a_total', /nobody has looked into/],
  ])('finds the fault in %s', (source, fault) => {
    expect(readPromql(source, known).faults.join('\n')).toMatch(fault);
  });

  it.each([
    ['sum by (job) (rate(a_total{code!="OK"}[$__rate_interval])) / sum by (job) (b_total offset 5m) > 0.5', ['job']],
    ['histogram_quantile(0.9, sum by (job, le) (rate(c_bucket[5m])))', ['job']],
    ['a_total or b_total', ['job']],
    ['a_total and on (job) b_total', ['job', 'code']],
    ['absent(a_total{job="x"})', ['job']],
    ['clamp_min(a_total, 1) > on (job) group_left () 2 * b_total', ['job', 'code']],
    ['sum_over_time(b_total[1d:10m] offset 1h) unless b_total', ['job']],
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
      // A record is about this job already.
      const raw = metrics.filter((name) => !name.includes(':'));
      return matchers.filter(({ label, operator }) => label === 'job' && operator === '=').length !== raw.length;
    });
    expect(without).toEqual([]);
  });

  it.each(['slo', 'alerts'])('keeps the namespaces apart in %s.yaml', (name) => {
    const clauses = read(`deploy/${name}.yaml`).match(/\bby \([^)]*\)/g) ?? [];
    expect(clauses.length).toBeGreaterThan(5);
    expect(clauses.filter((clause) => !clause.startsWith('by (namespace, job'))).toEqual([]);
  });
});

describe('each alert', () => {
  it('has a unique name', () => {
    expect(alerts.length).toBeGreaterThan(0);
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  });

  it.each(alerts.map((alert): [string, Alert] => [alert.alert, alert]))(
    '%s says all there is to say',
    (name, alert) => {
      expect(alert.labels.severity).toMatch(/^(page|ticket)$/);
      const { summary, description, runbook_url, fires_within, ...others } = alert.annotations;
      expect(others).toEqual({});
      expect(fires_within).toMatch(/^\d+m$/);
      expect(summary).toMatch(/\.$/);
      expect(description).toMatch(/\.$/);
      expect(runbook_url).toBe(`docs/runbook.md#${name.toLowerCase()}`);
      const named = [...JSON.stringify(alert.annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label]) => label);
      expect([...readPromql(alert.expr, series).labels]).toEqual(expect.arrayContaining(named));
    },
  );

  const tests: RuleTest[] = ['alerts', 'alerts.slow'].flatMap((name) => parse(read(`deploy/${name}.test.yaml`)).tests);
  const fired = tests.map(({ promql_expr_test }) =>
    promql_expr_test.flatMap(({ exp_samples = [] }) =>
      exp_samples.flatMap(({ labels, value }) => {
        const [, alert] = /alertname="(\w+)"/.exec(labels) ?? [];
        return alert ? [{ alert, value }] : [];
      }),
    ),
  );

  it('is made to fire in a rule test', () => {
    const names = new Set(fired.flat().map(({ alert }) => alert));
    expect([...names].sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  it('fires within the time that it states', () => {
    const limits = new Map(
      alerts.map((alert) => [alert.alert, Number.parseInt(alert.annotations.fires_within ?? '', 10)]),
    );
    // The first table has the seconds from each fault to its alert.
    const seconds = fired[0] ?? [];
    expect(seconds.length).toBeGreaterThan(alerts.length);
    expect(seconds.filter(({ alert, value }) => !(value <= 60 * (limits.get(alert) ?? 0)))).toEqual([]);
  });
});

describe('the dashboard', () => {
  const shown = panels.filter(({ type }) => type !== 'row');
  /** Whether a label has one value throughout, since it is asked for by it. */
  const constant = (expr: string, label: string) => expr.includes(`${label}="`);

  it('shows every metric of the subgraph', () => {
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

  it('shows a number where there is no traffic', () => {
    // Only a gauge may be divided by as it is: a rate may be 0. A quantile of nothing is NaN, which `>= 0 or` replaces.
    const nan = queries
      .map(({ expr }) => expr)
      .filter(
        (expr) =>
          / \/ (?!clamp_min\(|on \(job, slo\)|\w+_(limit_bytes|max_fds)\{)/.test(expr) ||
          (expr.includes('histogram_quantile') && !/ >= 0 or 0 \* /.test(expr)),
      );
    expect(nan).toEqual([]);
  });

  it.each(
    shown
      .filter(({ title }) => /^(Errors|Failed)/.test(title))
      .flatMap(({ title, targets = [] }) => targets.map(({ expr }): [string, string] => [title, expr])),
  )('%s leaves out what ended OK: %s', (_, expr) => {
    const { matchers } = readPromql(expr, series);
    const takesOk = matchers
      .filter(({ label }) => label === 'code' || label === 'outcome')
      .map(({ operator, value }) => operator.startsWith('!') !== new RegExp(`^(?:${value})$`).test('OK'));
    expect(takesOk).toEqual([false]);
  });

  it('asks the data source and the namespace that are chosen', () => {
    const names = dashboard.templating.list.map(({ name, type }: { name: string; type: string }) => [name, type]);
    expect(names).toEqual([
      ['datasource', 'datasource'],
      ['namespace', 'query'],
    ]);
    const anywhere = queries.filter(({ expr }) => {
      const { metrics, matchers } = readPromql(expr, series);
      const budgets = metrics.filter((name) => name === 'slo:error_budget:ratio');
      return matchers.filter(({ label }) => label === 'namespace').length !== metrics.length - budgets.length;
    });
    expect(anywhere).toEqual([]);
  });
});

describe('the runbook', () => {
  const runbook = read('docs/runbook.md');

  it('has a section for each alert, in their order, and for no other', () => {
    const sections = [...runbook.matchAll(/^#+ (Maintenance\w+)$/gm)].map(([, name]) => name);
    expect(sections).toEqual(alerts.map(({ alert }) => alert));
  });

  it('says of each which severity it has, and how soon it fires', () => {
    const heads = runbook.matchAll(/^#+ (Maintenance\w+)\n\n(Page|Ticket)\. Fires within (\d+) minutes?\. /gm);
    const said = [...heads].map(([, name, severity, minutes]) => [name, severity?.toLowerCase(), `${minutes}m`]);
    expect(said).toEqual(
      alerts.map(({ alert, labels, annotations }) => [alert, labels.severity, annotations.fires_within]),
    );
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
