/**
 * `npm run codegen`: writes the types of the schema, as codegen.yml says, the links of the alerts, the rules of deploy/ as the
 * Prometheus Operator takes them, and of tables in docs/ the rows and columns that code decides. It keeps the other columns, and
 * fails where a cell of theirs is missing; `-- --check` only says whether all files are up to date.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cliError, runCli } from '@graphql-codegen/cli';
import { buildSchema, isEnumType } from 'graphql';
import { parse, stringify } from 'yaml';
import manifest from '../package.json' with { type: 'json' };
import { createUpstream } from '../src/command-api/exchange.ts';
import { FAILURES } from '../src/command-api/failures.ts';
import { describeVariables, loadConfig } from '../src/config.ts';
import { FAULT_CODES } from '../src/errors/faults.ts';
import { LIMITS } from '../src/graphql/limits.ts';
import { OWN_FAULT_CODES, SIZES } from '../src/maintenance/arguments.ts';
import { COMMANDS } from '../src/maintenance/commands.ts';
import { FLAWS } from '../src/maintenance/tickets.ts';
import { createMemory } from '../src/resources/memory.ts';
import { LOG_FIELDS } from '../src/telemetry/log.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';
import { readOptions } from './options.ts';

const read = (path: string) => readFileSync(path, 'utf8');
const schema = buildSchema(read('schema/maintenance.graphql'), { assumeValid: true });
const code = (name: string) => `\`${name}\``;
const rows = (names: Iterable<string>) => Array.from(names, (name) => [code(name)]);
const faults = rows([...FAULT_CODES, ...OWN_FAULT_CODES]);
const failures = Object.entries(FAILURES).map(([kind, { retry, health, ...row }]) => {
  return [code(kind), code(row.code), code(row.outcome), retry, health];
});

// The tool's own command would ignore an unknown argument.
const { check } = readOptions('Options:\n  --check    writes nothing, and fails if a file is not as generated', {
  check: { type: 'boolean' },
});
process.exitCode = (await runCli('').catch(cliError)) ?? 1;

const written = {
  'deploy/alerts.yaml': readRules('deploy/alerts.yaml'),
  'deploy/alerts.test.yaml': readRules('deploy/alerts.test.yaml'),
  'deploy/components/prometheus-rules/rules.yaml': writeRules(),
  'docs/reliability.md': writeTables('docs/reliability.md', { sizes: sizes(), failures }),
  'docs/observability.md': writeTables('docs/observability.md', { metrics: metrics(), fields: rows(LOG_FIELDS) }),
  'docs/apps.md': writeTables('docs/apps.md', { codes: codes(), faults }),
  'README.md': writeTables('README.md', { fields: fields(/^[^.]+/) }),
  'README.zh-CN.md': writeTables('README.zh-CN.md', { fields: fields(/(?<=\()\p{Script=Han}+(?=\))/u) }),
  'docs/configuration.md': writeTables('docs/configuration.md', { variables: describeVariables() }),
};
for (const [path, text] of Object.entries(written)) {
  if (!check) writeFileSync(path, text);
  else if (read(path) !== text) fail(`${path} is out of date: npm run codegen`);
}
process.exit();

function fail(message: string): string {
  console.error(message);
  process.exitCode = 1;
  return '';
}

/** Returns a file with links to the runbook of this version, and the bucket that slo.yaml names for the latency. */
function readRules(path: string): string {
  const [seconds = ''] = /(?<=le=~")[\d.]+(?=\()/.exec(read('deploy/slo.yaml')) ?? [];
  return read(path)
    .replaceAll(/(?<=runbook_url: )\S*(?=docs\/)/g, `${manifest.repository}/blob/v${manifest.version}/`)
    .replaceAll(/(?<=le=")[\d.]+?(?=(\.0)?")/g, seconds);
}

/** Returns the rule files of deploy/ as one PrometheusRule. kustomize cannot read a rule file itself. */
function writeRules(): string {
  const files = readdirSync('deploy').filter((name) => /^[\w-]+\.yaml$/.test(name));
  const groups = files.flatMap((name) => parse(readRules(`deploy/${name}`)).groups ?? []);
  const resource = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'maintenance-subgraph' },
    spec: { groups },
  };
  return `# Written by \`npm run codegen\` from the rule files in deploy/.\n${stringify(resource, { lineWidth: 0 })}`;
}

