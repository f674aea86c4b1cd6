/**
 * Runs the tests of a folder that `npm test` leaves out, because they need packages or programs of their own:
 * `run-folder.ts <folder> [<file> …]` runs all of them, or those of the named files. Before, it installs the packages of each
 * file's folder, and checks the types of folders with a tsconfig.json.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { readNames } from './names.ts';

const [folder] = process.argv.splice(2, 1);
const files = globSync(`${folder}/{,*/}*.test.ts`).sort();
const nameOf = (file: string) => basename(file, '.test.ts');
const named = readNames(files.map(nameOf));
const chosen = files.filter((file) => named.length === 0 || named.includes(nameOf(file)));
for (const own of new Set(chosen.map(dirname))) {
  if (hasChanged(own)) run('npm', 'ci', '--prefix', own, '--ignore-scripts', '--no-audit', '--no-fund');
  if (existsSync(`${own}/tsconfig.json`)) run('node_modules/.bin/tsc', '--project', own);
}
// Who names a test wants it to run: a missing program fails it. Otherwise, the test is skipped and says why.
process.env.FAIL_WITHOUT_PROGRAM = named.length > 0 ? 'true' : '';
const options = ['--verbose', '--testPathIgnorePatterns=/node_modules/', '--runTestsByPath'];
run('npm', 'run', 'test:jest', '--', ...options, ...chosen);

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
