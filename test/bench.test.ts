/**
 * The benchmarks ask what the schema has, and compare like with like. They themselves run by `npm run bench` alone.
 */
import { describe, expect, it } from '@jest/globals';
import { parse, validate } from 'graphql';
import * as operations from '../bench/operations.ts';
import { createSchema } from '../src/graphql/schema.ts';
import { readDocument as read } from './support/documents.ts';

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

  it('have a page and a picture of what they measured', () => {
    const page = read('docs/performance.md');
    expect(page).toMatch(/<!-- measured: begin -->[\s\S]+### The goals[\s\S]+<!-- measured: end -->/);
    expect(page).toContain('images/performance.svg');
    expect(read('docs/images/performance.svg')).toMatch(/^<svg/);
  });
});