/** Returns the rows of the largest arguments. */
function sizes(): string[][] {
  const all = { representations: { entries: LIMITS.representations }, ...SIZES };
  return Object.entries<Readonly<Record<string, number>>>(all).map(([argument, sizes]) => [
    code(argument),
    ...['entries', 'characters', 'residences'].map((kind) => sizes[kind]?.toLocaleString('en') ?? ''),
  ]);
}

/** Returns the rows of a server's metrics without those of prom-client. */
function metrics(): string[][] {
  const config = loadConfig({ NODE_ENV: 'development', COMMAND_API_URL: 'http://localhost' });
  const { registry } = createMetrics(createUpstream(config), createMemory(), Object.values(COMMANDS), FLAWS);
  const all = registry.getMetricsAsArray();
  // Its types leave out what the metrics have.
  return (all as unknown as { name: string; labelNames: string[] }[])
    .filter(({ name }) => !/^(nodejs|process)_/.test(name))
    .map(({ name, labelNames }) => [code(name), labelNames.map(code).join(', ')]);
}

/** Returns the rows of the root fields, with this part of their descriptions. */
function fields(part: RegExp): string[][] {
  const roots = { ...schema.getQueryType()?.getFields(), ...schema.getMutationType()?.getFields() };
  const partOf = (text: string) => part.exec(text.replaceAll('\n', ' '))?.[0] ?? fail(`No ${part} in "${text}"`);
  return Object.values(roots).map(({ name, description }) => [code(name), partOf(description ?? '')]);
}

/** Returns the rows of the error codes: the values of the enum, and the codes that its description lists. */
function codes(): string[][] {
  const type = schema.getType('MaintenanceErrorCode');
  if (!isEnumType(type)) throw new Error('The schema has no enum MaintenanceErrorCode.');
  const others = type.description?.match(/(?<=^- .*`)[A-Z_]+(?=`)/gm) ?? [];
  return rows([...type.getValues().map(({ name }) => name), ...others]);
}

/** Returns a page with these tables between the marks of their names. */
function writeTables(path: string, tables: Readonly<Record<string, string[][]>>): string {
  return Object.entries(tables).reduce((page, [name, rows]) => {
    const place = new RegExp(`(?<=^<!-- ${name}: .* -->\\n).*(?=^<!-- /${name} -->$)`, 'ms');
    const [old = ''] = place.exec(page) ?? [];
    if (old === '') throw new Error(`${path} has lost the marks of its table of ${name}.`);
    return page.replace(place, () => writeTable(`${path}, table of ${name}`, rows, old));
  }, read(path));
}

/**
 * Returns a table with the head of the old one. Its columns after those of `rows` are written by hand: each row keeps theirs by its
 * key in the first column, and keys with the same cells share a row.
 */
function writeTable(place: string, rows: string[][], old: string): string {
  const [head = '', line = '', ...oldRows] = old.split('\n').filter((line) => line.startsWith('|'));
  const cellsOf = (row: string) => row.split(/ *\| */).slice(1, -1);
  const generated = rows[0]?.length ?? 0;
  const kept = new Map<string, string[]>();
  for (const [keys = '', ...cells] of oldRows.map(cellsOf))
    for (const key of keys.match(/`[^`]+`/g) ?? []) kept.set(key, cells.slice(generated - 1));
  const shared = Map.groupBy(rows, ([key = '', ...cells]) => {
    for (const [at, title] of cellsOf(head).slice(generated).entries())
      if (!kept.get(key)?.[at]) fail(`${place}: fill in "${title}" of ${key}`);
    return [...cells, ...(kept.get(key) ?? [])].join(' | ');
  });
  const merged = Array.from(shared, ([cells, same]) => `| ${same.map(([key]) => key).join(', ')} | ${cells} |`);
  return ['', head, line, ...merged, '', ''].join('\n');
}
