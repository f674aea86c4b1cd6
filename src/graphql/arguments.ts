/**
 * Checks arguments and representations before a command is sent. A `PublicError` lists the faults of a field's arguments.
 */
import type { BaseContext, GraphQLRequestContext } from '@apollo/server';
import { ApolloServerErrorCode } from '@apollo/server/errors';
import { GraphQLError, isNonNullType, TypeInfo, ValidationContext, type VariableDefinitionNode } from 'graphql';
import {
  isMoment,
  isUsableId,
  type ListArguments,
  type MaintenanceKey,
  type NewMaintenance,
  parseMaintenanceId,
} from '../maintenance.ts';
import { badUserInput, type Faults } from './errors.ts';
import { SIZES } from './limits.ts';

const MALFORMED_ID =
  'must be the id of a Maintenance: "<residence id>:<maintenance id>", each of at most 256 characters';

const RFC_3339 = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i;

function check(faults: Faults): void {
  if (Object.values(faults).some(Boolean)) throw badUserInput(faults);
}

export function toKey(id: unknown, argument = 'id'): MaintenanceKey {
  const key = parseMaintenanceId(id);
  if (!key) throw badUserInput({ [argument]: MALFORMED_ID });
  return key;
}

export function toKeys(ids: readonly string[]): MaintenanceKey[] {
  const most = SIZES['Mutation.deleteMaintenances(ids:)'];
  check({ ids: ids.length === 0 ? 'must not be empty' : faultOfLength(ids, most.entries) });
  const parsed = ids.map(parseMaintenanceId);
  const faults = parsed.map((key, index) => [`ids[${index}]`, key ? undefined : MALFORMED_ID]);
  const keys = parsed.filter((key) => key !== undefined);
  const isTooMany = new Set(keys.map(({ residenceId }) => residenceId)).size > most.residences;
  const tooMany = isTooMany ? `must not be of more than ${most.residences} residences` : undefined;
  check({ ids: tooMany, ...Object.fromEntries(faults) });
  return keys;
}

export function checkRepresentations(representations: readonly unknown[]): void {
  check({ representations: faultOfLength(representations, SIZES['Query._entities(representations:)'].entries) });
}

/** A field that returns the list of a residence. */
export type ListField = 'Query.maintenances' | 'Residence.maintenances';
export type ResidenceListArguments = ListArguments & { readonly residenceId: string };

export function checkListArguments(args: ResidenceListArguments, field: ListField): void {
  const { residenceId, states, first, offset } = args;
  check({
    residenceId: faultOfId(residenceId),
    states: faultOfLength(states, SIZES[`${field}(states:)`].entries),
    first: faultOfNumber(first),
    offset: faultOfNumber(offset),
  });
}

/** Returns the input with its times in UTC. */
export function checkNewMaintenance(input: NewMaintenance): NewMaintenance {
  const { residenceId, description, contact } = input;
  const [start, finish] = [toUtc(input.startTime), toUtc(input.finishTime)];
  const filenames = input.pictureFilenames ?? [];
  const most = SIZES['CreateMaintenanceInput.pictureFilenames'];
  const tooMany = faultOfLength(filenames, most.entries);
  // Times in UTC compare as texts.
  const isLater = !start.time || !finish.time || finish.time > start.time;
  const faults: Record<string, string | undefined> = {
    'input.residenceId': faultOfId(residenceId),
    'input.startTime': start.fault,
    'input.finishTime': finish.fault ?? (isLater ? undefined : 'must be later than input.startTime'),
    'input.description': faultOfText(description, SIZES['CreateMaintenanceInput.description'].characters),
    'input.contact': faultOfText(contact, SIZES['CreateMaintenanceInput.contact'].characters),
    'input.pictureFilenames': tooMany,
  };
  for (const [index, filename] of tooMany ? [] : filenames.entries())
    faults[`input.pictureFilenames[${index}]`] = faultOfText(filename, most.characters);
  check(faults);
  return { ...input, startTime: String(start.time), finishTime: String(finish.time) };
}

