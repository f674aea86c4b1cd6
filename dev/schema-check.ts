/**
 * `npm run schema:check`: compares the schema with the baseline, which is that of the last release. Exits with 1 if a breaking
 * change is not declared, if CHANGELOG.md does not name a change, or if an operation is not valid.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Change, CriticalityLevel } from '@graphql-inspector/core';
import { GraphQLError, parse, print, validate } from 'graphql';
import { readOptions } from './options.ts';
import { compareSchemas, listMembers } from './schema-changes.ts';
import { composeApi, readOperations } from './schema-operations.ts';

const SCHEMA = 'schema/maintenance.graphql';
const BASELINE = 'schema/baseline/maintenance.graphql';
/** The message and the reason of each intended breaking change. */
const DECLARED = 'schema/baseline/breaking-changes.json';

const read = (file: string) => readFileSync(file, 'utf8');

const { accept, operations, subgraph } = readOptions(
  `Options:
  --operations GLOB        checks the operations of apps; repeatable. Quote it. It is relative to the root of this repository
  --subgraph NAME=FILE|URL adds a subgraph to their supergraph; repeatable
  --accept                 makes the schema the baseline, after a release`,
  {
    operations: { type: 'string', multiple: true, default: [] },
    subgraph: { type: 'string', multiple: true, default: [] },
    accept: { type: 'boolean' },
  },
);
try {
  if (accept) {
    writeFileSync(BASELINE, `${print(parse(read(SCHEMA)))}\n`);
    writeFileSync(DECLARED, '{}\n');
  }
  const problems = await checkChanges();
  if (operations.length > 0) problems.push(...(await checkOperations()));
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
} catch (error) {
  // With the file and the line of a syntax error.
  console.error(error instanceof GraphQLError ? String(error) : error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/** Prints the changes since the baseline. Resolves to a problem for undeclared breaking changes, and for a gap in the changelog. */
async function checkChanges(): Promise<string[]> {
  const declared: Record<string, string> = JSON.parse(read(DECLARED));
  const changes = await compareSchemas(read(BASELINE), read(SCHEMA));
  console.log(`Compared with ${BASELINE}: ${changes.length || 'nothing'} changed.`);
  for (const { criticality, message } of changes) {
    const reason = declared[message] ? ` (declared: ${declared[message]})` : '';
    // Descriptions have many lines.
    console.log(`  ${criticality.level.padEnd(12)}  ${message.split('\n')[0]}${reason}`);
  }
  const breaking = changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking);
  const undeclared = breaking.map(({ message }) => message).filter((message) => !declared[message]);
  const reasons = Object.fromEntries(undeclared.map((message) => [message, 'the reason, and the teams that know']));
  const problem = `Undo each breaking change, or give its reason in ${DECLARED}:\n${JSON.stringify(reasons, null, 2)}`;
  return [...(undeclared.length > 0 ? [problem] : []), ...findGaps(changes)];
}

/** Returns a problem for each changed member that the newest section of the changelog does not name in backticks. */
function findGaps(changes: readonly Change[]): string[] {
  const [, newest = ''] = read('CHANGELOG.md').split(/^## /m);
  const code = newest.match(/`[^`\n]+`/g)?.join() ?? '';
  return listMembers(changes)
    .filter((member) => !new RegExp(`\\b${member}\\b`).test(code))
    .map((member) => `CHANGELOG.md does not name \`${member}\` in its newest section. If it was released: -- --accept`);
}

/** Returns a problem for each operation that is not valid, and if there is none at all. */
async function checkOperations(): Promise<string[]> {
  const api = await composeApi(subgraph);
  const all = operations.flatMap(readOperations);
  const results = all.map(({ name, document }) => ({ name, errors: validate(api, document) }));
  const invalid = results.filter(({ errors }) => errors.length > 0);
  console.log(`Operations: ${all.length} checked, ${invalid.length} not valid.`);
  if (all.length === 0)
    return ['No operation found: code needs gql`…`, graphql`…`, graphql(`…`) or /* GraphQL */ `…`.'];
  return invalid.map(({ name, errors }) => `${name} is not valid.\n${errors.join('\n\n')}`);
}
