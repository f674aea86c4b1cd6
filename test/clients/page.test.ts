/** The versions, and the types of codes and outcomes, in docs/errors.md, and the operations that Relay sends. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { composeApi } from '../../dev/schema-operations.ts';
// Composition returns objects of this copy of graphql.
import { printSchema } from '../../node_modules/graphql/index.js';
import { readDocument, readSchemaWithOldIds } from '../support/documents.ts';
import manifest from './package.json' with { type: 'json' };
import { PAGE, RELAY_CONFIG, readBlocks } from './page.ts';

const path = (relative: string) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'types-'));
afterAll(() => rmSync(folder, { recursive: true }));

function run(command: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(path(`node_modules/.bin/${command}`), args, {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

/** Writes a file of the app. */
function write(file: string, text: string): void {
  mkdirSync(join(folder, file, '..'), { recursive: true });
  writeFileSync(join(folder, file), text);
}

/** Returns the schema of the supergraph, with another file in place of schema/maintenance.graphql. */
const apiOf = (sdl: string) =>
  printSchema(composeApi('supergraph/supergraph.yaml', [{ name: 'maintenance', url: '', sdl }]));

/** Compiles operations as docs/federation.md says, and returns the texts of persisted.json. */
function compile(schema: string, ...operations: readonly string[]): string[] {
  write('schema.graphql', schema);
  write('persisted.json', '{}');
  write('relay.config.json', RELAY_CONFIG);
  rmSync(join(folder, 'src/__generated__'), { recursive: true, force: true });
  write('src/Screen.ts', operations.map((operation) => `graphql\`${operation}\`;`).join('\n'));
  execFileSync(createRequire(import.meta.url)('relay-compiler'), { cwd: folder, stdio: 'pipe' });
  return Object.values(JSON.parse(readFileSync(join(folder, 'persisted.json'), 'utf8')));
}

it('the page names the tested versions', () => {
  const named = Array.from(PAGE.matchAll(/`([@\w/-]+)`\s(\d+\.\d+\.\d+)/g), ([, name, version]) => [name, version]);
  expect(named).not.toEqual([]);
  expect(manifest.dependencies).toMatchObject(Object.fromEntries(named));
});

it('the tests of clients have no type errors', () => {
  expect(run('tsc', '--project', path('test/clients'))).toEqual({ status: 0, output: '' });
});

const [output = ''] = readBlocks('yaml');
const [code = ''] = readBlocks('ts');
const NEW = apiOf(readDocument('schema/maintenance.graphql'));
const FAILING = `query ScreenFailingQuery($residenceId: ID!) @throwOnFieldError {
  maintenances(residenceId: $residenceId) @catch(to: RESULT) { id }
}`;
const RELAY = `
import type { ScreenDeleteAllMutation$data } from './__generated__/ScreenDeleteAllMutation.graphql.ts';
import type { ScreenFailingQuery$data } from './__generated__/ScreenFailingQuery.graphql.ts';
export const show = ({ deleteMaintenances }: ScreenDeleteAllMutation$data) => deleteMaintenances?.failures.map(explain);
export const fail = ({ maintenances }: ScreenFailingQuery$data) => maintenances.ok ? [] : explainAll(maintenances.errors);
`;

describe('the types of codes and outcomes', () => {
  beforeAll(() => {
    symlinkSync(path('node_modules'), join(folder, 'node_modules'));
    compile(NEW, ...readBlocks('graphql'), FAILING);
    write('codegen.yml', `schema: schema.graphql\ngenerates:\n${output}`);
    expect(run('graphql-codegen', '--config', 'codegen.yml')).toMatchObject({ status: 0 });
    const compilerOptions = {
      strict: true,
      noEmit: true,
      module: 'nodenext',
      allowImportingTsExtensions: true,
      types: [],
      skipLibCheck: true,
      paths: { 'relay-runtime': [path('test/clients/node_modules/relay-runtime')] },
    };
    write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['src/app.ts'] }));
  });

  it.each([
    ['compiles', code, ''],
    ['needs its default branch', code.replace(/ +default:\n.+\n/, ''), 'TS2366'],
    ['names only outcomes of the enum', code.replaceAll("'UNKNOWN'", "'NOPE'"), 'TS2367'],
    ["fits Relay's types", code + RELAY, ''],
    [
      "is needed for the errors of Relay's @catch",
      code + RELAY.replace('explainAll(maintenances.errors)', 'maintenances.errors.map(explain)'),
      'TS2345',
    ],
  ])('the code for types %s', (_, text, error) => {
    write('src/app.ts', text);
    expect(run('tsc')).toEqual({ status: error ? 1 : 0, output: error ? expect.stringContaining(error) : '' });
  });
});

describe("Relay's persisted operations in schema:check", () => {
  /** Returns the summary and the first error. */
  function check(file: string, subgraph?: string) {
    const options = [`--operations=${join(folder, file)}`, ...(subgraph ? [`--subgraph=${subgraph}`] : [])];
    const args = [path('dev/schema-check.ts'), ...options];
    const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: path('.'), encoding: 'utf8' });
    return [/^Operations: .+$/m.exec(stdout)?.[0], stderr.split('\n')[1]];
  }

  it('are valid, but not the sources, which have directives of Relay', () => {
    const texts = compile(NEW, ...readBlocks('graphql'), FAILING);
    expect(texts.join()).not.toContain('@');
    expect(check('persisted.json')).toEqual(['Operations: 3 checked, 0 not valid.', undefined]);
    const unknown = expect.stringMatching(/^Unknown directive "@\w+"\.$/);
    expect(check('src/Screen.ts')).toEqual(['Operations: 3 checked, 3 not valid.', unknown]);
  });

  it("have a payload's old `id`, which is valid with both names only", () => {
    const operation = 'mutation ScreenOldMutation($id: ID!) { deleteMaintenance(id: $id) { residence { name } } }';
    const valid = ['Operations: 1 checked, 0 not valid.', undefined];
    const removed = 'Cannot query field "id" on type "DeleteMaintenancePayload".';
    compile(apiOf(readSchemaWithOldIds()), operation);
    expect(check('src/Screen.ts')).toEqual(valid);
    expect(check('persisted.json')).toEqual(['Operations: 1 checked, 1 not valid.', removed]);
    write('with-old-ids.graphql', readSchemaWithOldIds());
    expect(check('persisted.json', `maintenance=${join(folder, 'with-old-ids.graphql')}`)).toEqual(valid);
    compile(NEW, operation);
    expect(check('persisted.json')).toEqual(valid);
  });
});
