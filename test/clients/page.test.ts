/** The versions, and the types of codes and outcomes, in docs/errors.md. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import manifest from './package.json' with { type: 'json' };
import { PAGE, readBlocks } from './page.ts';

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'types-'));
afterAll(() => rmSync(folder, { recursive: true }));

function run(command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(path(`node_modules/.bin/${command}`), args, {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

it('the page names the tested versions', () => {
  const named = Array.from(PAGE.matchAll(/`([@\w/-]+)`\s(\d+\.\d+\.\d+)/g), ([, name, version]) => [name, version]);
  expect(named).not.toEqual([]);
  expect(manifest.dependencies).toMatchObject(Object.fromEntries(named));
});

it('the tests of clients have no type errors', () => {
  expect(run('tsc', '--project', path('test/clients'))).toEqual({ status: 0, output: '' });
});

const [output = ''] = readBlocks('yaml');
const [code = ''] = readBlocks('ts');
beforeAll(() => {
  symlinkSync(path('node_modules'), join(folder, 'node_modules'));
  const schema = ['schema/maintenance.graphql', 'supergraph/residences.graphql'].map((file) => `  - ${path(file)}\n`);
  writeFileSync(join(folder, 'codegen.yml'), `schema:\n${schema.join('')}generates:\n${output}`);
  expect(run('graphql-codegen', '--config', 'codegen.yml')).toMatchObject({ status: 0 });
  const compilerOptions = {
    strict: true,
    noEmit: true,
    module: 'nodenext',
    allowImportingTsExtensions: true,
    types: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
});

it.each([
  ['compiles', code, ''],
  ['needs its default branch', code.replace(/ +default:\n.+\n/, ''), 'TS2366'],
  ['names only outcomes of the enum', code.replaceAll("'UNKNOWN'", "'NOPE'"), 'TS2367'],
])('the code for types %s', (_, text, error) => {
  writeFileSync(join(folder, 'src/app.ts'), text);
  expect(run('tsc')).toEqual({ status: error ? 1 : 0, output: error ? expect.stringContaining(error) : '' });
});
