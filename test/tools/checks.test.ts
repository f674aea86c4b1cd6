/**
 * `npm run check` and `npm test` in a small project: the checks that run, and the summary. The tests run side by side.
 */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from '@jest/globals';
import { killAll, runInGroup } from '../support/process.ts';

const path = (file: string) => fileURLToPath(new URL(`../../${file}`, import.meta.url));
const folders: string[] = [];
afterAll(() => {
  killAll();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const TESTS = `it('adds', () => { require('./src.cjs')(); });\nit.skip('behind a router. Skipped: No router is here.', () => {});\n`;
const PROJECT = {
  'package.json': JSON.stringify({
    scripts: {
      'lint:schema': 'true',
      'schema:check': 'true',
      codegen: 'echo',
      'test:jest': 'node node_modules/jest/bin/jest.js',
    },
    jest: { testEnvironment: 'node', testMatch: ['**/*.test.cjs'], collectCoverageFrom: ['src.cjs'] },
  }),
  'tsconfig.json': '{ "compilerOptions": { "noEmit": true, "types": [] }, "files": ["types.ts"] }',
  'biome.json': '{ "files": { "includes": ["types.ts"] } }\n',
  'types.ts': 'export const one = 1;\n',
  'src.cjs': 'module.exports = () => {\n  const one = 1;\n  return one;\n};\nmodule.exports.never = () => 2;\n',
  'some.test.cjs': TESTS,
  '.github/workflows/some.yml': 'on: push\njobs: { one: { runs-on: ubuntu-24.04-arm, steps: [{ run: "true" }] } }\n',
};

const [ok, failed, never] = ['passed', 'FAILED', 'not reached'];
const counted = (tests: number, failures: number) => `
               ${tests} tests in 1 files: 1 passed, ${failures} failed, 1 skipped
               skipped 1 in some.test.cjs: No router is here.
               80.0 % of the statements in src/ covered
Not run here, but by CI (.ci/run): the alerts`;
const TYPE_ERROR = { 'types.ts': 'export const one: string = 1;\n' };
const FORMAT_ERROR = { 'types.ts': 'export const one=1\n' };
const BROKEN_WORKFLOW = { '.github/workflows/some.yml': 'on: push\njobs: { one: { runs-on: ubuntu-24.04 } }\n' };
const FAILING_TEST = { 'some.test.cjs': `${TESTS}it('fails', () => { throw new Error('x'); });\n` };

const NO_TESTS = '(.ci/run): the tests (npm test), the alerts';
it.concurrent.each<[title: string, option: string, changed: object, outcomes: string[], summary: string]>([
  ['all checks', '--tests', {}, [ok, ok, ok, ok, ok, ok, ok], counted(2, 0)],
  ['a type error', '--tests', TYPE_ERROR, [ok, failed, never, never, never, never, never], 'FAILED       Types\n'],
  ['a formatting error, without the tests', '', FORMAT_ERROR, [ok, ok, failed, never, never, never], NO_TESTS],
  ['a broken workflow', '', BROKEN_WORKFLOW, [ok, ok, ok, failed, never, never], 'FAILED       Workflows of GitHub\n'],
  ['a failing test', '--tests', FAILING_TEST, [ok, ok, ok, ok, ok, ok, failed], counted(3, 1)],
])('the summary shows %s', async (_, option, changed, outcomes, expected) => {
  const folder = mkdtempSync(join(tmpdir(), 'checks-test-'));
  folders.push(folder);
  symlinkSync(path('node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, '.github/workflows'), { recursive: true });
  for (const [name, text] of Object.entries({ ...PROJECT, ...changed })) writeFileSync(join(folder, name), text);
  const env = { NODE: process.execPath, CHECKS: path('dev/checks.ts') };
  const checks = runInGroup(`"$NODE" "$CHECKS" ${option}`, env, folder);
  const code = await checks.exit;
  const summary = checks.output().split('── Summary\n')[1] ?? checks.output();
  const verdicts = Array.from(summary.matchAll(/^ {2}(passed|FAILED|not reached) /gm), ([, verdict]) => verdict);
  expect({ code, verdicts }).toEqual({ code: outcomes.includes(failed) ? 1 : 0, verdicts: outcomes });
  expect(summary).toContain(expected);
});
