/**
 * Tests the tests: breaks `src/` in one line at a time, and prints which test notices. Needs the packages of `npm ci`.
 *
 *     node .ci/mutants.mjs --list     draws 30 mutants and prints them
 *     node .ci/mutants.mjs            also runs tests against each: those of its folder, then the others if it survives
 *       --seed 60 --count 30          another draw
 *       --from FILE                   a stored list in place of a draw. Each line is found by its text
 *       --only 3,7                    only the mutants with these ids
 *       --out FILE                    where the list and the results are stored, by default in node_modules/.cache
 *       --tests src/graphql=test/operations,src=test/process+test/operations
 *                                     folders of tests. The first entry that begins a file's path counts
 *
 * Works in the current folder, a checkout without changes, and restores each file. Takes hours on a slow machine. The same seed
 * and the same `src/` give the same mutants. A mutant survives if a test is missing, or if no caller could notice it.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SyntaxKind } from 'typescript/unstable/ast';
import * as is from 'typescript/unstable/ast/is';
import { API } from 'typescript/unstable/sync';

const text = { type: 'string' };
const options = { list: { type: 'boolean' }, seed: text, count: text, from: text, only: text, out: text, tests: text };
const {
  list,
  seed = '60',
  count = '30',
  from,
  only,
  out = 'node_modules/.cache/mutants.json',
  tests:
    folders = 'src/graphql=test/operations,src/command-api=test/vendor+test/operations,src=test/process+test/operations',
} = parseArgs({ options }).values;
const OPPOSITES = ['=== !==', '< <=', '> >=', '&& ||', '+ -', '+= -=', 'true false'].map((pair) => pair.split(' '));
const OPPOSITE = new Map([...OPPOSITES, ...OPPOSITES.map((pair) => pair.toReversed())]);
const LOG = 'node_modules/.cache/mutants.log';
/** What the end of this program undoes: the changed file with its text, and the process group of the tests. */
const open = { file: '', text: '', group: 0 };
process.on('exit', undo);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const listed = from ? JSON.parse(readFileSync(from, 'utf8')) : draw();
const mutants = listed.filter(({ id }) => !only || only.split(',').includes(String(id)));
mkdirSync(dirname(out), { recursive: true });
store();
if (list) mutants.forEach(show);
else await judgeAll();

/** Returns mutants in the order of their places, chosen by hashes of the seed and the mutant: at most one of a line. */
function draw() {
  const texts = new Map();
  const api = new API({ cwd: process.cwd(), fs: { readFile: (name) => texts.get(name) } });
  const { program, checker } = api.updateSnapshot({ openProjects: [resolve('tsconfig.json')] }).getProjects()[0];
  function parses(mutant) {
    const name = resolve(mutant.file);
    texts.set(name, mutate(readFileSync(name, 'utf8'), mutant));
    const changed = api.updateSnapshot({ fileChanges: { changed: [name] } }).getProjects()[0].program;
    return changed.getSyntacticDiagnostics(name).length === 0;
  }

  const files = program.getSourceFileNames().filter((name) => /^src\/(?!.*__generated__)/.test(relative('.', name)));
  const all = files.flatMap((name) => [...mutantsOf(program.getSourceFile(name), checker)]);
  const textOf = (mutant) => `${seed} ${JSON.stringify(mutant)}`;
  const keyOf = (mutant) => createHash('sha256').update(textOf(mutant)).digest('hex');
  const drawn = new Map();
  for (const mutant of all.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))) {
    const place = `${mutant.file}:${String(mutant.line).padStart(4)}`;
    if (drawn.size < Number(count) && !drawn.has(place) && parses(mutant)) drawn.set(place, mutant);
  }
  api.close();
  return [...drawn.keys()].sort().map((place, index) => ({ id: index + 1, ...drawn.get(place) }));
}

/** Yields the mutants of a file that change one line. A change of several lines is noticed by anything. */
function* mutantsOf(source, checker) {
  for (const [node, to] of changesIn(source, checker)) {
    const start = node.getStart();
    const { line } = source.getLineAndCharacterOfPosition(start);
    const [from, until] = [source.getLineStarts()[line], source.text.indexOf('\n', start)];
    const [before, after] = [source.text.slice(from, until), source.text.slice(from, start) + to];
    const file = relative('.', source.fileName);
    if (node.end <= until) yield { file, line: line + 1, before, after: after + source.text.slice(node.end, until) };
  }
}

/** Yields pairs of a node and the text in its place. Leaves out types and imports. */
function* changesIn(node, checker) {
  const { ImportDeclaration, ExportDeclaration, InterfaceDeclaration, TypeAliasDeclaration } = SyntaxKind;
  const skipped = [ImportDeclaration, ExportDeclaration, InterfaceDeclaration, TypeAliasDeclaration];
  if (skipped.includes(node.kind) || is.isTypeNode(node)) return;
  yield* changesOf(node, checker);
  const children = [];
  node.forEachChild((child) => void children.push(child));
  for (const child of children) yield* changesIn(child, checker);
}

