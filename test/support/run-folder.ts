/**
 * Runs the tests of a folder that `npm test` leaves out, because they need packages or programs of their own:
 * `run-folder.ts <folder> [<file> …]` runs all of them, or those of the named files. Before, it installs the packages of each
 * file's folder and those of `PACKAGES`, and checks the types of folders with a tsconfig.json.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { readNames } from '../../dev/options.ts';

/** The other folders with packages that a file needs. */
const PACKAGES: Readonly<Record<string, string>> = {
  composers: 'dev/supergraph/routers/cosmo',
  cosmo: 'dev/supergraph/routers/cosmo',
  grafbase: 'dev/supergraph/routers/grafbase',
  'hive-gateway': 'dev/supergraph/routers/hive-gateway',
};

const [folder] = process.argv.splice(2, 1);
const files = new Map(globSync(`${folder}/{,*/}*.test.ts`).map((file) => [basename(file, '.test.ts'), file]));
const named = readNames([...files.keys()].sort());
const chosen = named.length > 0 ? named : [...files.keys()].sort();
const paths = chosen.map((name) => String(files.get(name)));
const folders = new Set(paths.map(dirname));
for (const needed of new Set([...folders, ...chosen.flatMap((name) => PACKAGES[name] ?? [])]))
  if (hasChanged(needed)) run('npm', 'ci', '--prefix', needed, '--ignore-scripts', '--no-audit', '--no-fund');
for (const typed of folders) if (existsSync(`${typed}/tsconfig.json`)) run('node_modules/.bin/tsc', '--project', typed);
// Who names a test wants it to run: a missing program fails it. Otherwise, the test is skipped and says why.
process.env.FAIL_WITHOUT_PROGRAM = named.length > 0 ? 'true' : '';
const options = ['--verbose', '--testPathIgnorePatterns=/node_modules/', '--runTestsByPath'];
run('npm', 'run', 'test:jest', '--', ...options, ...paths);

/** Returns whether a folder has packages that npm has not installed since its lockfile changed. */
function hasChanged(folder: string): boolean {
  const changed = (file: string) => statSync(`${folder}/${file}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return changed('package-lock.json') > changed('node_modules/.package-lock.json');
}

/** Ends the process if the command fails. */
function run(command: string, ...args: readonly string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
