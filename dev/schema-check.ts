/**
 * `npm run schema:check`: compares the schema with the last release: the newest tag `v…`, else the baseline beside the
 * schema. A release is compared with the release before. Exits with 1 if a breaking change is not declared.
 *
 * `-- --accept` makes the current schema the baseline. Run this after the tag of a release exists: until then, the declared
 * changes are changes since the release before.
 *
 * `-- --operations GLOB` checks the operations that consumers registered: prints which app breaks, and why.
 * `--subgraph NAME=FILE` (or URL) puts the schema of another team's subgraph into the supergraph of these operations.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type GraphQLSchema, parse, print } from 'graphql';
import { readOptions } from './options.ts';
import { type Change, compareSchemas } from './schema-changes.ts';
import { composeApi, findInvalid, findUsers, readOperations } from './schema-operations.ts';
import { readSubgraph } from './supergraph/read-subgraph.ts';

const SCHEMA = 'schema/maintenance.graphql';
const BASELINE = 'schema/baseline/maintenance.graphql';
/** The message and the reason of each intended breaking change. */
const DECLARED = 'schema/baseline/breaking-changes.json';
const SUPERGRAPH = 'supergraph/supergraph.yaml';

const read = (file: string) => readFileSync(file, 'utf8');

try {
  const {
    accept: isAccepted,
    operations = [],
    subgraph = [],
  } = readOptions(
    {
      operations: { type: 'string', multiple: true, value: 'GLOB', help: 'checks the operations of apps; repeatable' },
      subgraph: { type: 'string', multiple: true, value: 'NAME=FILE|URL', help: 'adds a subgraph to their supergraph' },
      accept: { type: 'boolean', help: 'makes the schema the baseline, after a release' },
    },
    'Quote a GLOB. Paths are relative to the root of this repository.',
  );
  if (isAccepted) accept();
  else process.exitCode = (await check(operations, subgraph)) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

function accept(): void {
  writeFileSync(BASELINE, `${print(parse(read(SCHEMA)))}\n`);
  writeFileSync(DECLARED, '{}\n');
  console.log(`${BASELINE} is the schema as it is; no breaking change is declared any more.`);
}

/** Prints the changes, or the operations and the changes that affect them. Resolves to true if CI may pass. */
async function check(patterns: readonly string[], subgraphs: readonly string[]): Promise<boolean> {
  if (subgraphs.length > 0 && patterns.length === 0) throw new Error('--subgraph needs --operations.');
  const { name, sdl } = readRelease() ?? { name: BASELINE, sdl: read(BASELINE) };
  const declared = new Map(Object.entries(JSON.parse(read(DECLARED)) as Record<string, string>));
  const changes = await compareSchemas(sdl, read(SCHEMA));
  const describe = ({ level, message }: Change) => {
    const reason = level === 'breaking' ? declared.get(message) : undefined;
    // Descriptions can be long, old and new.
    const text = level === 'safe' ? shorten(message) : message;
    return `  ${level.padEnd(9)}  ${text}${reason === undefined ? '' : ` (declared: ${reason})`}`;
  };
  let areValid = true;
  if (patterns.length > 0) areValid = await checkOperations(patterns, subgraphs, name, sdl, changes);
  else
    console.log(
      [`Compared with ${name}: ${changes.length || 'nothing'} changed.`, ...changes.map(describe)].join('\n'),
    );
  const breaking = changes.filter(({ level }) => level === 'breaking').map(({ message }) => message);
  for (const message of declared.keys()) {
    if (!breaking.includes(message)) console.log(`  Declared, and not there: ${message}`);
  }
  const undeclared = breaking.filter((message) => !declared.get(message));
  if (undeclared.length > 0) {
    const reasons = Object.fromEntries(undeclared.map((message) => [message, 'the reason, and the teams that know']));
    const entries = JSON.stringify(reasons, null, 2);
    console.error(`Breaking, and not declared. Undo each change, or give its reason in ${DECLARED}:\n${entries}`);
  }
  return undeclared.length === 0 && areValid;
}

function shorten(text: string): string {
  const [line = ''] = text.split('\n');
  return line.length < text.length || line.length > 150 ? `${line.slice(0, 150)} …` : text;
}

/** Prints which operations are not valid, and the breaking changes that affect some. Returns whether all are valid. */
async function checkOperations(
  patterns: readonly string[],
  subgraphs: readonly string[],
  release: string,
  released: string,
  changes: readonly Change[],
): Promise<boolean> {
  const operations = readOperations(patterns);
  const others = await Promise.all(subgraphs.map(readSubgraph));
  const after = composeApi(SUPERGRAPH, SCHEMA, read(SCHEMA), others);
  let before: GraphQLSchema | undefined;
  try {
    before = composeApi(SUPERGRAPH, SCHEMA, released, others);
  } catch {
    // Not a fault, or no change could repair the composition, for example after a change of another subgraph.
  }
  const invalid = findInvalid(operations, before, after);
  console.log(`Operations: ${operations.length} checked, ${invalid.length} not valid.`);
  if (invalid.length > 0) console.error(invalid.join('\n'));
  if (!before) console.log(`With the schema of ${release}, the supergraph does not compose.`);
  const affected = changes.flatMap(({ level, message, path }) => {
    const users = level === 'breaking' && path ? findUsers(operations, before ?? after, path) : [];
    return users.length > 0 ? [[`  Affected by: ${message}`, ...users].join('\n    ')] : [];
  });
  const harmless = changes.length - affected.length;
  console.log(`Changes since ${release}: ${changes.length}; ${harmless} of them break no operation.`);
  for (const lines of affected) console.log(lines);
  return invalid.length === 0;
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
