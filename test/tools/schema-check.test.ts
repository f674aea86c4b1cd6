/** `npm run schema:check` on small schemas: the rating of changes, their declaration, and the operations of consumers. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { beforeEach, expect, it } from '@jest/globals';
import { useFolder } from '../support/use-folder.ts';

const KEY = '@key(fields: "box { id } number")';
const BASE = `
extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@inaccessible", "@key", "@shareable", "@tag"])
type Query { thing(id: ID!): Thing all(painted: [Color!]): [Thing!] }
type Thing @key(fields: "id") ${KEY} { id: ID! @tag(name: "public") number: Int box: Box @shareable color: Color }
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
  write('CHANGELOG.md', '# C\n\n## Unreleased\n\n## 1.0.0\n\n- `BLUE`\n');
  write('supergraph/residences.graphql', 'type Query { residences: ID }');
});

it('each change of a directive is rated by what federation makes of it, and the order of keys is no change', () => {
  const changed = BASE.replace(KEY, '')
    .replace(' @shareable', '')
    .replace('number: Int', 'number: Int @inaccessible new: ID @inaccessible')
    .replace(' @tag(name: "public")', '')
    .replace('type Box', 'type Box @key(fields: "x")');
  write(SCHEMA, changed);
  expect(run().stdout.split('\n').slice(1, -1).sort()).toEqual([
    "  BREAKING      Directive '@inaccessible' was added to field 'Thing.number'",
    `  BREAKING      Directive '${KEY}' was removed from object 'Thing'`,
    "  BREAKING      Directive '@shareable' was removed from field 'Thing.box'",
    `  DANGEROUS     Directive '@tag(name: "public")' was removed from field 'Thing.id'`,
    "  NON_BREAKING  Directive '@inaccessible' was added to field 'Thing.new'",
    `  NON_BREAKING  Directive '@key(fields: "x")' was added to object 'Box'`,
    "  NON_BREAKING  Field 'new' was added to object type 'Thing'",
  ]);
});

it('a breaking change needs a reason and the changelog, until the schema is accepted', () => {
  const message = "Enum value 'BLUE' was removed from enum 'Color'";
  write(SCHEMA, BASE.replace(' BLUE', ''));
  const { status, stdout, stderr } = run();
  expect([status, stdout]).toEqual([1, expect.stringContaining(`  BREAKING      ${message}\n`)]);
  expect(stderr).toMatch(/^CHANGELOG\.md does not name `BLUE` in /m);
  expect(stderr).toContain(JSON.stringify({ [message]: 'the reason, and the teams that know' }, null, 2));
  write('CHANGELOG.md', '# C\n\n## Unreleased\n\n- `BLUE`\n');
  write(DECLARED, JSON.stringify({ [message]: 'No app uses blue.' }));
  expect(run()).toMatchObject({ status: 0, stdout: expect.stringContaining('(declared: No app uses blue.)') });
  expect(run('--accept')).toMatchObject({ status: 0, stdout: expect.stringMatching(/: nothing changed\.\n$/) });
});

it('each operation that breaks is named with its app and its place', () => {
  write(SCHEMA, BASE.replace('color: Color', ''));
  write('visits.graphql', 'type Query { visits: [Box!] } type Box @key(fields: "id") { id: ID! visited: Int }');
  write('apps/painter/queries/Colors.graphql', 'query Colors { thing(id: 1) { ...Painted } }');
  write('apps/painter/fragments.graphql', 'fragment Unused on Box { id }\n\nfragment Painted on Thing { color }');
  write('apps/web/page.tsx', 'export default gql`\n  query Page { no }\n`;');
  write('apps/relay/persisted.json', '{ "5d41": "query Kept { visits { visited no } }" }');
  const { status, stdout, stderr } = run('--operations=apps/**/*.{graphql,json,tsx}', '--subgraph=v=visits.graphql');
  expect([status, stdout]).toEqual([1, expect.stringContaining('Operations: 3 checked, 3 not valid.')]);
  expect(stderr.match(/^\w+: \w+(?= \()|^apps\/\S+/gm)).toEqual([
    'painter: Colors',
    'apps/painter/fragments.graphql:3:29',
    'relay: Kept',
    'apps/relay/persisted.json#5d41:1:31',
    'web: Page',
    'apps/web/page.tsx:2:16',
  ]);
  expect(run('--operations=apps/none/*').stderr).toContain('matches no file');
});
