/** The types of codes and outcomes in docs/errors.md, in an app of TypeScript. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { compileRelay, readBlocks } from './documents.ts';

const folder = mkdtempSync(join(tmpdir(), 'types-'));
const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
function run(command: string, ...args: string[]) {
  const options = { cwd: folder, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(resolve(`node_modules/.bin/${command}`), args, options);
  return { status, output: stdout + stderr };
}

const [output = ''] = readBlocks('yaml');
const [code = ''] = readBlocks('ts');
const FAILING = `query ScreenFailingQuery($residenceId: ID!) @throwOnFieldError {
  maintenances(residenceId: $residenceId) @catch(to: RESULT) { id }
}`;
const APP = `${code}
import type { ScreenDeleteAllMutation$data } from './__generated__/ScreenDeleteAllMutation.graphql.ts';
import type { ScreenFailingQuery$data } from './__generated__/ScreenFailingQuery.graphql.ts';
export const show = ({ deleteMaintenances }: ScreenDeleteAllMutation$data) => deleteMaintenances?.failures.map(explain);
export const fail = ({ maintenances }: ScreenFailingQuery$data) => maintenances.ok ? [] : explainAll(maintenances.errors);
`;

const compile = () => run('tsc', '--noEmit', '--allowImportingTsExtensions', '--skipLibCheck');

beforeAll(() => {
  compileRelay(folder, [...readBlocks('graphql'), FAILING]);
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  write('codegen.yml', `schema: schema.graphql\ngenerates:\n${output}`);
  expect(run('graphql-codegen', '--config', 'codegen.yml')).toMatchObject({ status: 0 });
  const paths = { 'relay-runtime': [resolve('test/clients/node_modules/relay-runtime')] };
  const compilerOptions = { strict: true, module: 'nodenext', types: [], paths };
  write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['src/app.ts'] }));
});
afterAll(() => rmSync(folder, { recursive: true }));

it('the code for types compiles, also with the types of Relay', () => {
  write('src/app.ts', APP);
  expect(compile()).toEqual({ status: 0, output: '' });
});

it('the types need a default branch, only outcomes of the enum, and a cast of the errors of Relay’s @catch', () => {
  const withoutDefault = APP.replace(/ +default:\n.+\n/, '').replaceAll("'UNKNOWN'", "'NOPE'");
  write('src/app.ts', withoutDefault.replace('explainAll(maintenances.errors)', 'maintenances.errors.map(explain)'));
  const found = compile().output.match(/TS\d+/g);
  expect(found?.sort()).toEqual(['TS2345', 'TS2366', 'TS2367']);
});