/** Returns the moment in UTC without fractions of a second, or the fault of a text that is none. */
function toUtc(text: string): { time?: string; fault?: string } {
  const [, date, clock] = RFC_3339.exec(text) ?? [];
  if (date && !isMoment(`${date}T00:00:00Z`)) return { fault: 'is not a day of the calendar' };
  const time = isMoment(`${date}T${clock}Z`) ? `${new Date(text.toUpperCase()).toISOString().slice(0, 19)}Z` : '';
  // An offset can move a moment beyond the years 0000 to 9999.
  return isMoment(time) ? { time } : { fault: 'must be RFC 3339 with an offset, like 2024-01-16T13:32:45Z' };
}

/**
 * Returns the key in a representation of a `Maintenance`: `id`, or `residence { id } maintenanceId`, or both if they
 * agree.
 */
export function toRepresentedKey(representation: unknown): MaintenanceKey {
  const [id, residence, maintenanceId] = ['id', 'residence', 'maintenanceId'].map((name) =>
    memberOf(representation, name),
  );
  const residenceId = memberOf(residence, 'id');
  if (id === undefined) {
    if (isUsableId(residenceId) && isUsableId(maintenanceId)) return { residenceId, maintenanceId };
    throw badUserInput({
      'representations.residence.id': faultOfId(residenceId),
      'representations.maintenanceId': faultOfId(maintenanceId),
    });
  }
  const key = toKey(id, 'representations.id');
  const agrees =
    (residence === undefined || residenceId === key.residenceId) &&
    (maintenanceId === undefined || maintenanceId === key.maintenanceId);
  if (!agrees) throw badUserInput({ representations: 'must not hold two keys that disagree' });
  return key;
}

/** Returns the id in a representation of a `Residence`. */
export function toRepresentedResidenceId(representation: unknown): string {
  const id = memberOf(representation, 'id');
  if (!isUsableId(id)) throw badUserInput({ 'representations.id': faultOfId(id) });
  return id;
}

/**
 * Refuses null for a variable with a default where null is not allowed. The default makes this null valid, and graphql
 * would report an error for each object of the response.
 */
export async function refuseNulls({ document, operation, request, schema }: GraphQLRequestContext<BaseContext>) {
  const isNullDespiteDefault = ({ defaultValue, variable }: VariableDefinitionNode) =>
    defaultValue && request.variables?.[variable.name.value] === null;
  if (!document || !operation?.variableDefinitions?.some(isNullDespiteDefault)) return;
  const validation = new ValidationContext(schema, document, new TypeInfo(schema), () => {});
  for (const { node, type } of validation.getRecursiveVariableUsages(operation)) {
    if (!isNonNullType(type) || request.variables?.[node.name.value] !== null) continue;
    const extensions = { code: ApolloServerErrorCode.BAD_USER_INPUT, http: { status: 200 } };
    throw new GraphQLError(`Variable "$${node.name.value}" must not be null.`, { extensions });
  }
}

/** Returns a member of a value of any type. */
export function memberOf(value: unknown, name: string): unknown {
  return (value as Record<string, unknown> | null | undefined)?.[name];
}

// The following functions return the fault of a value, as the rest of a sentence after the argument's name, or
// undefined.

function faultOfId(value: unknown): string | undefined {
  return isUsableId(value) ? undefined : 'must be 1 to 256 characters of well-formed Unicode';
}

function faultOfNumber(value: number | null | undefined): string | undefined {
  return value && value < 0 ? 'must not be negative' : undefined;
}

function faultOfLength(values: readonly unknown[] | null | undefined, most: number): string | undefined {
  return values && values.length > most ? `must not hold more than ${most} entries` : undefined;
}

function faultOfText(text: string, most: number): string | undefined {
  if (text.length > most) return `must not be longer than ${most} characters`;
  // Only invisible characters: white space, control and formatting characters, fillers, the empty Braille cell.
  const isBlank = /^[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]*$/u;
  return isBlank.test(text) ? 'must not be blank' : undefined;
}
