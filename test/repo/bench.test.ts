/**
 * The inputs and results of the benchmarks. Only `npm run bench` runs the benchmarks themselves.
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

it('the results of the benchmarks have a page of at most 120 lines, with their picture', () => {
  expect(JSON.parse(read('docs/performance.json'))).toMatchObject({ workloads: { 'list-20': { ours: {} } } });
  const page = read('docs/performance.md');
  expect(page).toMatch(/<!-- measured: begin -->[\s\S]+### The goals[\s\S]+<!-- measured: end -->/);
  expect(page.split('\n').length).toBeLessThanOrEqual(121);
  expect(page).toContain('images/performance.svg');
  expect(read('docs/images/performance.svg')).toMatch(/^<svg/);
});

/** Returns the names of a file's exports, without types. */
function exportsOf(file: string): string[] {
  const declared = read(file).matchAll(/^export (?:(?:async )?(?:const|function) |\{ )(\w+(?:, \w+)*)/gm);
  return Array.from(declared, ([, names = '']) => names.split(', ')).flat();
}

it.each(globSync('bench/ablation/*.ts'))('%s exports the same names as the file of src/ that it replaces', (file) => {
  expect(exportsOf(file).sort()).toEqual(exportsOf(String(globSync(`src/**/${basename(file)}`)[0])).sort());
});
