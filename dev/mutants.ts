/**
 * Mutation testing: `npm run mutants -- --take 100`. Changes one place of src/graphql/ or src/command-api/ at a time and runs the test
 * files that execute its line. Prints each mutant with the test file that killed it, then the number of survivors.
 *
 * Works in two clones of the last commit. The order of the mutants depends only on their code, so that two commits can be compared.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readOptions } from './options.ts';

const { take } = readOptions({ take: { type: 'string', default: '100' } });
const LIMIT_MS = 240_000;
const JEST =
  '--experimental-vm-modules --no-warnings node_modules/jest/bin/jest.js --runInBand --silent --forceExit --ci';

/** Each pattern is replaced in a line of code, once per occurrence. */
const OPERATORS: [RegExp, string | ((text: string) => string)][] = [
  ...[
    '===,!==',
    '!==,===',
    '<,<=',
    '>,>=',
    '<=,<',
    '>=,>',
    '&&,||',
    '||,&&',
    '+,-',
    '-,+',
    '*,/',
    '+=,-=',
    '-=,+=',
    '?,? false &&',
  ].map((pair): [RegExp, string] => {
    const [from = '', to] = pair.split(',');
    return [new RegExp(` ${from.replaceAll(/[+*?|]/g, '\\$&')} `, 'g'), ` ${to} `];
  }),
  [/\btrue\b/g, 'false'],
  [/\bfalse\b/g, 'true'],
  [/\bif \(/g, 'if (true || '],
  [/\bif \(/g, 'if (false && '],
  [/\b\d[\d_]*\b(?!')/g, (digits) => String(Number(digits.replaceAll('_', '')) + 1)],
  [/ \?\? .*?(?=[;,)]|$)/g, ''],
  [/^\s*(await )?[a-z][\w.?]*\(.*\);$/g, ';'],
  [/^\s*return [^;]+;$/g, 'return;'],
  [/\.\.\./g, '...false && '],
];

interface Mutant {
  readonly rank: string;
  readonly file: string;
  readonly line: number;
  readonly change: string;
  readonly source: string;
}

/** Returns the mutants of a file that are valid TypeScript. */
function mutantsOf(file: string): Mutant[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  const found: Mutant[] = [];
  for (const [index, line] of lines.entries()) {
    if (/^\s*(\/\/|\/?\*|import |export (interface|type) |readonly )/.test(line)) continue;
    for (const [operator, [pattern, to]] of OPERATORS.entries())
      for (const { 0: text, index: at } of line.replace(/\s*\/\/ .*$/, '').matchAll(pattern)) {
        const changed = line.slice(0, at) + (typeof to === 'string' ? to : to(text)) + line.slice(at + text.length);
        const source = lines.with(index, changed).join('\n');
        const rank = createHash('sha1').update(`${file} ${operator} ${at} ${line.trim()}`).digest('hex');
        const change = `${line.trim()}  →  ${changed.trim()}`;
        if (isValid(source)) found.push({ rank, file, line: index + 1, change, source });
      }
  }
  return found;
}

function isValid(source: string): boolean {
  try {
    return stripTypeScriptTypes(source) !== '';
  } catch {
    return false;
  }
}

const folder = mkdtempSync(join(tmpdir(), 'mutants-'));
const clones = ['1', '2'].map((name) => {
  const clone = join(folder, name);
  execFileSync('git', ['clone', '--quiet', resolve(), clone]);
  symlinkSync(resolve('node_modules'), join(clone, 'node_modules'));
  return clone;
});

/** Runs test files in a clone. Resolves with the name of the first that fails, or undefined. */
async function runTests(
  clone: string,
  tests: readonly string[],
  more: readonly string[] = [],
): Promise<string | undefined> {
  const args = [...JEST.split(' '), '--bail', ...more, ...tests.map((test) => `/${test}$`)];
  const child = spawn(process.execPath, args, { cwd: clone, timeout: LIMIT_MS, killSignal: 'SIGKILL' });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const code = await new Promise((done) => child.on('close', done));
  return code === 0 ? undefined : (/FAIL (\S+)/.exec(output)?.[1] ?? 'no end');
}

/** Takes items in turn, one for each clone at a time. */
async function share<T>(items: readonly T[], run: (clone: string, item: T) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  await Promise.all(
    clones.map(async (clone) => {
      for (const item of queue) await run(clone, item);
    }),
  );
}

/** Test file → the lines of src/ that it executes, as `file:line`. */
const coverage = new Map<string, Set<string>>();
await share(globSync('test/{subgraph,http}/*.test.ts'), async (clone, test) => {
  const report = join(clone, 'coverage');
  const flags = ['--coverage', '--coverageReporters=json', `--coverageDirectory=${report}`, '--coverageThreshold={}'];
  if (await runTests(clone, [test], flags)) return console.log(`${test} is left out: it fails without a mutant`);
  const files: Record<
    string,
    { statementMap: Record<string, { start: { line: number }; end: { line: number } }>; s: Record<string, number> }
  > = JSON.parse(readFileSync(join(report, 'coverage-final.json'), 'utf8'));
  const lines = new Set<string>();
  for (const [file, { statementMap, s }] of Object.entries(files))
    for (const [id, { start, end }] of Object.entries(statementMap))
      if (s[id])
        for (let line = start.line; line <= end.line; line++) lines.add(`${file.slice(clone.length + 1)}:${line}`);
  coverage.set(test, lines);
});

const mutants = globSync(['src/graphql/**/*.ts', 'src/command-api/*.ts'], { exclude: ['**/__generated__'] })
  .flatMap(mutantsOf)
  .sort((a, b) => (a.rank < b.rank ? -1 : 1))
  .slice(0, Number(take));
let survivors = 0;
await share(mutants, async (clone, { file, line, change, source }) => {
  const tests = [...coverage.keys()].filter((test) => coverage.get(test)?.has(`${file}:${line}`));
  writeFileSync(join(clone, file), source);
  const killer = tests.length > 0 ? await runTests(clone, tests) : undefined;
  execFileSync('git', ['checkout', '--quiet', file], { cwd: clone });
  if (!killer) survivors++;
  console.log(`${killer ?? 'SURVIVED'}  ${file}:${line}  ${change}`);
});
rmSync(folder, { recursive: true });
console.log(`${survivors} of ${mutants.length} mutants survived.`);
