/** What the resolvers get wrong, and the compiler does not see, stops the start, or the first operation that meets it. */
import { expect, it } from '@jest/globals';
import { checkResolvers, resolveField } from '../../src/graphql/schema.ts';
import { entities, readResolvers } from '../../src/maintenance/resolvers.ts';
import { SCHEMA } from '../support/maintenance/schema.ts';

const resolve = () => null;
const { Maintenance } = entities;

it.each([
  ['with an entity without a reference resolver', readResolvers, { Maintenance }, 'Residence'],
  ['with a reference resolver of no entity', readResolvers, { ...entities, Query: resolve }, 'Query'],
  ['with a resolver of no field', { ...readResolvers, Residence: { visits: resolve } }, entities, 'Residence.visits'],
  ['with a resolver of a field that is never null', { Maintenance: { id: resolve } }, entities, 'Maintenance.id'],
])('refuses to start %s', (_, types, references, name) => {
  expect(() => checkResolvers(SCHEMA, types, references)).toThrow(`${name} must be`);
});

it('a field without a resolver and without a value is an error', () => {
  const info = { parentType: 'Payload', fieldName: 'maintenance' } as never;
  expect(() => resolveField({}, {}, {} as never, info)).toThrow('Payload.maintenance has neither');
});
