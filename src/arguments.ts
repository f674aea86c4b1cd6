/**
 * What a caller gave, checked and turned into the domain before any command is sent. Every function throws a `Refusal`
 * that says which argument is wrong and why.
 */
import { type MaintenanceKey, type NewMaintenance, parseMaintenanceId, type Selection } from './maintenance.ts';
import { Refusal } from './refusal.ts';

const MAX_IDS = 500;

export function checkResidenceId(residenceId: string, argument = 'residenceId'): string {
  if (residenceId === '') throw badInput(argument, 'must not be empty');
  return residenceId;
}

export function toKey(id: string, argument = 'id'): MaintenanceKey {
  const key = parseMaintenanceId(id);
  if (!key) throw badInput(argument, 'must be the id of a Maintenance, "<residence id>:<maintenance id>"');
  return key;
}

export function toKeys(ids: readonly string[]): MaintenanceKey[] {
  if (ids.length === 0) throw badInput('ids', 'must not be empty');
  if (ids.length > MAX_IDS) throw badInput('ids', `must not hold more than ${MAX_IDS} ids`);
  return ids.map((id, index) => toKey(id, `ids[${index}]`));
}

export function checkSelection<T extends Selection>(selection: T): T {
  for (const argument of ['first', 'offset'] as const) {
    if ((selection[argument] ?? 0) < 0) throw badInput(argument, 'must not be negative');
  }
  return selection;
}

type NewMaintenanceInput = Omit<NewMaintenance, 'pictureFilenames'> & { pictureFilenames?: readonly string[] | null };

export function checkNewMaintenance(input: NewMaintenanceInput): NewMaintenance {
  checkResidenceId(input.residenceId, 'input.residenceId');
  // Both are UTC in one form, so that their texts compare as their times do.
  if (input.finishTime <= input.startTime) throw badInput('input.finishTime', 'must be later than input.startTime');
  for (const member of ['description', 'contact'] as const) {
    if (isBlank(input[member])) throw badInput(`input.${member}`, 'must not be blank');
  }
  return { ...input, pictureFilenames: input.pictureFilenames ?? null };
}

/** The key in a representation of a `Maintenance`: by `id`, by `residence { id } maintenanceId`, or by both if they agree. */
export function toRepresentedKey(representation: unknown): MaintenanceKey {
  const { id, residence, maintenanceId } = members(representation);
  const byId = id === undefined ? undefined : toKey(requireText(id, 'id'), 'representations');
  if (byId && residence === undefined && maintenanceId === undefined) return byId;
  const byParts = {
    residenceId: residence === undefined && byId ? byId.residenceId : toResidenceId(residence),
    maintenanceId:
      maintenanceId === undefined && byId ? byId.maintenanceId : requireText(maintenanceId, 'maintenanceId'),
  };
  if (byId && (byId.residenceId !== byParts.residenceId || byId.maintenanceId !== byParts.maintenanceId)) {
    throw badRepresentation('holds a Maintenance whose two keys disagree');
  }
  return byParts;
}

/** The id in a representation of a `Residence`. */
export function toRepresentedResidenceId(representation: unknown): string {
  return requireText(members(representation).id, 'id');
}

export function badRepresentation(reason: string): Refusal {
  return badInput('representations', reason);
}

function toResidenceId(residence: unknown): string {
  return requireText(members(residence).id, 'residence.id');
}

function members(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function requireText(value: unknown, member: string): string {
  if (typeof value !== 'string' || value === '') throw badRepresentation(`lacks a usable ${member}`);
  return value;
}

/** Nothing in it can be seen: white space, control and formatting characters. */
function isBlank(text: string): boolean {
  return /^[\s\p{Cc}\p{Cf}]*$/u.test(text);
}

function badInput(argument: string, reason: string): Refusal {
  return new Refusal('BAD_USER_INPUT', `Argument "${argument}" ${reason}.`);
}
