/** What a set of commands gets wrong, and the compiler does not see, stops the start, or the first operation that meets it. */
import { expect, it } from '@jest/globals';
import { guardMutation, resolveField } from '../../src/graphql/guard.ts';
import { addSize } from '../../src/graphql/price.ts';
import { createSchema } from '../../src/graphql/schema.ts';
import { domain } from '../support/maintenance/schema.ts';

const resolve = () => null;
const { Maintenance } = domain.entities;

it.each([
  ['with an entity without a reference resolver', { entities: { Maintenance } }, 'Residence'],
  ['with a reference resolver of no entity', { entities: { ...domain.entities, Query: resolve } }, 'Query'],
  ['with a resolver of no field', { reads: { ...domain.reads, Residence: { visits: resolve } } }, 'Residence.visits'],
  ['with a resolver of a field that is never null', { reads: { Maintenance: { id: resolve } } }, 'Maintenance.id'],
])('refuses to start %s', (_, wrong, name) => {
  expect(() => createSchema({ ...domain, ...wrong } as typeof domain)).toThrow(`${name} must be`);
});

it.each([[{}], [{ size: Number.NaN }], [{ size: '1' }]])('an entry %j without a size is an error', (entry) => {
  expect(() => addSize(0, entry)).toThrow('An entry has no size.');
});

it('a field without a resolver and without a value is an error', () => {
  const info = { parentType: 'Payload', fieldName: 'maintenance' } as never;
  expect(() => resolveField({}, {}, {} as never, info)).toThrow('Payload.maintenance has neither');
});

it('a refusal after a command does not say that nothing was sent', async () => {
  const commands: unknown[] = [];
  const budget = { chargeWrite: () => {}, chargeError: () => 'for more' };
  const operation = { budget, commands, clearLoaders: () => {}, unforeseen: undefined };
  const guarded = guardMutation(() => {
    commands.push('sent');
    return domain.entities.Residence({ id: '' });
  });
  const { extensions } = (await guarded({}, {}, operation as never, {} as never)) as { extensions: object };
  expect(extensions).toMatchObject({ code: 'BAD_USER_INPUT', outcome: 'UNKNOWN' });
});
