/**
 * The inputs of the benchmarks. Only `npm run bench` runs the benchmarks themselves.
 */
import { expect, it } from '@jest/globals';
import { parse, validate } from 'graphql';
import * as operations from '../../bench/operations.ts';
import { readConnectors, VISITS } from '../../bench/router.ts';
import { composeSupergraph } from '../../dev/supergraph/compose.ts';
import { SCHEMA } from '../support/schema.ts';

it('the operations of the benchmarks are valid', () => {
  const ids = operations.residence(20, 0, 'a');
  const { list, one, entities, create } = operations;
  for (const { query } of [list(ids), one(ids), entities(100, [ids]), create(ids)])
    expect(validate(SCHEMA, parse(query))).toEqual([]);
});

it.each(['connectors.graphql', 'connectors-batched.graphql'])('%s composes with the neighbor', (file) => {
  const subgraphs = [
    { name: 'maintenance', url: 'http://none', sdl: readConnectors(file, 'http://vendor.test') },
    { name: 'visits', url: 'http://visits.test', sdl: VISITS },
  ];
  expect(composeSupergraph(subgraphs).supergraphSdl).toContain('http://vendor.test');
});
