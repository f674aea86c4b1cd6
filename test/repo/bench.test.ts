/**
 * The benchmarks ask what the schema has, and compare like with like. They themselves run by `npm run bench` alone.
 */
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse, validate } from 'graphql';
import * as operations from '../../bench/operations.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { readDocument as read } from '../support/documents.ts';

describe('the benchmarks', () => {
  const residenceId = operations.residence(20, 0, 'a');
  it.each([
    operations.list(residenceId),
    operations.one(residenceId),
    operations.entities(100, [residenceId]),
    operations.create(residenceId),
  ])('ask for what the schema has: $operationName', ({ query }) => {
    expect(validate(createSchema(), parse(query))).toEqual([]);
  });

  it('have data, a page and a picture of what they measured', () => {
    expect(JSON.parse(read('docs/performance.json'))).toMatchObject({
      workloads: { 'list-20': { ours: expect.anything() } },
    });
    const page = read('docs/performance.md');
    expect(page).toMatch(/<!-- measured: begin -->[\s\S]+### The goals[\s\S]+<!-- measured: end -->/);
    expect(page.split('\n').length).toBeLessThanOrEqual(121);
    expect(page).toContain('images/performance.svg');
    expect(read('docs/images/performance.svg')).toMatch(/^<svg/);
  });

  const standIns = globSync('bench/ablation/*.ts');
  /** The names of what a file exports, types aside. */
  function exportsOf(file: string): string[] {
    const text = read(file);
    const declared = Array.from(text.matchAll(/^export (?:async )?(?:const|function) (\w+)/gm), ([, name]) => name);
    const passedOn = Array.from(text.matchAll(/^export \{ (.+) \} from/gm), ([, names = '']) => names.split(', '));
    return [...declared, ...passedOn.flat()].map(String).sort();
  }

  it.each(standIns)('%s exports what the file of src/ does that it stands in for', (standIn) => {
    const [real = ''] = globSync(`src/**/${basename(standIn)}`);
    expect(exportsOf(standIn)).toEqual(exportsOf(real));
  });
});
