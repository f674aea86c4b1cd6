/** `npm run schema:check` on small schemas: the rating of changes, the release, and the operations of consumers. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { compareSchemas } from '../../dev/schema-changes.ts';

const KEY = '@key(fields: "box { id } number")';
const BASE = `
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@inaccessible", "@key", "@shareable", "@tag"])
type Query { thing(id: ID!): Thing all(painted: [Color!]): [Thing!] }
type Thing @key(fields: "id") ${KEY} {
  id: ID! @tag(name: "public") number: Int box: Box @shareable old: String @deprecated(reason: "R") color: Color
}
type Box @key(fields: "id") { id: ID! }
enum Color { RED BLUE }
`;

const edit = (from: string, to: string) => {
  expect(BASE).toContain(from);
  return BASE.replace(from, to);
};
const WITHOUT_BLUE = edit(' BLUE', '');
const COLOR_REMOVED = "Field 'color' was removed from object type 'Thing'";
const NUMBER_HIDDEN = "Directive '@inaccessible' was added to field 'Thing.number'";
const BLUE_REMOVED = "Enum value 'BLUE' was removed from enum 'Color'";
// The subgraph `boxes` defines Box.size too.
const CLASHING = edit('ID! }', 'ID! size: Int }');
const PAINTING = edit('all(', 'paint(no: Int): New all(by: Int ').concat('type New { no: Int }');

describe('compareSchemas()', () => {
  const compare = async (before: string, after: string) =>
    (await compareSchemas(before, after)).map(({ criticality, message }) => `${criticality.level}: ${message}`);

  it.each([
    [` ${KEY}`, '', `BREAKING: Directive '${KEY}' was removed from object 'Thing'`],
    [' @shareable', '', "BREAKING: Directive '@shareable' was removed from field 'Thing.box'"],
    ['old: String', 'old: String @inaccessible', "BREAKING: Directive '@inaccessible' was added to field 'Thing.old'"],
    [' @tag(name: "public")', '', `DANGEROUS: Directive '@tag(name: "public")' was removed from field 'Thing.id'`],
    ['ID! }', 'ID! @cost(weight: 5) }', "DANGEROUS: Directive '@cost(weight: 5)' was added to field 'Box.id'"],
    ['v2.9', 'v2.10', "DANGEROUS: Directive '@link("],
    ['type Box', 'type Box @key(fields: "x")', `NON_BREAKING: Directive '@key(fields: "x")' was added to object 'Box'`],
    ['old: String', 'old: String new: ID @inaccessible', "NON_BREAKING: Field 'new' was added to object type 'Thing'"],
    ['reason: "R"', 'reason: "S"', "NON_BREAKING: Deprecation reason on field 'Thing.old' has changed"],
  ])('rates the change from %j to %j: %s', async (from, to, change) => {
    expect((await compare(BASE, edit(from, to)))[0]).toContain(change);
  });

  it('finds no change in another order of keys and arguments, nor in the key of an extension', async () => {
    const keys = `@key(fields: "id") ${KEY}`;
    const before = edit(keys, `@key(fields: "id", resolvable: true) ${KEY}`);
    expect(await compare(before, edit(keys, `${KEY} @key(resolvable: true, fields: "id")`))).toEqual([]);
    expect(await compare(BASE, `${edit(` ${KEY}`, '')} extend type Thing ${KEY}`)).toEqual([]);
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
    // The next release may have its version already.
    'CHANGELOG.md': '# C\n\n## 1.1.0\n\n- By paint: `BLUE GREEN` `size` `color` `number`\n\n## 1.0.0\n\n- `by` `paint`',
    'visits.graphql': 'type Query { visits: [Visit!] } type Visit { box: Box } type Box @key(fields: "id") { id: ID }',
    'apps/painter/none.ts': 'export const none = <T>(some: T) => some;',
    'apps/store/boxes.graphql': 'query Boxes { boxes { id size } }',
    'apps/painter/queries/Colors.graphql': 'query Colors($id: ID!) { thing(id: $id) { ...Painted } }',
    'apps/painter/fragments.graphql': 'fragment Unused on Box { id }\n\nfragment Painted on Thing { color }',
    'apps/painter/All.graphql': 'query All { all(painted: [RED, BLUE]) { number } }',
  };
  // The second pattern names a file again.
  const ALL = [
    '--operations=./apps/{one,painter,store}/**/*.{graphql,json,ts,tsx}',
    '--operations=apps/st*/boxes.graphql',
  ];
  const [ONE, CODE, PERSISTED] = ['apps/one/a.graphql', 'apps/one/a.tsx', 'apps/one/a.json'];
  const persist = (...fields: string[]) =>
    JSON.stringify(fields.map((field) => `query In { boxes { ...Own } } fragment Own on Box { ${field} }`));
  // The test may run in a git hook, whose environment names a repository.
  const env = { PATH: process.env.PATH, GIT_CEILING_DIRECTORIES: tmpdir() };

  function write(file: string, text: string) {
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  const declare = (reasons: Record<string, string>) => write(DECLARED, JSON.stringify(reasons));
  const [CHECK_NODE, PROGRAM] = [resolve('check-node.mjs'), resolve('dev/schema-check.ts')];
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['--import', CHECK_NODE, PROGRAM, ...args], { cwd: folder, env, encoding: 'utf8' });

  beforeEach(() => {
    rmSync(folder, { recursive: true, force: true });
    for (const [file, text] of Object.entries(FILES)) write(file, text);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('lists the worst changes first, and passes without a breaking change', () => {
    write(SCHEMA, edit(' BLUE', ' BLUE GREEN').replace('type Box', '"""\n1\n2\n"""\ntype Box'));
    const stdout = `Compared with ${BASELINE}: 2 changed.
  DANGEROUS     Enum value 'GREEN' was added to enum 'Color'
  NON_BREAKING  Object type 'Box' has description '1
`;
    expect(run()).toMatchObject({ status: 0, stdout, stderr: '' });
  });

  it('fails on a breaking change until its message is declared with a reason', () => {
    write(SCHEMA, WITHOUT_BLUE.replace('number: Int', ''));
    declare({ [BLUE_REMOVED]: 'No app uses blue.', Unused: 'R' });
    const { status, stdout, stderr } = run();
    expect(status).toBe(1);
    expect(stdout).toContain(`  BREAKING      ${BLUE_REMOVED} (declared: No app uses blue.)\n`);
    expect(stdout).toContain('  Declared, and not there: Unused\n');
    const [text, entries = ''] = stderr.split(`${DECLARED}:\n`);
    expect(text).toMatch(/^Breaking, and not declared\./);
    expect(JSON.parse(entries)).toEqual({ "Field 'number' was removed from object type 'Thing'": expect.any(String) });
    declare({ ...JSON.parse(entries), [BLUE_REMOVED]: 'No app uses blue.' });
    expect(run()).toMatchObject({ status: 0, stderr: '' });
    declare({ ...JSON.parse(entries), [BLUE_REMOVED]: '' });
    expect(run().status).toBe(1);
  });

  it.each([
    ['a second pattern without files', [...ALL, '--operations=app/*'], /^--operations 'app\/\*' matches no file\.\n$/],
    ['a subgraph without operations', ['--subgraph=a=b'], /^--subgraph needs --operations\.\n$/],
    ['a subgraph without a schema', [...ALL, '--subgraph=a=b'], /^The subgraph "a" has no schema in .+\/b\.\n$/],
    ['declarations that are not JSON', [], /^.+JSON.+\n$/, DECLARED, '{'],
    ['a template with a syntax error', ALL, /^Syntax Error: .+\n\napps\/one\/a\.tsx:2:8\n/, CODE, 'gql`\nquery {`'],
    ['code with a syntax error', ALL, /^apps\/one\/a\.tsx: .+ \(2:1\)\n$/, CODE, '\n )'],
    ['JSON of something else', ALL, /^apps\/one\/a\.json does not have persisted operations: .+\n$/, PERSISTED, '[5]'],
    ['code without operations', ['--operations=apps/painter/none.ts'], /^No operation found: .+\n$/],
    ['members not in the changelog', [], /^CHANGELOG\.md does not name `by`, `paint` .+\.\n$/, SCHEMA, PAINTING],
    ['schemas that clash', ALL, /^The supergraph does not compose:\n {2}.+ "Box\.size" .+\n$/, SCHEMA, CLASHING],
  ])('refuses %s', (_, args, message, file = SCHEMA, text = BASE) => {
    write(file, text);
    expect(run(...args)).toMatchObject({ status: 1, stderr: expect.stringMatching(message) });
  });

  it.each([
    ['uses a removed field', SCHEMA, edit('color: Color', ''), 'painter: Colors', 'painter/fragments.graphql:3:29'],
    ['uses a hidden field', SCHEMA, edit('number: Int', 'number: Int @inaccessible'), 'painter: All', '"number"'],
    ['has no name', CODE, 'f(/* GraphQL */ `{ no }{ __typename }`)', 'one: an unnamed operation', '"no" on type'],
    ['is a template', CODE, 'export default gql`\n  query In { no }\n`;', 'one: In', 'apps/one/a.tsx:2:14'],
    ['is a call', CODE, 'graphql(`query In { no }`)', 'one: In', 'apps/one/a.tsx:1:19'],
    ['is persisted', PERSISTED, persist('id', 'no', 'size'), 'one: In', 'apps/one/a.json#1:1:53'],
    ['spreads another app’s fragment', ONE, 'query Far { boxes { ...Painted } }', 'one: Far', '"Painted"'],
  ])('names an operation that %s, even if the change is declared', (_, file, text, name, error) => {
    write(file, text);
    declare({ [COLOR_REMOVED]: 'R', [NUMBER_HIDDEN]: 'R' });
    const { status, stderr } = run(...ALL);
    const invalid = stderr.match(/^.+(?= \(apps.+ is not valid\.$)/gm);
    expect({ status, invalid }).toEqual({ status: 1, invalid: [name] });
    expect(stderr).toContain(error);
  });

  it('checks the operations of a neighbor with its schema in the supergraph, and prints the hints', () => {
    write(ONE, 'query Visits { visits { box { size } } }');
    expect(run(...ALL)).toMatchObject({ status: 1, stderr: expect.stringMatching(/^one: Visits/) });
    const stdout = expect.stringMatching(/^Hint INCONSISTENT_\w+ boxes things visits: Type .+ type "ID".+$/m);
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
      write(SCHEMA, `${WITHOUT_BLUE} scalar New`);
      expect(run().stderr).toContain('CHANGELOG.md does not name the changes of the schema');
    });
  });
});
