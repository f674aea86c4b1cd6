/**
 * What a caller gave, checked and turned into the domain before any command is sent. Every check here throws a `Refusal`
 * that says which argument is wrong and why.
 */
import {
  isUsableId,
  type MaintenanceKey,
  type NewMaintenance,
  parseMaintenanceId,
  type Selection,
} from '../maintenance.ts';
import { badInput } from './errors.ts';
import { LIMITS } from './limits.ts';

export function checkResidenceId(residenceId: string, argument = 'residenceId'): string {
  if (residenceId === '') throw badInput(argument, 'must not be empty');
  if (!isUsableId(residenceId)) throw badInput(argument, 'must be at most 256 characters of well-formed Unicode');
  return residenceId;
}

export function toKey(id: string, argument = 'id'): MaintenanceKey {
  const key = parseMaintenanceId(id);
  if (!key)
    throw badInput(
      argument,
      'must be the id of a Maintenance: "<residence id>:<maintenance id>", each of at most 256 characters',
    );
  return key;
}

export function toKeys(ids: readonly string[]): MaintenanceKey[] {
  if (ids.length === 0) throw badInput('ids', 'must not be empty');
  checkCount('ids', ids, LIMITS.ids);
  const keys = ids.map((id, index) => toKey(id, `ids[${index}]`));
  const residences = new Set(keys.map(({ residenceId }) => residenceId));
  if (residences.size > LIMITS.residences)
    throw badInput('ids', `must not be of more than ${LIMITS.residences} residences`);
  return keys;
}

export function checkSelection({ states, first, offset }: Selection): void {
  checkCount('states', states ?? [], LIMITS.states);
  for (const [argument, value] of Object.entries({ first, offset })) {
    if (value && value < 0) throw badInput(argument, 'must not be negative');
  }
}

function checkCount(argument: string, values: readonly unknown[], most: number): void {
  if (values.length > most) throw badInput(argument, `must not hold more than ${most} entries`);
}

function checkLength(argument: string, text: string, most: number): void {
  if (text.length > most) throw badInput(argument, `must not be longer than ${most} characters`);
}

export function checkNewMaintenance(input: NewMaintenance): NewMaintenance {
  const { residenceId, startTime, finishTime, description, contact } = input;
  checkResidenceId(residenceId, 'input.residenceId');
  // Both are UTC in one form, so that their texts compare as their times do.
  if (finishTime <= startTime) throw badInput('input.finishTime', 'must be later than input.startTime');
  for (const [member, text] of Object.entries({ description, contact })) {
    checkLength(`input.${member}`, text, LIMITS[member as 'description' | 'contact']);
    // Nothing in it can be seen: white space, control and formatting characters, fillers, an empty Braille cell.
    if (/^[\s\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]*$/u.test(text))
      throw badInput(`input.${member}`, 'must not be blank');
  }
  const filenames = input.pictureFilenames ?? [];
  checkCount('input.pictureFilenames', filenames, LIMITS.pictureFilenames);
  for (const [index, filename] of filenames.entries())
    checkLength(`input.pictureFilenames[${index}]`, filename, LIMITS.pictureFilename);
  return input;
}

/** The key in a representation of a `Maintenance`: by `id`, by `residence { id } maintenanceId`, or by both if they agree. */
export function toRepresentedKey(representation: unknown): MaintenanceKey {
  const [id, residence, maintenanceId] = ['id', 'residence', 'maintenanceId'].map((name) => get(representation, name));
  if (id === undefined) {
    return {
      residenceId: toRepresentedId(get(residence, 'id'), 'residence { id }'),
      maintenanceId: toRepresentedId(maintenanceId, 'maintenanceId'),
    };
  }
  const key = typeof id === 'string' ? parseMaintenanceId(id) : undefined;
  if (!key) throw badInput('representations', 'holds a Maintenance with a malformed id');
  const agrees =
    (residence === undefined || get(residence, 'id') === key.residenceId) &&
    (maintenanceId === undefined || maintenanceId === key.maintenanceId);
  if (!agrees) throw badInput('representations', 'holds a Maintenance whose two keys disagree');
  return key;
}

/** The id in a representation of a `Residence`. */
export function toRepresentedResidenceId(representation: unknown): string {
  return toRepresentedId(get(representation, 'id'), 'id');
}

/** A member of anything at all. */
export function get(value: unknown, name: string): unknown {
  return (value as Record<string, unknown> | null | undefined)?.[name];
}

function toRepresentedId(value: unknown, member: string): string {
  if (typeof value !== 'string' || !isUsableId(value)) throw badInput('representations', `lacks a usable ${member}`);
  return value;
}
