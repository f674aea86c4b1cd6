/**
 * `npm run codegen`: writes the types of the schema, as codegen.yml says, the rules of deploy/ as the Prometheus Operator takes
 * them, and the table of `SIZES` in docs/reliability.md; `-- --check` only says whether they are up to date.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cliError, runCli } from '@graphql-codegen/cli';
import { parse, stringify } from 'yaml';
import { SIZES } from '../src/graphql/limits.ts';
import { readOptions } from './options.ts';

const DEPLOY = new URL('../deploy/', import.meta.url);
const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

// The tool's own command would ignore an unknown argument.
const { check } = readOptions({
  check: { type: 'boolean', help: 'writes nothing, and fails if a file is not as generated' },
  watch: { type: 'boolean', help: 'again after each change' },
});
process.exitCode = (await runCli('').catch(cliError)) ?? 1;

const written = {
  'deploy/components/prometheus-rules/rules.yaml': writeRules(),
  'docs/reliability.md': writeSizes(),
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

/** Returns docs/reliability.md with the table of the largest arguments. */
function writeSizes(): string {
  const kinds = ['entries', 'characters', 'residences'];
  const rows = Object.entries<Readonly<Record<string, number>>>(SIZES).map(([argument, sizes]) => [
    `\`${argument}\``,
    ...kinds.map((kind) => sizes[kind]?.toLocaleString('en') ?? ''),
  ]);
  const lines = [['argument', ...kinds], ['---', ...kinds.map(() => '---')], ...rows].map(
    (row) => `| ${row.join(' | ')} |`,
  );
  const table = ['<!-- sizes: written by npm run codegen -->', '', ...lines, '', '<!-- /sizes -->'].join('\n');
  const page = read('docs/reliability.md');
  const place = /^<!-- sizes.*<!-- \/sizes -->$/ms;
  if (!place.test(page)) throw new Error('docs/reliability.md has lost the marks of its table of sizes.');
  return page.replace(place, () => table);
}
