/** What the resolvers get wrong, and the compiler does not see, stops the start, or the first operation that meets it. */
import { expect, it } from '@jest/globals';
import { OperationErrors } from '../../src/graphql/public-errors.ts';
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
  const responseSize = { addWrite: () => {} };
  const errors = new OperationErrors();
  const operation = { responseSize, records, clearLoaders: () => {}, errors };
  const wrapped = wrapMutation(() => {
    records.push('sent');
    return entities.Residence({ id: '' });
  });
  const { extensions } = (await wrapped({}, {}, operation as never, {} as never)) as { extensions: object };
  expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', outcome: 'UNKNOWN' });
});
