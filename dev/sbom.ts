/**
 * Prints a software bill of materials (CycloneDX, JSON) of what ships. npm writes it, but `npm sbom --omit=dev` leaves
 * out whatever a devDependency needs too, which is two thirds of it: hence it is shown a project that has none.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOptions } from './options.ts';

readOptions({});
const { devDependencies: _, overrides: __, ...manifest } = read('package.json');
const lock = read('package-lock.json');
const temporary = mkdtempSync(join(tmpdir(), 'sbom-'));
// npm names what it describes after the folder.
const folder = join(temporary, manifest.name);
try {
  mkdirSync(folder);
  write('package.json', manifest);
  write('package-lock.json', { ...lock, packages: { ...lock.packages, '': manifest } });
  execFileSync('npm', ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application'], {
    cwd: folder,
    stdio: 'inherit',
  });
} finally {
  rmSync(temporary, { recursive: true });
}

function read(name: string) {
  return JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), 'utf8'));
}

function write(name: string, content: object): void {
  writeFileSync(join(folder, name), JSON.stringify(content));
}
