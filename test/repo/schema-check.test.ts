/** `npm run schema:check` on small schemas: the rating of changes, the release, and the operations of consumers. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { compareSchemas } from '../../dev/schema-changes.ts';

const BASE = `
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@inaccessible", "@key", "@shareable", "@tag"])
type Query { thing(id: ID!): Thing all(by: SearchInput, top: Int, painted: [Color!]): [Thing!] }
type Thing @key(fields: "id") @key(fields: "box { id } number") {
  id: ID! @tag(name: "public") number: Int box: Box @shareable old: String color: Color
}
type Box @key(fields: "id") { id: ID! }
enum Color { RED BLUE }
input SearchInput { like: ThingInput }
input ThingInput { count: Int }
`;

function edit(from: string, to: string): string {
  expect(BASE).toContain(from);
  return BASE.replace(from, to);
}

const WITHOUT_BLUE = edit(' BLUE', '');
const BLUE_REMOVED = "Enum value 'BLUE' was removed from enum 'Color'";
const KEY = '@key(fields: "box { id } number")';
// The subgraph `boxes` defines Box.size too.
const CLASHING = edit('ID! }', 'ID! size: Int }');

describe('compareSchemas()', () => {
  const compare = async (before: string, after: string) =>
    (await compareSchemas(before, after)).map(({ level, message }) => `${level}: ${message}`);

  it.each([
    ['thing(id: ID!)', 'thing(id: ID!, by: ID!)', "breaking: Argument 'by: ID!' added to field 'Query.thing'"],
    [` ${KEY}`, '', `breaking: Directive '${KEY}' was removed from 'Thing'`],
    [' @shareable', '', "breaking: Directive '@shareable' was removed from 'Thing.box'"],
    ['old: String', 'old: String @inaccessible', "breaking: Directive '@inaccessible' was added to 'Thing.old'"],
    [' BLUE', ' BLUE GREEN', "dangerous: Enum value 'GREEN' was added to enum 'Color'"],
    [' @tag(name: "public")', '', `dangerous: Directive '@tag(name: "public")' was removed from 'Thing.id'`],
    ['ID! }', 'ID! @cost(weight: 5) }', "dangerous: Directive '@cost(weight: 5)' was added to 'Box.id'"],
    ['v2.9', 'v2.10', "dangerous: Directive '@link("],
    ['type Box', 'type Box @key(fields: "x")', `safe: Directive '@key(fields: "x")' was added to 'Box'`],
    ['old: String', 'old: String @deprecated(reason: "R")', "safe: Field 'Thing.old' is deprecated"],
  ])('rates the change from %j to %j: %s', async (from, to, change) => {
    expect((await compare(BASE, edit(from, to)))[0]).toContain(change);
  });
});

describe('npm run schema:check', () => {
  const folder = mkdtempSync(join(tmpdir(), 'schema-check-'));
  const SCHEMA = 'schema/maintenance.graphql';
  const BASELINE = 'schema/baseline/maintenance.graphql';
  const DECLARED = 'schema/baseline/breaking-changes.json';
  const FILES = {
    ...{ [SCHEMA]: BASE, [BASELINE]: BASE, [DECLARED]: '{}' },
    'supergraph/supergraph.yaml':
      'subgraphs: { things: { schema: { file: ../schema/maintenance.graphql } }, boxes: { schema: { file: boxes.graphql } } }',
    'supergraph/boxes.graphql': 'type Query { boxes: [Box!] } type Box @key(fields: "id") { id: ID! size: Int }',
    'apps/store/boxes.graphql': 'query Boxes { boxes { id size } }',
    'apps/painter/queries/Colors.graphql': 'query Colors($id: ID!) { thing(id: $id) { ...Painted } }',
    'apps/painter/fragments.graphql': 'fragment Unused on Box { id }\n\nfragment Painted on Thing { color }',
    'apps/painter/Red.graphql': 'query Red { all(by: { like: { count: 1 } }, painted: [RED, BLUE]) { id } }',
    'apps/painter/Search.graphql':
      'query Search($by: SearchInput, $painted: [Color!]) { all(by: $by, top: 10, painted: $painted) { number } }',
  };
  // The second pattern names a file again.
  const ALL = ['--operations=./apps/{one,painter,store}/**/*.graphql', '--operations=apps/st*/boxes.graphql'];
  const ONE = 'apps/one/a.graphql';
  // The test may run in a git hook, whose environment names a repository.
  const env = { PATH: process.env.PATH, GIT_CEILING_DIRECTORIES: tmpdir() };

  function write(file: string, text: string) {
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  const declare = (reasons: Record<string, string>) => write(DECLARED, JSON.stringify(reasons));

  function run(...args: string[]) {
    const program = fileURLToPath(new URL('../../dev/schema-check.ts', import.meta.url));
    return spawnSync(process.execPath, [program, ...args], { cwd: folder, env, encoding: 'utf8' });
  }

  beforeEach(() => {
    rmSync(folder, { recursive: true, force: true });
    for (const [file, text] of Object.entries(FILES)) write(file, text);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('lists the worst changes first, and passes without a breaking change', () => {
    write(SCHEMA, edit(' BLUE', ' BLUE GREEN').replace('type Box', '"D" type Box'));
    const stdout = `Compared with ${BASELINE}: 2 changed.
  dangerous  Enum value 'GREEN' was added to enum 'Color'
  safe       Object type 'Box' has description 'D'
`;
    expect(run()).toMatchObject({ status: 0, stdout, stderr: '' });
  });

  it('fails on a breaking change until its message is declared with a reason', () => {
    write(SCHEMA, WITHOUT_BLUE.replace('old: String', ''));
    declare({ [BLUE_REMOVED]: 'No app uses blue.', Unused: 'R' });
    const { status, stdout, stderr } = run();
    expect(status).toBe(1);
    expect(stdout).toContain(`  breaking   ${BLUE_REMOVED} (declared: No app uses blue.)\n`);
    expect(stdout).toContain('  Declared, and not there: Unused\n');
    const [text, entries = ''] = stderr.split(`${DECLARED}:\n`);
    expect(text).toMatch(/^Breaking, and not declared\./);
    expect(JSON.parse(entries)).toEqual({ "Field 'old' was removed from object type 'Thing'": expect.any(String) });
    declare({ ...JSON.parse(entries), [BLUE_REMOVED]: 'No app uses blue.' });
    expect(run()).toMatchObject({ status: 0, stderr: '' });
    declare({ ...JSON.parse(entries), [BLUE_REMOVED]: '' });
    expect(run().status).toBe(1);
  });

  it.each([
    ['an unknown option', ['--operation=x'], /^Unknown option '--operation'\nOptions:\n {2}--operations GLOB .+\n/],
    ['a pattern expanded by the shell', ['--operations', 'a', 'b'], /^Unexpected argument 'b'\..+\nOptions:\n/],
    ['a second pattern without files', [...ALL, '--operations=app/*'], /^--operations 'app\/\*' matches no file\.\n$/],
    ['a subgraph without operations', ['--subgraph=a=b'], /^--subgraph needs --operations\.\n$/],
    [
      'a subgraph without a schema',
      [...ALL, '--subgraph=a=b'],
      /^The subgraph "a" has no schema in the file \/.+\/b\.\n$/,
    ],
    ['declarations that are not JSON', [], /^.+JSON.+\n$/, DECLARED, '{'],
    ['an operation with a syntax error', ALL, /^apps\/one\/a\.graphql:2: Syntax Error: .+\n$/, ONE, 'query {\n'],
    ['schemas that clash', ALL, /^The supergraph does not compose:\n {2}.+ "Box\.size" .+\n$/, SCHEMA, CLASHING],
  ])('refuses %s', (_, args, message, file = SCHEMA, text = BASE) => {
    write(file, text);
    expect(run(...args)).toMatchObject({ status: 1, stderr: expect.stringMatching(message) });
  });

  it.each([
    ["Field 'color' was removed from object type 'Thing'", 'color: Color', '', 'queries/Colors', 'fragments.graphql:3'],
    ["Directive '@inaccessible' was added to 'Thing.old'", 'old: String', 'old: String @inaccessible', ''],
    [BLUE_REMOVED, ' BLUE', '', 'Red Search', 'Red.graphql:1'],
    ["Type for argument 'top' on field 'Query.all' changed from 'Int' to 'ID'", 'top: Int', 'top: ID', 'Search'],
    ["Input field 'ThingInput.count' changed type from 'Int' to 'Int!'", 'count: Int', 'count: Int!', 'Red Search'],
  ])('names each operation that is affected by: %s', (message, from, to, files, error = '') => {
    write(SCHEMA, edit(from, to));
    declare({ [message]: 'R' });
    const users = files.split(' ').map((file) => `    painter: ${basename(file)} (apps/painter/${file}.graphql)\n`);
    const affected = files
      ? `0 of them break no operation.\n  Affected by: ${message}\n${users.join('')}`
      : '1 of them break no operation.\n';
    const stdout = `Operations: 4 checked, ${error ? 1 : 0} not valid.\nChanges since ${BASELINE}: 1; ${affected}`;
    const stderr = error ? ` is no longer valid.\n  apps/painter/${error}: ` : '';
    expect(run(...ALL)).toMatchObject({
      status: error ? 1 : 0,
      stdout,
      stderr: expect.stringContaining(stderr),
    });
  });

  it.each([
    ['was never valid', 'query Nope {\n  nope\n}', 'Nope', '2: Cannot query field "nope" on type "Query".'],
    ['has no name', '{ no }\n{ __typename }', 'an unnamed operation', '1: Cannot query field "no" on type "Query".'],
    ['spreads another app’s fragment', 'query Far { boxes { ...Painted } }', 'Far', '1: Unknown fragment "Painted".'],
  ])('reports an operation that %s', (_, text, name, error) => {
    write(ONE, text);
    const stderr = `one: ${name} (${ONE}) is not valid, nor was it in the last release.\n  ${ONE}:${error}\n`;
    expect(run(...ALL)).toMatchObject({ status: 1, stderr });
  });

  it('checks the operations of a neighbor with its schema in the supergraph', () => {
    write(ONE, 'query Visits { visits { box { size } } }');
    write(
      'visits.graphql',
      `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
      type Query { visits: [Visit!] } type Visit { box: Box } type Box @key(fields: "id", resolvable: false) { id: ID! }`,
    );
    expect(run(...ALL)).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^Operations: 5 checked, 1 not valid\.\n/),
    });
    const stdout = `Operations: 5 checked, 0 not valid.\nChanges since ${BASELINE}: 0; 0 of them break no operation.\n`;
    expect(run(...ALL, '--subgraph=visits=visits.graphql')).toMatchObject({ status: 0, stdout, stderr: '' });
  });

  describe('in a repository', () => {
    function git(...commands: string[]) {
      for (const command of commands) {
        const args = ['-c', 'user.name=T', '-c', 'user.email=t@example.test', ...command.split(' ')];
        execFileSync('git', args, { cwd: folder, env });
      }
    }
    beforeEach(() => git('init -q', 'add .', 'commit -qm M'));

    it.each([
      ['v1.0.0', 'a second release with two tags', ['tag v1.0.0'], ['tag -a v1.1.0 -m M', 'tag v1.1.0-rc.1']],
      [BASELINE, 'the first release', ['tag verified'], ['tag v1.0.0']],
      [BASELINE, 'a release without a schema', ['rm -rq --cached schema', 'commit -qm M', 'tag v1.0.0'], []],
    ])('compares with %s after %s', (compared, _, before, tags) => {
      git(...before);
      write(SCHEMA, WITHOUT_BLUE);
      git('add .', 'commit -qm M', ...tags);
      expect(run().stdout).toContain(`Compared with ${compared}: 1 changed.`);
    });

    it('compares changes on top of a release with this release, so that they can be accepted', () => {
      git('tag v1.0.0');
      write(SCHEMA, WITHOUT_BLUE);
      declare({ [BLUE_REMOVED]: 'R' });
      git('add .', 'commit -qm M', 'tag v1.1.0');
      expect(run()).toMatchObject({ status: 0, stdout: expect.stringContaining('Compared with v1.0.0: 1 changed.') });
      expect(run('--accept').status).toBe(0);
      expect(readFileSync(join(folder, DECLARED), 'utf8')).toBe('{}\n');
      const accepted = { status: 0, stdout: 'Compared with v1.1.0: nothing changed.\n', stderr: '' };
      expect(run()).toMatchObject(accepted);
      git('add .', 'commit -qm M');
      expect(run()).toMatchObject(accepted);
    });
  });
});
