import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isScalarType,
} from 'graphql';
import { resolvers } from '../src/resolvers/index.ts';
import { createSchema } from '../src/schema.ts';

const sdl = readFileSync(new URL('../schema/maintenance.graphql', import.meta.url), 'utf8');
const schema = createSchema();
const ours = Object.values(schema.getTypeMap()).filter(
  ({ name }) => !/^(_|link__|federation__)/.test(name) && !['String', 'ID', 'Int', 'Boolean', 'Float'].includes(name),
);

/** `Type.field(argument: Type): Type` for everything in the public schema. */
function members(type: GraphQLNamedType): string[] {
  if (isEnumType(type)) return type.getValues().map(({ name }) => `${type.name}.${name}`);
  if (isInputObjectType(type))
    return Object.values(type.getFields()).map((field) => `${type.name}.${field.name}: ${field.type}`);
  if (isObjectType(type) || isInterfaceType(type)) {
    return Object.values(type.getFields())
      .filter(({ name }) => !name.startsWith('_'))
      .map(({ name, args, type: answers }) => {
        const given = args.map((argument) => `${argument.name}: ${argument.type}`).join(', ');
        return `${type.name}.${name}${given && `(${given})`}: ${answers}`;
      });
  }
  return [`scalar ${type.name}`];
}

const SELECTION = 'states: [MaintenanceState!], orderBy: MaintenanceOrder, first: Int, offset: Int';

describe('the public schema', () => {
  it('has exactly the names and types that other teams were promised', () => {
    expect(ours.flatMap(members).sort()).toEqual(
      [
        'scalar DateTime',
        'Maintenance.id: ID!',
        'Maintenance.maintenanceId: ID!',
        'Maintenance.residence: Residence',
        'Maintenance.startTime: DateTime',
        'Maintenance.finishTime: DateTime',
        'Maintenance.createdTime: DateTime',
        'Maintenance.description: String',
        'Maintenance.contact: String',
        'Maintenance.feedback: String',
        'Maintenance.pictureUrls: [String!]',
        'Maintenance.state: MaintenanceState',
        'MaintenanceState.WAIT_FOR_CONFIRMATION',
        'MaintenanceState.IN_PROGRESS',
        'MaintenanceState.COMPLETED',
        'MaintenanceState.CLOSED',
        'Residence.id: ID!',
        `Residence.maintenances(${SELECTION}): [Maintenance!]`,
        'MaintenanceOrder.CREATED_TIME_ASC',
        'MaintenanceOrder.CREATED_TIME_DESC',
        'MaintenanceOrder.START_TIME_ASC',
        'MaintenanceOrder.START_TIME_DESC',
        `Query.maintenances(residenceId: ID!, ${SELECTION}): [Maintenance!]`,
        'Query.maintenance(id: ID!): Maintenance',
        'Mutation.createMaintenance(input: CreateMaintenanceInput!): CreateMaintenancePayload',
        'Mutation.deleteMaintenance(id: ID!): DeleteMaintenancePayload',
        'Mutation.deleteMaintenances(ids: [ID!]!): DeleteMaintenancesPayload',
        'CreateMaintenanceInput.residenceId: ID!',
        'CreateMaintenanceInput.startTime: DateTime!',
        'CreateMaintenanceInput.finishTime: DateTime!',
        'CreateMaintenanceInput.description: String!',
        'CreateMaintenanceInput.contact: String!',
        'CreateMaintenanceInput.pictureFilenames: [String!]',
        'CreateMaintenancePayload.id: ID!',
        'CreateMaintenancePayload.maintenance: Maintenance',
        'DeleteMaintenancePayload.id: ID!',
        'DeleteMaintenancePayload.residence: Residence',
        'DeleteMaintenancesPayload.deletedIds: [ID!]!',
        'DeleteMaintenancesPayload.failures: [DeleteMaintenanceFailure!]!',
        'DeleteMaintenanceFailure.id: ID!',
        'DeleteMaintenanceFailure.code: String!',
        'DeleteMaintenanceFailure.message: String!',
        'DeleteMaintenanceFailure.outcome: WriteOutcome!',
        'WriteOutcome.NOT_SENT',
        'WriteOutcome.REJECTED',
        'WriteOutcome.UNKNOWN',
      ].sort(),
    );
  });

  it('describes every type, field, argument and value', () => {
    const undescribed: string[] = [];
    const check = (name: string, { description }: { description?: string | null | undefined }) => {
      if (!description?.trim()) undescribed.push(name);
    };
    for (const type of ours) {
      check(type.name, type);
      if (isEnumType(type)) for (const value of type.getValues()) check(`${type.name}.${value.name}`, value);
      if (isScalarType(type) || isEnumType(type)) continue;
      if (!isObjectType(type) && !isInputObjectType(type))
        throw new Error(`${type.name} is of a kind that is not checked`);
      for (const field of Object.values(type.getFields())) {
        if (field.name.startsWith('_')) continue;
        check(`${type.name}.${field.name}`, field);
        if ('args' in field)
          for (const argument of field.args) check(`${type.name}.${field.name}.${argument.name}`, argument);
      }
    }
    expect(undescribed).toEqual([]);
  });

  it('is linked to federation v2.9', () => {
    expect(sdl).toContain('https://specs.apollo.dev/federation/v2.9"');
  });

  it.each(Object.entries(resolvers))('has every name that the resolvers of %s have', (typeName, entry) => {
    const type = schema.getType(typeName);
    expect(type).toBeDefined();
    if (!isObjectType(type)) return;
    for (const field of Object.keys(entry as object)) {
      if (field === '__resolveReference') expect(sdl).toMatch(new RegExp(`type ${typeName}\\s+@key`));
      else expect(Object.keys(type.getFields())).toContain(field);
    }
  });
});
