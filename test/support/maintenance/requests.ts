/** The requests that most tests send. Those for one field each have their arguments as variables. */
import { isObjectType } from 'graphql';
import { EXAMPLE } from '../../../dev/maintenance/seed.ts';
import { NEW_MAINTENANCE } from '../ask.ts';
import type { Upstream } from '../upstream.ts';
import { rootField } from './schema.ts';

export const { residenceId: R, maintenanceId: M } = EXAMPLE;

export const LIST = `{ maintenances(residenceId: "${R}") { id } }`;

/** The deletion of the example request. */
export const DELETE = `mutation { deleteMaintenance(id: "${R}:${M}") { deletedId } }`;

/** A header, escapes, controls and invisible characters, in white space. */
export const HOSTILE = ' \r\nX-Odd: 1\r\n\r\n"}%3A\u0000\u001b\u007f\u0085\u200b\u2028\u202e\ufeff\uffff\n\t';

/** A query or mutation of one field, and the path of that field in the answer. */
export interface FieldQuery {
  readonly query: string;
  readonly variables: Record<string, unknown>;
  readonly path: readonly (string | number)[];
}

export const times = <T>(length: number, make: (index: number) => T) =>
  Array.from({ length }, (_, index) => make(index));

/** Returns `count` fields, all alike or each made from its index, with the aliases `a0`, `a1` and so on. */
export const aliased = (count: number, field: string | ((index: number) => string)) =>
  times(count, (index) => `a${index}: ${typeof field === 'string' ? field : field(index)}`).join(' ');

/** Answers each further command with success and this result. */
export const answerWith = (upstream: Upstream, result: unknown) =>
  upstream.fail(() => ({ body: { success: true, result } }));

/** Returns a request for a root field with these arguments, at least one. Selects the first field of its type by default. */
export function request(root: string, args: Record<string, unknown>, selection?: string): FieldQuery {
  const { operation, field, type } = rootField(root);
  const names = Object.keys(args);
  const types = names.map((name) => `$${name}: ${field.args.find((one) => one.name === name)?.type}`);
  const selected = selection ?? (isObjectType(type) ? Object.keys(type.getFields())[0] : '__typename');
  return {
    query: `${operation} (${types}) { ${root}(${names.map((name) => `${name}: $${name}`)}) { ${selected} } }`,
    variables: args,
    path: [root],
  };
}

/** Returns a request for the list of the example residence, or of another one among the arguments. */
export const list = (args: Record<string, unknown> = {}) =>
  request('maintenances', { residenceId: EXAMPLE.residenceId, ...args });

export const detail = (id: unknown, selection?: string) => request('maintenance', { id }, selection);

/** Returns a valid creation, changed by members of its input. */
export const create = (members: Record<string, unknown> = {}) =>
  request('createMaintenance', { input: { ...NEW_MAINTENANCE, ...members } });

export const deleteMany = (ids: unknown, selection = 'deletedIds failures { failedId }') =>
  request('deleteMaintenances', { ids }, selection);

/** Returns a request for the entity of each representation. */
export const entities = (representations: unknown, selection?: string): FieldQuery => ({
  ...request('_entities', { representations }, selection),
  path: ['_entities', 0],
});
