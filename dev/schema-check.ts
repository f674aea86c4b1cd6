/**
 * `npm run schema:check`: compares the schema with the last release: the newest tag `v…`, else the baseline beside the
 * schema. A release is compared with the release before. Exits with 1 if a breaking change is not declared, or if CHANGELOG.md
 * does not name a change.
 *
 * `-- --accept` makes the current schema the baseline. Run this after the tag of a release exists: until then, the declared
 * changes are changes since the release before.
 *
 * `-- --operations GLOB` also validates the operations that consumers registered, and names each app that breaks.
 * `--subgraph NAME=FILE` (or URL) puts the schema of another team's subgraph into the supergraph of these operations.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type Change, CriticalityLevel } from '@graphql-inspector/core';
import { GraphQLError, parse, print, validate } from 'graphql';
import { readOptions } from './options.ts';
import { compareSchemas, listMembers } from './schema-changes.ts';
import { composeApi, readOperations } from './schema-operations.ts';
import { readSubgraph } from './supergraph/read-subgraph.ts';

const SCHEMA = 'schema/maintenance.graphql';
const BASELINE = 'schema/baseline/maintenance.graphql';
/** The message and the reason of each intended breaking change. */
const DECLARED = 'schema/baseline/breaking-changes.json';
const CHANGELOG = 'CHANGELOG.md';
const SUPERGRAPH = 'supergraph/supergraph.yaml';

const read = (file: string) => readFileSync(file, 'utf8');

const options = readOptions(
  {
    operations: { type: 'string', multiple: true, value: 'GLOB', help: 'checks the operations of apps; repeatable' },
    subgraph: { type: 'string', multiple: true, value: 'NAME=FILE|URL', help: 'adds a subgraph to their supergraph' },
    accept: { type: 'boolean', help: 'makes the schema the baseline, after a release' },
  },
  'Quote a GLOB. Paths are relative to the root of this repository.',
);
try {
  if (options.accept) accept();
  else {
    const { operations = [], subgraph = [] } = options;
    if (subgraph.length > 0 && operations.length === 0) throw new Error('--subgraph needs --operations.');
    const areDeclared = await checkChanges();
    const areValid = operations.length === 0 || (await checkOperations(operations, subgraph));
    process.exitCode = areDeclared && areValid ? 0 : 1;
  }
} catch (error) {
  // With the file and the line of a syntax error.
  console.error(error instanceof GraphQLError ? String(error) : error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

function accept(): void {
  writeFileSync(BASELINE, `${print(parse(read(SCHEMA)))}\n`);
  writeFileSync(DECLARED, '{}\n');
  console.log(`${BASELINE} is the schema as it is; no breaking change is declared any more.`);
}

/** Prints the changes since the last release. Resolves to whether all are in the changelog, and breaking changes declared. */
async function checkChanges(): Promise<boolean> {
  const { name, sdl } = readRelease() ?? { name: BASELINE, sdl: read(BASELINE) };
  const declared: Record<string, string> = JSON.parse(read(DECLARED));
  const changes = await compareSchemas(sdl, read(SCHEMA));
  const breaking = changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking);
  console.log(`Compared with ${name}: ${changes.length || 'nothing'} changed.`);
  for (const change of changes) {
    const reason = breaking.includes(change) && declared[change.message];
    // Descriptions have many lines.
    const [line] = change.message.split('\n');
    console.log(`  ${change.criticality.level.padEnd(12)}  ${line}${reason ? ` (declared: ${reason})` : ''}`);
  }
  const messages = breaking.map(({ message }) => message);
  for (const message of Object.keys(declared)) {
    if (!messages.includes(message)) console.log(`  Declared, and not there: ${message}`);
  }
  const isComplete = checkChangelog(name, changes);
  const undeclared = messages.filter((message) => !declared[message]);
  if (undeclared.length === 0) return isComplete;
  const reasons = Object.fromEntries(undeclared.map((message) => [message, 'the reason, and the teams that know']));
  const entries = JSON.stringify(reasons, null, 2);
  console.error(`Breaking, and not declared. Undo each change, or give its reason in ${DECLARED}:\n${entries}`);
  return false;
}

/** Returns whether the newest section of the changelog has an entry and names each changed member in backticks. */
function checkChangelog(release: string, changes: readonly Change[]): boolean {
  const [, newest = ''] = read(CHANGELOG).split(/^## /m);
  // The section of the release itself describes older changes.
  const section = newest.startsWith(release.slice(1)) ? '' : newest;
  const code = section.match(/`[^`\n]+`/g)?.join() ?? '';
  const missing = listMembers(changes).filter((member) => !new RegExp(`\\b${member}\\b`).test(code));
  if (changes.length === 0 || (missing.length === 0 && /^- /m.test(section))) return true;
  const what = missing.map((member) => `\`${member}\``).join(', ') || 'the changes of the schema';
  console.error(`${CHANGELOG} does not name ${what} under "## Unreleased". Add a line there.`);
  return false;
}

/** Prints each operation that is not valid, with its errors. Resolves to whether all are valid, and at least one. */
async function checkOperations(patterns: readonly string[], subgraphs: readonly string[]): Promise<boolean> {
  const operations = readOperations(patterns);
  const api = composeApi(SUPERGRAPH, await Promise.all(subgraphs.map(readSubgraph)));
  const results = operations.map(({ name, document }) => ({ name, errors: validate(api, document) }));
  const invalid = results.filter(({ errors }) => errors.length > 0);
  console.log(`Operations: ${operations.length} checked, ${invalid.length} not valid.`);
  if (operations.length === 0)
    console.error('No operation found: code needs gql`…`, graphql`…`, graphql(`…`) or /* GraphQL */ `…`.');
  for (const { name, errors } of invalid) console.error(`${name} is not valid.\n${errors.join('\n\n')}`);
  return operations.length > 0 && invalid.length === 0;
}

/** Returns the schema of the newest release before this release; undefined without such a release, git or its history. */
function readRelease() {
  const git = (...args: string[]) =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    // A comparison of a release with itself would find nothing. Uncommitted changes on top of a release do not belong to it.
    const isCommitted = git('diff', '--name-only', 'HEAD', '--', 'schema') === '';
    const own = isCommitted ? git('tag', '--points-at', 'HEAD').split('\n').filter(Boolean) : [];
    const others = ['--match', 'v[0-9]*', ...own.flatMap((tag) => ['--exclude', tag])];
    const tag = git('describe', '--tags', '--abbrev=0', ...others).trim();
    return { name: tag, sdl: git('show', `${tag}:./${SCHEMA}`) };
  } catch {
    return undefined;
  }
}
