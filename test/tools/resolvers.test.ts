/** What the resolvers get wrong, and the compiler does not see, stops the start, or the first operation that meets it. */
import { expect, it } from '@jest/globals';
import { checkResolvers, resolveField, wrapMutation } from '../../src/graphql/schema.ts';
import { entities, reads } from '../../src/maintenance/resolvers.ts';
import { SCHEMA } from '../support/maintenance/schema.ts';

const resolve = () => null;
const { Maintenance } = entities;

it.each([
  ['with an entity without a reference resolver', reads, { Maintenance }, 'Residence'],
  ['with a reference resolver of no entity', reads, { ...entities, Query: resolve }, 'Query'],
  ['with a resolver of no field', { ...reads, Residence: { visits: resolve } }, entities, 'Residence.visits'],
  ['with a resolver of a field that is never null', { Maintenance: { id: resolve } }, entities, 'Maintenance.id'],
])('refuses to start %s', (_, types, references, name) => {
  expect(() => checkResolvers(SCHEMA, types, references)).toThrow(`${name} must be`);
});

it('a field without a resolver and without a value is an error', () => {
  const info = { parentType: 'Payload', fieldName: 'maintenance' } as never;
  expect(() => resolveField({}, {}, {} as never, info)).toThrow('Payload.maintenance has neither');
});

it('a refusal after a command does not say that nothing was sent', async () => {
  const records: unknown[] = [];
  const outcomes = new Map<string, string>();
  const context = { responseSize: { reserveForWrite: () => {} }, records, outcomes, clearLoaders: () => {} };
  const resolveAfterSending = () => {
    records.push('sent');
    return entities.Residence({ id: '' });
  };
  const wrapped = wrapMutation(resolveAfterSending, () => ({}));
  const info = { path: { key: 'createMaintenance' } };
  await expect(wrapped({}, {}, context as never, info as never)).rejects.toThrow('Argument');
  expect(outcomes).toEqual(new Map([['createMaintenance', 'UNKNOWN']]));
});
