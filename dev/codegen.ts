/**
 * `npm run codegen`: writes the types of the schema, as codegen.yml says, the links of the alerts, the rules of deploy/ as the
 * Prometheus Operator takes them, and of three tables in docs/ the rows and columns that code decides. It keeps the other columns,
 * and fails where a cell of theirs is missing; `-- --check` only says whether all files are up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cliError, runCli } from '@graphql-codegen/cli';
import { buildSchema, isEnumType } from 'graphql';
import { parse, stringify } from 'yaml';
import manifest from '../package.json' with { type: 'json' };
import { FAILURES } from '../src/command-api/failures.ts';
import { describeVariables } from '../src/config.ts';
import { failureCodeOf } from '../src/graphql/public-failures.ts';
import { readOptions } from './options.ts';

const RULES = 'deploy/alerts.yaml';
const read = (path: string) => readFileSync(path, 'utf8');
const schema = buildSchema(read('schema/maintenance.graphql'), { assumeValid: true });
const code = (name: string) => `\`${name}\``;
const failures = Object.entries(FAILURES).map(([kind, { outcome, retry, health }]) => {
  return [code(kind), code(failureCodeOf(kind as keyof typeof FAILURES)), code(outcome), retry, health];
});

// The tool's own command would ignore an unknown argument.
const { check } = readOptions('Options:\n  --check    writes nothing, and fails if a file is not as generated', {
  check: { type: 'boolean' },
});
process.exitCode = (await runCli('').catch(cliError)) ?? 1;

const rules = readRules();
const written = {
  [RULES]: rules,
  'deploy/components/prometheus-rules/rules.yaml': writeRules(),
  'docs/reliability.md': writeTable('docs/reliability.md', 'failures', failures),
  'docs/apps.md': writeTable('docs/apps.md', 'codes', codes()),
  'docs/configuration.md': writeTable('docs/configuration.md', 'variables', describeVariables()),
};
for (const [path, text] of Object.entries(written)) {
  if (!check) writeFileSync(path, text);
  else if (read(path) !== text) fail(`${path} is out of date: npm run codegen`);
}
process.exit();

function fail(message: string): void {
  console.error(message);
  process.exitCode = 1;
}

/** Returns the alerts, whose links lead to a heading of this version's runbook. */
function readRules(): string {
  const page = `${manifest.repository}/blob/v${manifest.version}/`;
  const headings = read('docs/runbook.md')
    .match(/(?<=^## ).+/gm)
    ?.map((one) => one.toLowerCase().replaceAll(' ', '-'));
  return read(RULES).replaceAll(/(?<=runbook_url: )\S*(docs\/runbook\.md#(\S+))/g, (_, path, anchor) => {
    if (!headings?.includes(anchor)) fail(`${RULES}: docs/runbook.md has no heading for #${anchor}`);
    return page + path;
  });
}

/** Returns the rules as a PrometheusRule. kustomize cannot read a rule file itself. */
function writeRules(): string {
  const resource = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'maintenance-subgraph' },
    spec: parse(rules),
  };
  return `# Written by \`npm run codegen\` from ${RULES}.\n${stringify(resource, { lineWidth: 0 })}`;
}

/** Returns the rows of the error codes: the values of the enum, and the codes that its description lists. */
function codes(): string[][] {
  const type = schema.getType('MaintenanceErrorCode');
  if (!isEnumType(type)) throw new Error('The schema has no enum MaintenanceErrorCode.');
  const others = type.description?.match(/(?<=^- .*`)[A-Z_]+(?=`)/gm) ?? [];
  return [...type.getValues().map(({ name }) => name), ...others].map((name) => [code(name)]);
}

/**
 * Returns a page with this table between the marks of its name, with the head of the old one. Its columns after those of `rows` are
 * written by hand: each row keeps theirs by its key in the first column, and keys with the same cells share a row.
 */
function writeTable(path: string, name: string, rows: string[][]): string {
  const page = read(path);
  const place = new RegExp(`(?<=^<!-- ${name}: .* -->\\n).*(?=^<!-- /${name} -->$)`, 'ms');
  const [head = '', line = '', ...old] = place.exec(page)?.[0].match(/^\|.*/gm) ?? [];
  const cellsOf = (row: string) => row.split(/ *\| */).slice(1, -1);
  const generated = rows[0]?.length ?? 0;
  const kept = new Map<string, string[]>();
  for (const [keys = '', ...cells] of old.map(cellsOf))
    for (const key of keys.match(/`[^`]+`/g) ?? []) kept.set(key, cells.slice(generated - 1));
  const shared = Map.groupBy(rows, ([key = '', ...cells]) => {
    for (const [at, title] of cellsOf(head).slice(generated).entries())
      if (!kept.get(key)?.[at]) fail(`${path}, table of ${name}: fill in "${title}" of ${key}`);
    return [...cells, ...(kept.get(key) ?? [])].join(' | ');
  });
  const merged = Array.from(shared, ([cells, same]) => `| ${same.map(([key]) => key).join(', ')} | ${cells} |`);
  if (!head) throw new Error(`${path} has lost the marks of its table of ${name}.`);
  return page.replace(place, () => ['', head, line, ...merged, '', ''].join('\n'));
}
