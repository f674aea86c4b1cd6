/** `npm run schema:check` on small schemas: the rating of changes, their declaration, and the operations of consumers. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { beforeEach, expect, it } from '@jest/globals';
import { useFolder } from '../support/use-folder.ts';

const KEY = '@key(fields: "box { id } number")';
const BASE = `
extend schema @link(url: "https://specs.apollo.dev/federation/v2.0", import: ["@key", "@tag"])
type Query { thing(id: ID!): Thing all(painted: [Color!]): [Thing!] }
type Thing @key(fields: "id") ${KEY} { id: ID! @tag(name: "public") number: Int box: Box color: Color }
type Box @key(fields: "id") { id: ID! }
enum Color { RED BLUE }
`;

const { folder, write } = useFolder('schema-check');
const PROGRAM = resolve('dev/schema-check.ts');
const run = (...args: string[]) => spawnSync(process.execPath, [PROGRAM, ...args], { cwd: folder, encoding: 'utf8' });

const [SCHEMA, DECLARED] = ['schema/maintenance.graphql', 'schema/baseline/breaking-changes.json'];
beforeEach(() => {
  for (const file of [SCHEMA, 'schema/baseline/maintenance.graphql']) write(file, BASE);
  write(DECLARED, '{}');
  write('supergraph/residences.graphql', 'type Query { residences: ID }');
});

const REMOVED = "Directive 'key' was removed from object 'Thing'";
it.each([
  ['a key is removed', KEY, '', REMOVED],
  ['a key changes', 'box { id }', 'box', "Argument 'fields' was removed from '@key'"],
  ['a value is removed', ' BLUE', '', "Enum value 'BLUE' was removed from enum 'Color'"],
])('where %s, the change needs a reason', (_, from, to, message) => {
  write(SCHEMA, BASE.replace(from, to));
  const { status, stdout, stderr } = run();
  expect([status, stdout, stderr]).toEqual([
    1,
    expect.stringContaining(`BREAKING: ${message}\n`),
    expect.stringContaining(`json: ${JSON.stringify(message)}\n`),
  ]);
});

it('a change that has a reason may be released, until the schema is accepted', () => {
  write(SCHEMA, BASE.replace(KEY, ''));
  write(DECLARED, JSON.stringify({ [REMOVED]: 'No app uses it.' }));
  expect(run()).toMatchObject({ status: 0, stdout: expect.stringContaining(`${REMOVED} (No app uses it.)\n`) });
  expect(run('--accept')).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

it('a new field, another tag and a key after the others need no reason', () => {
  const changed = BASE.replace('color: Color', 'color: Color new: ID').replace('@tag(name: "public")', '');
  write(SCHEMA, changed.replace(KEY, `${KEY} @key(fields: "number")`));
  const { status, stdout } = run();
  expect([status, stdout]).toEqual([0, expect.stringContaining("Directive 'key' was added to object 'Thing'")]);
});

it('each operation that breaks is named with its app and its file', () => {
  write(SCHEMA, BASE.replace('color: Color', ''));
  write('visits.graphql', 'type Query { visits: [Box!] } type Box @key(fields: "id") { id: ID! visited: Int }');
  write('apps/painter/queries/Colors.graphql', 'query Colors { thing(id: 1) { ...Painted } }');
  write('apps/painter/fragments.graphql', 'fragment Unused on Box { id }\n\nfragment Painted on Thing { color }');
  write('apps/web/page.tsx', 'export default gql`\n  query Page { no }\n`;');
  write('apps/relay/persisted.json', '{ "5d41": "query Kept { visits { visited no } }" }');
  const { status, stdout, stderr } = run('--operations=apps/**/*.{graphql,json,tsx}', '--subgraph=v=visits.graphql');
  expect([status, stdout]).toEqual([1, expect.stringContaining('Operations: 4 documents checked.')]);
  expect(stderr.match(/.+: apps\S+|^Cannot.*/gm)).toEqual([
    'painter: apps/painter/queries/Colors.graphql',
    'Cannot query field "color" on type "Thing".',
    'apps/relay/persisted.json#5d41: apps/relay/persisted.json#5d41',
    'Cannot query field "no" on type "Box".',
    'web: apps/web/page.tsx',
    'Cannot query field "no" on type "Query".',
  ]);
  write('apps/broken/syntax.graphql', 'query Broken { visits(');
  write('apps/torn/query.graphql', 'query Torn { ...Missing }');
  const others = run('--operations=apps/**/*.graphql', '--subgraph=v=visits.graphql').stderr;
  expect(others).toMatch(/^broken: Syntax Error: [\s\S]+^apps\/broken\/syntax\.graphql:1:23$/m);
  expect(others).toMatch(/^torn: .*Missing$/m);
  expect(others).toContain('painter: apps/painter/queries/Colors.graphql');
  expect(run('--operations=apps/none/*').stderr).toContain('finds no operation');
});
