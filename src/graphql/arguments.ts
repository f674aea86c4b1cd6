/**
 * Checks arguments and representations before a command is sent, beyond their types in the schema. A `PublicError` lists the
 * faults of a field's arguments.
 */
import type { ResolversTypes } from '../__generated__/types.ts';
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

export type ResidenceListArguments = ListArguments & { readonly residenceId: string };

const MALFORMED_ID =
  'must be the id of a Maintenance: "<residence id>:<maintenance id>", each of at most 256 characters';

const RFC_3339 = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d{1,30})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i;

type Check = (value: never) => Faults;
type InputType = Extract<keyof ResolversTypes, `${string}Input`>;
/**
 * Checks of arguments, by name: arguments of one name mean the same at every field. An input has a check by its type. A part
 * with a fault of its type is missing; see variables.ts.
 */
const CHECKS: Readonly<Record<string, Check> & Record<InputType, Check>> = {
  id: (id) => ({ id: parseMaintenanceId(id) ? undefined : MALFORMED_ID }),
  ids: (ids) => readIds(ids).faults,
  CreateMaintenanceInput: (input) => readInput(input).faults,
  residenceId: (id) => ({ residenceId: faultOfId(id) }),
  states: (states) => ({ states: faultOfLength(states, SIZES['Query.maintenances(states:)'].entries) }),
  first: (first) => ({ first: faultOfNumber(first) }),
  offset: (offset) => ({ offset: faultOfNumber(offset) }),
  representations: (representations) => ({
    representations: faultOfLength(representations, SIZES['Query._entities(representations:)'].entries),
  }),
};

/** Returns the faults of the arguments of a field, by their names, or an input's type. */
export function faultsOf(args: object): Faults {
  const faults = {};
  for (const [name, value] of Object.entries(args))
    if (value !== undefined && value !== null) Object.assign(faults, CHECKS[name]?.(value as never));
  return faults;
}

/** Throws if an argument of a field is faulty. */
export function checkArguments(args: object): void {
  check(faultsOf(args));
}

function check(faults: Faults): void {
  if (Object.values(faults).some(Boolean)) throw badUserInput(faults);
}

export function toKey(id: unknown, argument = 'id'): MaintenanceKey {
  const key = parseMaintenanceId(id);
  if (!key) throw badUserInput({ [argument]: MALFORMED_ID });
  return key;
}

export function toKeys(ids: readonly string[]): MaintenanceKey[] {
  const { faults, keys } = readIds(ids);
  check(faults);
  return keys;
}

/** Returns the input with its times in UTC. */
export function toNewMaintenance(input: NewMaintenance): NewMaintenance {
  const { faults, ...times } = readInput(input);
  check(faults);
  return { ...input, ...times };
}

/** Returns the usable keys, and the faults of the other ids. */
function readIds(ids: readonly unknown[]): { keys: MaintenanceKey[]; faults: Faults } {
  const most = SIZES['Mutation.deleteMaintenances(ids:)'];
  const fault = ids.length === 0 ? 'must not be empty' : faultOfLength(ids, most.entries);
  if (fault) return { keys: [], faults: { ids: fault } };
  const parsed = ids.map(parseMaintenanceId);
  const keys = parsed.filter((key) => key !== undefined);
  const isTooMany = new Set(keys.map(({ residenceId }) => residenceId)).size > most.residences;
  const tooMany = isTooMany ? `must not be of more than ${most.residences} residences` : undefined;
  const faults = parsed.map((key, index) => [`ids[${index}]`, key ? undefined : MALFORMED_ID]);
  return { keys, faults: { ids: tooMany, ...Object.fromEntries(faults) } };
}

/** Returns the times of an input in UTC, or empty if they are malformed, and the faults of the whole input. */
function readInput(input: Partial<NewMaintenance>): { startTime: string; finishTime: string; faults: Faults } {
  const { residenceId, description, contact } = input;
  const [start, finish] = [readTime(input.startTime), readTime(input.finishTime)];
  // Times in UTC compare as texts.
  const isLater = !start.time || !finish.time || finish.time > start.time;
  const filenames = input.pictureFilenames ?? [];
  const most = SIZES['CreateMaintenanceInput.pictureFilenames'];
  const tooMany = faultOfLength(filenames, most.entries);
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
  return { startTime: start.time, finishTime: finish.time, faults };
}

/** Returns the moment in UTC without fractions of a second, or empty with the fault of a text that is none. */
function readTime(text = ''): { time: string; fault?: string } {
  const [, date, clock] = RFC_3339.exec(text) ?? [];
  if (date && !isMoment(`${date}T00:00:00Z`)) return { time: '', fault: 'is not a day of the calendar' };
  const time = isMoment(`${date}T${clock}Z`) ? `${new Date(text.toUpperCase()).toISOString().slice(0, 19)}Z` : '';
  // An offset can move a moment beyond the years 0000 to 9999.
  if (isMoment(time)) return { time };
  return { time: '', fault: 'must be RFC 3339 with an offset, like 2024-01-16T13:32:45Z' };
}

/**
 * Returns the key in a representation of a `Maintenance`: `id`, or `residence { id } maintenanceId`, or both if they
 * agree.
 */
export function toRepresentedKey(representation: unknown): MaintenanceKey {
  const { id, residence, maintenanceId } = (representation ?? {}) as Record<string, unknown>;
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

/** Returns a member of a value of any type. */
export function memberOf(value: unknown, name: string): unknown {
  return (value as Record<string, unknown> | null | undefined)?.[name];
}

// The following functions return the fault of a value, as the rest of a sentence after the argument's name, or
// undefined.

function faultOfId(value: unknown): string | undefined {
  return isUsableId(value) ? undefined : 'must be 1 to 256 characters of well-formed Unicode';
}

function faultOfNumber(value: number): string | undefined {
  return value < 0 ? 'must not be negative' : undefined;
}

function faultOfLength(values: readonly unknown[], most: number): string | undefined {
  return values.length > most ? `must not hold more than ${most} entries` : undefined;
}

function faultOfText(text: string | undefined, most: number): string | undefined {
  if (text === undefined) return undefined;
  if (text.length > most) return `must not be longer than ${most} characters`;
  // Only invisible characters: white space, control and formatting characters, fillers, the empty Braille cell.
  const isBlank = /^[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]*$/u;
  return isBlank.test(text) ? 'must not be blank' : undefined;
}
