/**
 * bench/operations.ts in Mesh's schema, which has the names and the envelope of the wire. The operations select the same
 * members, except ids that no reply of the command API has: the residence's id, and the id of a detail or entity.
 */
import * as ours from '../operations.ts';
import { type Ticket, toMaintenance, toWireTime } from './vendor.ts';

const TICKET = 'start_time finish_time created_time description contact feedback maintenance_picture_url state';

const DOCUMENTS = {
  List: `query List($input: get_maintenance_list_input_Input) {
    get_maintenance_list(input: $input) { success result { maintenance_id ${TICKET} } }
  }`,
  One: `query One($input: get_maintenance_info_input_Input) {
    get_maintenance_info(input: $input) { success result { ${TICKET} } }
  }`,
  Entities: `query Entities($representations: [_Any!]!) {
    _entities(representations: $representations) { ... on Maintenance { success result { ${TICKET} } } }
  }`,
  Create: `mutation Create($input: create_maintenance_info_input_Input) {
    create_maintenance_info(input: $input) { success result { maintenance_id } }
  }`,
};

type Name = ours.Operation['operationName'];
type Variables = ours.Operation['variables'];
type Key = { residence_id: string; maintenance_id: string };
interface Reply<T> {
  success: boolean;
  result: T;
}

function operation(operationName: Name, variables: Variables): ours.Operation {
  return { operationName, query: DOCUMENTS[operationName], variables };
}

function toKey(id: unknown): Key {
  const [residence_id = '', maintenance_id = ''] = String(id).split(':');
  return { residence_id, maintenance_id };
}

export function list(residenceId: string): ours.Operation {
  return operation('List', { input: { param: { residence_id: residenceId } } });
}

export function one(residenceId: string): ours.Operation {
  return operation('One', { input: { param: toKey(ours.one(residenceId).variables.id) } });
}

export function entities(count: number, residenceIds: readonly string[]): ours.Operation {
  const representations = ours.entities(count, residenceIds).variables.representations as { id: string }[];
  return operation('Entities', {
    representations: representations.map(({ id }) => ({ __typename: 'Maintenance', ...toKey(id) })),
  });
}

export function create(residenceId: string): ours.Operation {
  const { startTime, finishTime, description, contact } = ours.create(residenceId).variables.input as Record<
    string,
    string
  >;
  const param = {
    residence_id: residenceId,
    start_time: toWireTime(startTime as string),
    finish_time: toWireTime(finishTime as string),
    description,
    contact,
  };
  return operation('Create', { input: { param } });
}

/** What our own server answers to the same operation, made of Mesh's answer and of the variables that it was asked with. */
export function toData(operationName: Name, data: unknown, variables: Variables): unknown {
  const answer = data as Record<string, Reply<unknown>>;
  const { param } = (variables.input ?? {}) as { param: Key };
  const complete = (reply: Reply<unknown> | undefined, { residence_id, maintenance_id }: Key) =>
    toMaintenance({ ...(unwrap(reply) as Ticket), maintenance_id }, residence_id);
  switch (operationName) {
    case 'List': {
      const tickets = unwrap(answer.get_maintenance_list) as Ticket[];
      return { maintenances: tickets.map((ticket) => toMaintenance(ticket, param.residence_id)) };
    }
    case 'One':
      return { maintenance: complete(answer.get_maintenance_info, param) };
    case 'Entities': {
      const { _entities } = data as { _entities: Reply<unknown>[] };
      const keys = variables.representations as Key[];
      return { _entities: keys.map((key, index) => complete(_entities[index], key)) };
    }
    case 'Create': {
      const { maintenance_id } = unwrap(answer.create_maintenance_info) as Key;
      return { createMaintenance: { id: `${param.residence_id}:${maintenance_id}` } };
    }
  }
}

function unwrap<T>(reply: Reply<T> | undefined): T {
  if (reply?.success !== true) throw new Error('The command API refused a command.');
  return reply.result;
}
