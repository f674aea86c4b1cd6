/**
 * The inputs of the benchmarks. Only `npm run bench` runs the benchmarks themselves.
 */
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, it } from '@jest/globals';
import { parse, validate } from 'graphql';
import * as operations from '../../bench/operations.ts';
import { readDocument as read } from '../support/documents.ts';
import { SCHEMA } from '../support/schema.ts';

it('the operations of the benchmarks are valid', () => {
  const ids = operations.residence(20, 0, 'a');
  const { list, one, entities, create } = operations;
  for (const { query } of [list(ids), one(ids), entities(100, [ids]), create(ids)])
    expect(validate(SCHEMA, parse(query))).toEqual([]);
});

/** Returns the names of a file's exports, without types. */
function exportsOf(file: string): string[] {
  const declared = read(file).matchAll(/^export (?:(?:async )?(?:const|function) |\{ )(\w+(?:, \w+)*)/gm);
  return Array.from(declared, ([, names = '']) => names.split(', ')).flat();
}

it.each(globSync('bench/ablation/*.ts'))('%s exports the same names as the file of src/ that it replaces', (file) => {
  expect(exportsOf(file).sort()).toEqual(exportsOf(String(globSync(`src/**/${basename(file)}`)[0])).sort());
});
