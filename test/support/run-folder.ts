/** Runs the tests of a folder that `npm test` leaves out, because they need packages of their own. */
import { spawnSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { readNames } from '../../dev/options.ts';

/** Installs the packages of `packages`, if they are not installed yet, and runs the tests of `folder`, or those of the named files. */
export function runFolder(folder: string, packages: string): void {
  const names = globSync(`${folder}/*.test.ts`)
    .map((file) => basename(file, '.test.ts'))
    .sort();
  const chosen = readNames(names);
  const files = (chosen.length > 0 ? chosen : names).map((name) => `${folder}/${name}.test`);
  if (!isInstalled(packages)) npm(`ci --prefix ${packages} --ignore-scripts --no-audit --no-fund`);
  npm(`run test:jest -- --config ${folder}/jest.config.mjs ${files.join(' ')}`);
}

/** Returns whether npm has installed the packages since the lockfile changed. */
function isInstalled(packages: string): boolean {
  const changed = (file: string) => statSync(`${packages}/${file}`, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return changed('node_modules/.package-lock.json') > changed('package-lock.json');
}

/** Ends the process if the command fails. */
function npm(command: string): void {
  const { status } = spawnSync('npm', command.split(' '), { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}
