/** Runs the tests of a folder that `npm test` leaves out, because they need packages of their own. */
import { spawnSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { readNames } from '../../dev/options.ts';

/**
 * Runs the tests of `folder`, or those of the named files. Before, installs the packages of `packages`, and those of the folder
 * that `ownPackages` has for a test that runs, if they are not installed yet.
 */
export function runFolder(folder: string, packages: string, ownPackages: Readonly<Record<string, string>> = {}): void {
  const names = globSync(`${folder}/*.test.ts`)
    .map((file) => basename(file, '.test.ts'))
    .sort();
  const named = readNames(names);
  const chosen = named.length > 0 ? named : names;
  const files = chosen.map((name) => `${folder}/${name}.test`);
  for (const needed of [packages, ...chosen.flatMap((name) => ownPackages[name] ?? [])])
    if (!isInstalled(needed)) npm(`ci --prefix ${needed} --ignore-scripts --no-audit --no-fund`);
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
