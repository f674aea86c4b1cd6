/**
 * `npm run codegen`: writes the types of the schema, as codegen.yml says, and the rules of deploy/ as the Prometheus Operator
 * takes them; `-- --check` only says whether they are up to date.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cliError, runCli } from '@graphql-codegen/cli';
import { parse, stringify } from 'yaml';
import { readOptions } from './options.ts';

const DEPLOY = new URL('../deploy/', import.meta.url);
const RULES = new URL('components/prometheus-rules/rules.yaml', DEPLOY);

// The tool's own command would ignore an unknown argument.
const { check } = readOptions({
  check: { type: 'boolean', help: 'writes nothing, and fails if a file is not as generated' },
  watch: { type: 'boolean', help: 'again after each change' },
});
process.exitCode = (await runCli('').catch(cliError)) ?? 1;

const rules = writeRules();
if (!check) writeFileSync(RULES, rules);
else if (readFileSync(RULES, 'utf8') !== rules) {
  console.error('deploy/components/prometheus-rules/rules.yaml is out of date: npm run codegen');
  process.exitCode = 1;
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
