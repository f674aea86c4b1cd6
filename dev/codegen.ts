/**
 * `npm run codegen`: writes the types of the schema, as codegen.yml says, the rules of deploy/ as the Prometheus Operator takes
 * them, and the tables of `SIZES` and `PRICES` in docs/reliability.md; `-- --check` only says whether they are up to date.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cliError, runCli } from '@graphql-codegen/cli';
import { parse, stringify } from 'yaml';
import { SIZES } from '../src/graphql/limits.ts';
import { PRICES } from '../src/prices.ts';
import { readOptions } from './options.ts';

const DEPLOY = new URL('../deploy/', import.meta.url);
const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

// The tool's own command would ignore an unknown argument.
const { check } = readOptions(
  `Options:
  --check    writes nothing, and fails if a file is not as generated
  --watch    again after each change`,
  { check: { type: 'boolean' }, watch: { type: 'boolean' } },
);
process.exitCode = (await runCli('').catch(cliError)) ?? 1;

const written = {
  'deploy/components/prometheus-rules/rules.yaml': writeRules(),
  'docs/reliability.md': writeTable(writeTable(read('docs/reliability.md'), 'sizes', sizes()), 'prices', prices()),
};
for (const [path, text] of Object.entries(written)) {
  if (!check) writeFileSync(new URL(`../${path}`, import.meta.url), text);
  else if (read(path) !== text) {
    console.error(`${path} is out of date: npm run codegen`);
    process.exitCode = 1;
  }
}
process.exit();

/** Returns the rule files of deploy/ as one PrometheusRule. kustomize cannot read a rule file itself. */
function writeRules(): string {
  const files = readdirSync(DEPLOY).filter((name) => /^[\w-]+\.yaml$/.test(name));
  const groups = files.flatMap((name) => parse(readFileSync(new URL(name, DEPLOY), 'utf8')).groups ?? []);
  const resource = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'maintenance-subgraph' },
    spec: { groups },
  };
  return `# Written by \`npm run codegen\` from the rule files in deploy/.\n${stringify(resource, { lineWidth: 0 })}`;
}

/** Returns the rows of the largest arguments, with a head. */
function sizes(): string[][] {
  const kinds = ['entries', 'characters', 'residences'];
  const rows = Object.entries<Readonly<Record<string, number>>>(SIZES).map(([argument, sizes]) => [
    `\`${argument}\``,
    ...kinds.map((kind) => sizes[kind]?.toLocaleString('en') ?? ''),
  ]);
  return [['argument', ...kinds], ...rows];
}

/** Returns the rows of the prices, with a head. */
function prices(): string[][] {
  const rows = Object.values(PRICES).map(({ of, bytes, work }) => [
    of,
    ...[bytes, work].map((n) => n.toLocaleString('en')),
  ]);
  return [['price of', 'bytes', 'work'], ...rows];
}

/** Returns a page with a table between the marks of its name. */
function writeTable(page: string, name: string, [head = [], ...rows]: string[][]): string {
  const lines = [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
  const table = [`<!-- ${name}: written by npm run codegen -->`, '', ...lines, '', `<!-- /${name} -->`].join('\n');
  const place = new RegExp(`^<!-- ${name}:.*<!-- /${name} -->$`, 'ms');
  if (!place.test(page)) throw new Error(`docs/reliability.md has lost the marks of its table of ${name}.`);
  return page.replace(place, () => table);
}
