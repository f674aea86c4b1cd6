import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isScalarType,
  parse,
  visit,
} from 'graphql';
import { LIMITS } from '../../src/graphql/limits.ts';
import { resolvers } from '../../src/graphql/resolvers/index.ts';
import { createSchema } from '../../src/graphql/schema.ts';

const sdl = readFileSync(new URL('../../schema/maintenance.graphql', import.meta.url), 'utf8');
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

/** The vendor's terms, with the elements whose descriptions have them in brackets. */
function readTerms(): Map<string, string[]> {
  const terms = new Map<string, string[]>();
  const path: string[] = [];
  visit(parse(sdl), {
    enter(node) {
      if ('name' in node && node.name) path.push(node.name.value);
      if (!('description' in node)) return;
      const brackets = (node.description?.value ?? '').matchAll(/\(([^()]*\p{Script=Han}[^()]*)\)/gu);
      for (const term of [...brackets].flatMap(([, inside = '']) => inside.split(', '))) {
        terms.set(term, [...(terms.get(term) ?? []), path.join('.')]);
      }
    },
    leave(node) {
      if ('name' in node && node.name) path.pop();
    },
  });
  return terms;
}

const FAILURE_CODES = [
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'COMMAND_REJECTED',
  'UPSTREAM_TIMEOUT',
  'UPSTREAM_UNAVAILABLE',
  'UPSTREAM_INVALID_RESPONSE',
  'INTERNAL_SERVER_ERROR',
];

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
        'DeleteMaintenanceFailure.code: DeleteMaintenanceFailureCode!',
        'DeleteMaintenanceFailure.message: String!',
        'DeleteMaintenanceFailure.outcome: WriteOutcome!',
        ...FAILURE_CODES.map((code) => `DeleteMaintenanceFailureCode.${code}`),
        'WriteOutcome.NOT_SENT',
        'WriteOutcome.REJECTED',
        'WriteOutcome.UNKNOWN',
      ].sort(),
    );
  });

  it('describes every type, field, argument and value, and neither the schema nor its root types', () => {
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
    expect(undescribed).toEqual(['Query', 'Mutation']);
    const described = parse(sdl).definitions.filter((one) => 'description' in one && one.description);
    expect(described.filter(({ kind }) => kind.startsWith('Schema'))).toEqual([]);
  });

  it('has in its descriptions, in brackets, what the vendor’s page calls it, and no other term', () => {
    // Row by row, as the page has them. Its headers, its envelope and its `param` have no element here.
    expect(Object.fromEntries(readTerms())).toEqual({
      报修: ['Maintenance'],
      报修管理API: ['Maintenance'],
      访问令牌: ['Maintenance'],
      获取报修列表: ['Residence.maintenances', 'Query.maintenances'],
      获取报修信息: ['Query.maintenance'],
      创建报修信息: ['Mutation.createMaintenance'],
      删除报修信息: ['Mutation.deleteMaintenance'],
      批量删除报修信息: ['Mutation.deleteMaintenances'],
      住宅: ['Maintenance.residence', 'Residence', 'DeleteMaintenancePayload.residence'],
      住宅ID: [
        'Maintenance.id',
        'Residence.id',
        'Query.maintenances.residenceId',
        'CreateMaintenanceInput.residenceId',
      ],
      报修ID: ['Maintenance.id', 'Maintenance.maintenanceId'],
      报修信息: ['Mutation.deleteMaintenances.ids', 'CreateMaintenanceInput'],
      开始时间: [
        'Maintenance.startTime',
        'MaintenanceOrder.START_TIME_ASC',
        'MaintenanceOrder.START_TIME_DESC',
        'CreateMaintenanceInput.startTime',
      ],
      结束时间: ['Maintenance.finishTime', 'CreateMaintenanceInput.finishTime'],
      创建时间: ['Maintenance.createdTime', 'MaintenanceOrder.CREATED_TIME_ASC', 'MaintenanceOrder.CREATED_TIME_DESC'],
      描述: ['Maintenance.description', 'CreateMaintenanceInput.description'],
      联系人: ['Maintenance.contact', 'CreateMaintenanceInput.contact'],
      报修图片地址: ['Maintenance.pictureUrls'],
      文件名: ['CreateMaintenanceInput.pictureFilenames'],
      反馈: ['Maintenance.feedback'],
      状态: ['Maintenance.state', 'MaintenanceState', 'Residence.maintenances.states', 'Query.maintenances.states'],
      待确认: ['MaintenanceState.WAIT_FOR_CONFIRMATION'],
      进行中: ['MaintenanceState.IN_PROGRESS'],
      已完成: ['MaintenanceState.COMPLETED'],
      已关闭: ['MaintenanceState.CLOSED'],
    });
  });

  it('has each error code of the README in one description', () => {
    const table = readFileSync(new URL('../../README.md', import.meta.url), 'utf8').split('### Error')[1] ?? '';
    const codes = [...table.matchAll(/^\|([^|]+)\|/gm)].flatMap(
      ([, cell = '']) => cell.match(/[A-Z]{2}[A-Z_]+/g) ?? [],
    );
    const { description } = schema.getType('DeleteMaintenanceFailureCode') ?? {};
    // Those of a value are described there. UNAUTHENTICATED has both.
    const described = description?.match(/(?<=^- .*`)[A-Z_]+(?=`)/gm);
    expect([...FAILURE_CODES, ...(described ?? [])].sort()).toEqual(codes.sort());
  });

  it.each([
    ['Mutation.deleteMaintenances.ids', `1 to ${LIMITS.ids} ids of at most ${LIMITS.residences} residences`],
    ['CreateMaintenanceInput.description', `at most ${LIMITS.description.toLocaleString('en')} characters`],
    ['CreateMaintenanceInput.contact', `at most ${LIMITS.contact.toLocaleString('en')} characters`],
    ['CreateMaintenanceInput.pictureFilenames', `at most ${LIMITS.pictureFilenames}, `],
    ['CreateMaintenanceInput.pictureFilenames', `at most ${LIMITS.pictureFilename} characters`],
  ])('says at %s what is taken: %s', (coordinate, bound) => {
    const [typeName = '', field = '', argument] = coordinate.split('.');
    const type = schema.getType(typeName);
    const found = isObjectType(type) || isInputObjectType(type) ? type.getFields()[field] : undefined;
    const element = argument && found && 'args' in found ? found.args.find(({ name }) => name === argument) : found;
    expect(element?.description?.replace(/\s+/g, ' ')).toContain(bound);
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
