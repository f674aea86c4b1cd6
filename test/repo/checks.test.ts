/**
 * `npm run check` and `npm test` of a small project of their own: which checks run, and what the summary says of them.
 */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from '@jest/globals';
import { killAll, runInGroup } from '../support/process.ts';

const path = (file: string) => fileURLToPath(new URL(`../../${file}`, import.meta.url));
const folders: string[] = [];

afterEach(() => {
  killAll();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const TESTS = `it('adds', () => { require('./src.cjs')(); });\nit.skip('behind a router. Skipped: No router is here.', () => {});\n`;
const PROJECT: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({
    scripts: {
      'lint:schema': 'true',
      'schema:check': 'true',
      codegen: 'echo',
      'test:jest': `node ${path('node_modules/jest/bin/jest.js')}`,
    },
    jest: { testEnvironment: 'node', testMatch: ['**/*.test.cjs'], collectCoverageFrom: ['src.cjs'] },
  }),
  'tsconfig.json': '{ "compilerOptions": { "noEmit": true, "types": [] }, "files": ["types.ts"] }',
  'biome.json': '{ "files": { "includes": ["types.ts"] } }\n',
  'types.ts': 'export const one = 1;\n',
  'src.cjs': 'module.exports = () => {\n  const one = 1;\n  return one;\n};\nmodule.exports.never = () => 2;\n',
  'some.test.cjs': TESTS,
};

/** Runs the checks of the project, in which these files differ. */
async function check(option: string, changed: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'checks-test-'));
  folders.push(folder);
  symlinkSync(path('node_modules'), join(folder, 'node_modules'));
  for (const [name, text] of Object.entries({ ...PROJECT, ...changed })) writeFileSync(join(folder, name), text);
  const run = runInGroup(`${process.execPath} ${path('dev/checks.ts')} ${option}`, {}, folder);
  const code = await run.exit;
  return { code, summary: run.output().split('── Summary\n')[1] ?? run.output() };
}

const [ok, failed, never] = ['passed', 'FAILED', 'not reached'];
const COUNTED = `
               2 tests in 1 files: 1 passed, 0 failed, 1 skipped
               skipped 1 in some.test.cjs: No router is here.
               80.0 % of the statements in src/ covered
Not run here, but by CI (.ci/run): the alerts`;

it.each<
  [name: string, option: string, changed: Record<string, string>, code: number, outcomes: unknown[], told: string]
>([
  ['everything', '--tests', {}, 0, [ok, ok, ok, ok, ok, ok], COUNTED],
  ['everything but the tests', '', {}, 0, [ok, ok, ok, ok, ok], '(.ci/run): the tests (npm test), the alerts'],
  [
    'a type error',
    '--tests',
    { 'types.ts': 'export const one: string = 1;\n' },
    1,
    [failed, never, never, never, never, never],
    'FAILED       Types\n',
  ],
  [
    'a formatting error',
    '',
    { 'types.ts': 'export const one=1\n' },
    1,
    [ok, failed, never, never, never],
    'FAILED       Lint and format\n',
  ],
  [
    'a test that fails',
    '--tests',
    { 'some.test.cjs': `${TESTS}it('fails', () => { throw new Error('x'); });\n` },
    1,
    [ok, ok, ok, ok, ok, failed],
    '3 tests in 1 files: 1 passed, 1 failed, 1 skipped\n',
  ],
])('sums up %s', async (_, option, changed, code, outcomes, told) => {
  const checked = await check(option, changed);
  expect(checked.code).toBe(code);
  expect(Array.from(checked.summary.matchAll(/^ {2}(passed|FAILED|not reached) /gm), ([, one]) => one)).toEqual(
    outcomes,
  );
  expect(checked.summary).toContain(told);
});
