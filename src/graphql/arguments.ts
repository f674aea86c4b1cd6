/**
 * Parses arguments and representations, whose types in the schema are right already. Each resolver calls one function,
 * which returns values of the domain, or throws a `PublicError` with the faults of all arguments of the field.
 */
import type { CreateMaintenanceInput, QueryMaintenancesArgs } from '../__generated__/types.ts';
import { type MaintenanceKey, parseId, parseMaintenanceId, parseMoment } from '../maintenance.ts';
import { addFault, badUserInput, type Fault, type FaultCode } from './errors.ts';
import { SIZES } from './limits.ts';

const UNUSABLE_ID = 'must be 1 to 256 characters of well-formed Unicode';
const MALFORMED_ID =
  'must be the id of a Maintenance: "<residence id>:<maintenance id>", each of at most 256 characters';

// Only invisible characters: white space, control and formatting characters, fillers, the empty Braille cell.
const BLANK = /^[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]*$/u;
const RFC_3339 = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d{1,30})?(?:Z|([+-](?:[01]\d|2[0-3]):[0-5]\d))$/i;

export function parseListArguments(args: QueryMaintenancesArgs) {
  const faults: Fault[] = [];
  const residenceId = parseId(args.residenceId) ?? addFault(faults, 'residenceId', 'NOT_AN_ID', UNUSABLE_ID);
  const { entries } = SIZES['Query.maintenances(states:)'];
  if ((args.states?.length ?? 0) > entries) addFault(faults, 'states', 'TOO_MANY', tooMany(entries));
  for (const name of ['first', 'offset'] as const)
    if ((args[name] ?? 0) < 0) addFault(faults, name, 'NEGATIVE', 'must not be negative');
  if (!residenceId || faults.length > 0) throw badUserInput(faults);
  return { ...args, residenceId };
}

export function parseCreateInput(input: CreateMaintenanceInput) {
  const { description, contact, pictureFilenames } = input;
  const faults: Fault[] = [];
  const residenceId = parseId(input.residenceId) ?? addFault(faults, 'input.residenceId', 'NOT_AN_ID', UNUSABLE_ID);
  const startTime = readMoment(input.startTime, 'input.startTime', faults);
  const finishTime = readMoment(input.finishTime, 'input.finishTime', faults);
  if (startTime && finishTime && finishTime <= startTime)
    addFault(faults, 'input.finishTime', 'NOT_LATER', 'must be later than input.startTime');
  checkText(description, 'input.description', SIZES['CreateMaintenanceInput.description'].characters, faults);
  checkText(contact, 'input.contact', SIZES['CreateMaintenanceInput.contact'].characters, faults);
  const { entries, characters } = SIZES['CreateMaintenanceInput.pictureFilenames'];
  const names = pictureFilenames ?? [];
  if (names.length > entries) addFault(faults, 'input.pictureFilenames', 'TOO_MANY', tooMany(entries));
  else for (const [i, name] of names.entries()) checkText(name, `input.pictureFilenames[${i}]`, characters, faults);
  if (!residenceId || !startTime || !finishTime || faults.length > 0) throw badUserInput(faults);
  return { residenceId, startTime, finishTime, description, contact, ...(pictureFilenames && { pictureFilenames }) };
}

export function parseKey(value: unknown, argument = 'id'): MaintenanceKey {
  return parseMaintenanceId(value) ?? refuse(argument, 'NOT_AN_ID', MALFORMED_ID);
}

export function parseKeys(ids: readonly string[]): MaintenanceKey[] {
  const { entries, residences } = SIZES['Mutation.deleteMaintenances(ids:)'];
  if (ids.length === 0) refuse('ids', 'EMPTY', 'must not be empty');
  if (ids.length > entries) refuse('ids', 'TOO_MANY', tooMany(entries));
  const faults: Fault[] = [];
  const parsed = ids.map((id) => parseMaintenanceId(id));
  const keys = parsed.filter((key) => key !== undefined);
  if (new Set(keys.map(({ residenceId }) => residenceId)).size > residences)
    addFault(faults, 'ids', 'TOO_MANY', `must not be of more than ${residences} residences`);
  for (const [index, key] of parsed.entries()) if (!key) addFault(faults, `ids[${index}]`, 'NOT_AN_ID', MALFORMED_ID);
  if (faults.length > 0) throw badUserInput(faults);
  return keys;
}

/** Returns the representations, each of which is parsed by itself. */
export function parseRepresentations(representations: readonly unknown[]): readonly unknown[] {
  const { entries } = SIZES['Query._entities(representations:)'];
  return representations.length > entries ? refuse('representations', 'TOO_MANY', tooMany(entries)) : representations;
}

/**
 * Returns the key in a representation of a `Maintenance`: `id`, or `residence { id } maintenanceId`, or both if they
 * agree.
 */
export function parseRepresentedKey(representation: unknown): MaintenanceKey {
  const members = (representation ?? {}) as Record<string, unknown>;
  const key = members.id == null ? undefined : parseKey(members.id, 'representations.id');
  const residenceId = members.residence == null ? key?.residenceId : parseId(memberOf(members.residence, 'id'));
  const maintenanceId = members.maintenanceId == null ? key?.maintenanceId : parseId(members.maintenanceId);
  if (key && (residenceId !== key.residenceId || maintenanceId !== key.maintenanceId))
    refuse('representations', 'CONTRADICTORY', 'must not hold two keys that disagree');
  const faults: Fault[] = [];
  if (!residenceId) addFault(faults, 'representations.residence.id', 'NOT_AN_ID', UNUSABLE_ID);
  if (!maintenanceId) addFault(faults, 'representations.maintenanceId', 'NOT_AN_ID', UNUSABLE_ID);
  if (!residenceId || !maintenanceId) throw badUserInput(faults);
  return { residenceId, maintenanceId };
}

/** Returns the id in a representation of a `Residence`. */
export function parseRepresentedResidenceId(representation: unknown) {
  return parseId(memberOf(representation, 'id')) ?? refuse('representations.id', 'NOT_AN_ID', UNUSABLE_ID);
}

/** Returns a member of a value of any type. */
export function memberOf(value: unknown, name: string): unknown {
  return (value as Record<string, unknown> | null | undefined)?.[name];
}

/** Returns a time with any offset as a moment, without fractions of a second, or undefined after adding a fault. */
function readMoment(value: string, argument: string, faults: Fault[]) {
  const [, date, clock, offset] = RFC_3339.exec(value) ?? [];
  if (date && !parseMoment(`${date}T00:00:00Z`))
    return addFault(faults, argument, 'NOT_A_DAY', 'is not a day of the calendar');
  const asUtc = parseMoment(`${date}T${clock}Z`);
  // An offset can move a moment beyond the years 0000 to 9999.
  const utc = offset && asUtc ? parseMoment(`${new Date(value.toUpperCase()).toISOString().slice(0, 19)}Z`) : asUtc;
  return utc ?? addFault(faults, argument, 'NOT_A_TIME', 'must be RFC 3339 with an offset, like 2024-01-16T13:32:45Z');
}

function checkText(text: string, argument: string, most: number, faults: Fault[]): void {
  if (text.length > most) addFault(faults, argument, 'TOO_LONG', `must not be longer than ${most} characters`);
  else if (BLANK.test(text)) addFault(faults, argument, 'BLANK', 'must not be blank');
}

function tooMany(most: number): string {
  return `must not hold more than ${most} entries`;
}

/** Throws the error of the only fault. */
export function refuse(argument: string, code: FaultCode, message: string): never {
  throw badUserInput([{ argument, code, message }]);
}
