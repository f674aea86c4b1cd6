/**
 * Runs the tests of a folder that `npm test` leaves out, because they need packages or programs of their own:
 * `run-folder.ts <folder> [<name> …]` runs all of them, or those of the named files. Before, it installs the packages of the
 * folder and of those in it, and checks their types.
 */
import { spawnSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

const [folder, ...names] = process.argv.slice(2);
for (const own of globSync(`${folder}/{,*/}package-lock.json`).map(dirname)) {
  if (hasChanged(own)) run('npm', 'ci', '--prefix', own, '--ignore-scripts', '--no-audit', '--no-fund');
  run('node_modules/.bin/tsc', '--project', own);
}
// If a test is named, a missing program makes it fail. Otherwise, the test is skipped and says why.
process.env.FAIL_WITHOUT_PROGRAM = names.length > 0 ? 'true' : '';
const files = names.length > 0 ? names.map((name) => `${folder}/(.+/)?${name}\\.test\\.ts`) : [`${folder}/`];
run('npm', 'run', 'test:jest', '--', ...files, '--verbose', '--testPathIgnorePatterns=/node_modules/');

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
