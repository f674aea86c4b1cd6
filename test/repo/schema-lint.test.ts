/**
 * `npm run lint:schema` on a schema, an example and an app's operations with every fault that it is there to find.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'lint-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Sound but for what stands beside `#!`: the rule that finds it. */
const SCHEMA = `
"""D""" #! no-restricted-syntax
schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@tag"]) {
  query: Query
}
"""D""" #! no-restricted-syntax
type Query {
  """D"""
  list: String #! naming-convention
  """D"""
  getThing: String #! naming-convention
  """D"""
  listOfThings: String #! naming-convention
  """D"""
  postponed: String
  """D"""
  createThing: String #! naming-convention
  """D"""
  Thing: Thing #! naming-convention
  """D"""
  things(
    """D"""
    Of: String #! naming-convention
    a: String #! require-description
    """D"""
    order: OrderInput
    """D"""
    filter: ThingFilter
  ): [Thing!]
  """D"""
  thing: Thing! #! require-nullable-result-in-root
  """D"""
  others: [ThingType]
  """D"""
  objects: [ObjectThing]
  """D"""
  interfaces: [ThingInterface]
  """D"""
  enums: [EnumThing]
}
type Mutation {
  """D"""
  createThing: Thing
  """D"""
  putThing: Thing #! naming-convention
}
"""D"""
type Thing @key(fields: "id") @tag(name: "internal") { #! no-restricted-syntax
  """D"""
  id: ID! @tag(name: "personal-data")
  a: String #! require-description
  "D" #! description-style
  b: String
  # D #! no-hashtag-description
  c: String #! require-description
  """D"""
  d: String @deprecated #! require-deprecation-reason
  """D"""
  e: String @deprecated(reason: "R")
}
type ThingType { #! naming-convention require-description
  """D"""
  a: String
}
"""D"""
type ObjectThing { #! naming-convention
  """D"""
  a: String
}
"""D"""
interface ThingInterface { #! naming-convention
  """D"""
  a: String
}
"""D"""
type thing implements ThingInterface { #! naming-convention
  """D"""
  a: String
}
"""D"""
enum EnumThing { #! naming-convention
  """D"""
  aThing #! naming-convention
  B_THING #! require-description
}
"""D"""
enum OrderInput { #! naming-convention
  """D"""
  UP
}
"""D"""
input ThingFilter { #! naming-convention
  """D"""
  A: String #! naming-convention
}
"""D"""
type Forgotten { #! no-unreachable-types
  """D"""
  a: String
}
"""D"""
directive @Special on FIELD_DEFINITION #! naming-convention no-unreachable-types
query { __typename } #! no-restricted-syntax
`;

const EXAMPLE = `
query Sound { thing { id } }
query { things { nope } } #! no-anonymous-operations lone-anonymous-operation fields-on-correct-type
`;

// The lint does not check the fields: another subgraph may define them.
const APP = `
query Sound { things { nope } }
query { thing { id id } } #! no-anonymous-operations no-duplicate-fields
type Thing { id: ID } #! executable-definitions
`;

/** Each marked line with its rules, as \`12 rule\`. */
function marked(text: string): string[] {
  return text.split('\n').flatMap((line, index) => {
    const rules = line.split('#! ')[1]?.split(' ') ?? [];
    return rules.map((rule) => `${index + 1} ${rule}`);
  });
}

/** What ESLint finds, in the same form. Fails where it finds nothing. */
function lint(): Record<string, string[]> {
  const bin = join(ROOT, 'node_modules/eslint/bin/eslint.js');
  try {
    execFileSync(process.execPath, [bin, '--max-warnings', '0', '--format', 'json', 'schema', 'examples', 'apps'], {
      cwd: folder,
    });
  } catch (error) {
    const files: { filePath: string; messages: { line: number; ruleId: string }[] }[] = JSON.parse(
      String((error as { stdout: Buffer }).stdout),
    );
    return Object.fromEntries(
      files.map(({ filePath, messages }) => [
        filePath.slice(folder.length + 1),
        messages.map(({ line, ruleId }) => `${line} ${ruleId.replace('@graphql-eslint/', '')}`),
      ]),
    );
  }
  throw new Error('found nothing');
}

it('finds each fault, at its line, and nothing else', () => {
  cpSync(join(ROOT, 'eslint.config.mjs'), join(folder, 'eslint.config.mjs'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const [name, text] of [
    ['schema/maintenance.graphql', SCHEMA],
    ['examples/example.graphql', EXAMPLE],
    ['apps/one/thing.graphql', APP],
  ] as const) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const found = lint();
  expect(found['schema/maintenance.graphql']?.sort()).toEqual(marked(SCHEMA).sort());
  expect(found['examples/example.graphql']?.sort()).toEqual(marked(EXAMPLE).sort());
  expect(found['apps/one/thing.graphql']?.sort()).toEqual(marked(APP).sort());
});