function* changesOf(node, checker) {
  const text = node.getText();
  const { expression, condition = expression } = node;
  if (is.isBinaryExpression(node)) yield* changesOfOperator(node, checker);
  else if (text === 'true' || text === 'false') yield [node, OPPOSITE.get(text)];
  else if (is.isNumericLiteral(node)) {
    const value = Number(text.replaceAll('_', ''));
    // 0 and 1 are often a mere start. The exact value of a large number is rarely a promise.
    if (value !== 0 && value !== 1) yield [node, String(value < 100 ? value + 1 : value * 10)];
  } else if (is.isStringLiteral(node) && /^'[A-Z][A-Z_]+'$/.test(text)) yield [node, `${text.slice(0, -1)}_X'`];
  else if (is.isAwaitExpression(node)) yield [node, expression.getText()];
  else if (is.isReturnStatement(node) && !/^return( undefined)?;$/.test(text))
    yield [node, 'return undefined as never;'];
  else if (is.isIfStatement(node) || is.isConditionalExpression(node)) yield [condition, `!(${condition.getText()})`];
  else if (is.isExpressionStatement(node) && isCall(expression)) yield [node, ';'];
}

function* changesOfOperator(node, checker) {
  const operator = node.operatorToken.getText();
  const joins = operator.startsWith('+') && checker.typeToString(checker.getTypeAtLocation(node)) !== 'number';
  if (OPPOSITE.has(operator) && !joins) yield [node.operatorToken, OPPOSITE.get(operator)];
}

function isCall(node) {
  return is.isCallExpression(is.isAwaitExpression(node) ? node.expression : node);
}

/** Returns a text with a mutant's line changed, or undefined if it has no such line. Of several, takes the nearest. */
function mutate(text, { line, before, after }) {
  const lines = text.split('\n');
  const found = [...lines.keys()].filter((index) => lines[index] === before);
  const [nearest] = found.sort((a, b) => Math.abs(a + 1 - line) - Math.abs(b + 1 - line));
  return nearest === undefined ? undefined : lines.with(nearest, after).join('\n');
}

/** Runs all tests without a mutant, which shows how long they take, and then those of each mutant. */
async function judgeAll() {
  if (output('git', 'status', '--porcelain')) throw new Error('The checkout has changes.');
  const paths = output('npm', 'run', '--silent', 'test:jest', '--', '--listTests').split('\n');
  const tests = paths.map((path) => relative('.', path));
  const start = performance.now();
  const failure = await runTests(tests);
  if (failure) throw new Error(`Tests fail without a mutant: ${failure}`);
  const limitMs = Math.max(300_000, 2 * (performance.now() - start));
  for (const mutant of mutants) {
    Object.assign(mutant, await judge(mutant, tests, limitMs));
    show(mutant);
    store();
  }
  const number = (result) => mutants.filter((mutant) => mutant.result === result).length;
  console.log(`${number('killed')} killed, ${number('survived')} survived, ${number('gone')} gone`);
}

function output(program, ...args) {
  return execFileSync(program, args, { encoding: 'utf8' }).trim();
}

async function judge({ file, ...mutant }, tests, limitMs) {
  const text = readFileSync(file, 'utf8');
  const changed = mutate(text, mutant);
  if (changed === undefined) return { result: 'gone', by: 'The file has no such line.' };
  Object.assign(open, { file, text });
  writeFileSync(file, changed);
  const entries = folders.split(',').map((entry) => entry.split('='));
  const nearest = entries.find(([path]) => file.startsWith(`${path}/`))?.[1].split('+') ?? [];
  const isNear = (test) => nearest.some((folder) => test.startsWith(`${folder}/`));
  const near = await runTests(tests.filter(isNear), limitMs);
  const by =
    near ??
    (await runTests(
      tests.filter((test) => !isNear(test)),
      limitMs,
    ));
  undo();
  return { result: by ? 'killed' : 'survived', by };
}

/** Runs tests. Returns undefined if they pass, else what failed first. Tests that take too long have failed. */
function runTests(files, limitMs = 2 ** 31 - 1) {
  const log = openSync(LOG, 'w');
  const jest = ['run', '--silent', 'test:jest', '--', '--bail', '--maxWorkers=1', '--runTestsByPath', ...files];
  const npm = spawn('npm', jest, { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  open.group = npm.pid;
  return new Promise((done) => {
    const timer = setTimeout(done, limitMs, `no end within ${Math.round(limitMs / 1000)} s`);
    npm.once('exit', (status) => {
      clearTimeout(timer);
      done(status === 0 ? undefined : firstFailure(readFileSync(LOG, 'utf8')));
    });
  }).finally(endTests);
}

function firstFailure(output) {
  const file = /^FAIL (\S+)/m.exec(output)?.[1];
  return file
    ? `${file}: ${/^ +● (?!Console$)(.+)$/m.exec(output)?.[1]}`
    : output.trim().split('\n').slice(-5).join(' ') || 'jest failed';
}

/** Also ends what jest leaves behind when it stops at the first failure. */
function endTests() {
  try {
    if (open.group) process.kill(-open.group, 'SIGKILL');
  } catch {}
  open.group = 0;
}

function undo() {
  endTests();
  if (open.file) writeFileSync(open.file, open.text);
  open.file = '';
}

function show({ id, file, line, before, after, result = '', by = '' }) {
  console.log(`${id} ${result} ${file}:${line}  ${by}\n   - ${before.trim()}\n   + ${after.trim()}`);
}

function store() {
  writeFileSync(out, `${JSON.stringify(mutants, undefined, 2)}\n`);
}
