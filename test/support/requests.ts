/**
 * Requests for one field each, whose arguments are variables.
 */
import { EXAMPLE } from '../../dev/seed.ts';
import { NEW_MAINTENANCE } from './subgraph.ts';

/** A query or mutation of one field, and the path of that field in the answer. */
export interface FieldQuery {
  readonly query: string;
  readonly variables: Record<string, unknown>;
  readonly path: readonly (string | number)[];
}

/** Returns a list of `length` values. */
export const times = <T>(length: number, make: (index: number) => T) =>
  Array.from({ length }, (_, index) => make(index));

/** Returns a request for the list of the example residence, or of another one among the arguments. */
export const list = (args: Record<string, unknown> = {}): FieldQuery => ({
  query: `query ($residenceId: ID!, $states: [MaintenanceState!], $first: Int, $offset: Int) {
    maintenances(residenceId: $residenceId, states: $states, first: $first, offset: $offset) { id }
  }`,
  variables: { residenceId: EXAMPLE.residenceId, ...args },
  path: ['maintenances'],
});

export const detail = (id: unknown, selection = 'id'): FieldQuery => ({
  query: `query ($id: ID!) { maintenance(id: $id) { ${selection} } }`,
  variables: { id },
  path: ['maintenance'],
});

/** Returns a request for the entity of each representation. */
export const entities = (representations: unknown, selection = '__typename'): FieldQuery => ({
  query: `query ($r: [_Any!]!) { _entities(representations: $r) { ${selection} } }`,
  variables: { r: representations },
  path: ['_entities', 0],
});

/** Returns a valid creation, changed by members of its input. */
export const create = (members: Record<string, unknown> = {}): FieldQuery => ({
  query: 'mutation ($input: CreateMaintenanceInput!) { createMaintenance(input: $input) { id } }',
  variables: { input: { ...NEW_MAINTENANCE, ...members } },
  path: ['createMaintenance'],
});

export const deleteOne = (id: unknown): FieldQuery => ({
  query: 'mutation ($id: ID!) { deleteMaintenance(id: $id) { id } }',
  variables: { id },
  path: ['deleteMaintenance'],
});

export const deleteMany = (ids: unknown, selection = 'deletedIds failures { id }'): FieldQuery => ({
  query: `mutation ($ids: [ID!]!) { deleteMaintenances(ids: $ids) { ${selection} } }`,
  variables: { ids },
  path: ['deleteMaintenances'],
});
