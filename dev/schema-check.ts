/**
 * `npm run schema:check`: what changed in the schema since the last release, which is its newest tag `v…`, or else the
 * baseline that lies beside it. At a release it is the one before. Ends with 1 where a breaking change is not declared.
 *
 * `-- --accept` makes the schema as it is the baseline, once a release has its tag: until then, what is declared is what
 * changed since the one before.
 *
 * `-- --operations <glob>` also checks the operations that consumers registered, and says which app breaks and how.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { type GraphQLSchema, parse, print } from 'graphql';
import { readOptions } from './options.ts';
import { type Change, compareSchemas } from './schema-changes.ts';
import { composeApi, findInvalid, findUsers, readOperations } from './schema-operations.ts';

const SCHEMA = 'schema/maintenance.graphql';
const BASELINE = 'schema/baseline/maintenance.graphql';
/** The message of each breaking change that is meant, and why. */
const DECLARED = 'schema/baseline/breaking-changes.json';
const SUPERGRAPH = 'supergraph/supergraph.yaml';

const read = (file: string) => readFileSync(file, 'utf8');

try {
  const { accept: isAccepted, operations } = readOptions({
    accept: { type: 'boolean' },
    operations: { type: 'string', multiple: true, default: [] },
  });
  if (isAccepted) accept();
  else process.exitCode = (await check(operations)) ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

function accept(): void {
  writeFileSync(BASELINE, `${print(parse(read(SCHEMA)))}\n`);
  writeFileSync(DECLARED, '{}\n');
  console.log(`${BASELINE} is the schema as it is; no breaking change is declared any more.`);
}

/** Prints what changed and which operations that breaks. Resolves to whether CI may pass. */
async function check(patterns: string[]): Promise<boolean> {
  const { name, sdl } = readRelease() ?? { name: BASELINE, sdl: read(BASELINE) };
  const declared = new Map(Object.entries(JSON.parse(read(DECLARED)) as Record<string, string>));
  const changes = await compareSchemas(sdl, read(SCHEMA));

  console.log(`Compared with ${name}: ${changes.length === 0 ? 'nothing' : changes.length} changed.`);
  for (const { level, message } of changes) {
    const reason = level === 'breaking' ? declared.get(message) : undefined;
    // Descriptions can be long, old and new.
    const said = level === 'safe' ? shorten(message) : message;
    console.log(`  ${level.padEnd(9)}  ${said}${reason === undefined ? '' : ` (declared: ${reason})`}`);
  }
  const breaking = changes.filter(({ level }) => level === 'breaking').map(({ message }) => message);
  for (const message of declared.keys()) {
    if (!breaking.includes(message)) console.log(`  Declared, and not there: ${message}`);
  }
  const undeclared = breaking.filter((message) => !declared.get(message));
  if (undeclared.length > 0) {
    const reasons = Object.fromEntries(undeclared.map((message) => [message, 'why, and who was told']));
    const entries = JSON.stringify(reasons, null, 2);
    console.error(`Breaking, and not declared. Take it back, or say why in ${DECLARED}:\n${entries}`);
  }
  const areValid = patterns.length === 0 || checkOperations(patterns, sdl, changes);
  return undeclared.length === 0 && areValid;
}

function shorten(text: string): string {
  const [line = ''] = text.split('\n');
  return line.length < text.length || line.length > 150 ? `${line.slice(0, 150)} …` : text;
}

/** Prints which operations use a breaking change, and which are not valid. Returns whether all are valid. */
function checkOperations(patterns: string[], released: string, changes: Change[]): boolean {
  const operations = readOperations(patterns);
  const after = composeApi(SUPERGRAPH, SCHEMA, read(SCHEMA));
  let before: GraphQLSchema | undefined;
  try {
    before = composeApi(SUPERGRAPH, SCHEMA, released);
  } catch {
    // Not a fault, or no change could repair the composition, for example after a change of another subgraph.
    console.log('The released schema does not compose: every operation counts as valid before.');
  }
  const invalid = findInvalid(operations, before, after);
  console.log(`Operations: ${operations.length} checked, ${invalid.length} not valid.`);
  for (const { level, message, path } of changes) {
    const users = level === 'breaking' && path ? findUsers(operations, before ?? after, path) : [];
    if (users.length > 0) console.log([`  Affected by: ${message}`, ...users].join('\n    '));
  }
  if (invalid.length > 0) console.error(invalid.join('\n'));
  return invalid.length === 0;
}

/** The schema of the newest release before this one. Undefined where there is none, or no git, or no history. */
function readRelease() {
  const git = (...args: string[]) =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    // Compared with itself, a release would never break anything. What is being changed on top of it is not that release.
    const isCommitted = git('diff', '--name-only', 'HEAD', '--', 'schema') === '';
    const own = isCommitted ? git('tag', '--points-at', 'HEAD').split('\n').filter(Boolean) : [];
    const others = ['--match', 'v[0-9]*', ...own.flatMap((tag) => ['--exclude', tag])];
    const tag = git('describe', '--tags', '--abbrev=0', ...others).trim();
    return { name: tag, sdl: git('show', `${tag}:./${SCHEMA}`) };
  } catch {
    return undefined;
  }
}
