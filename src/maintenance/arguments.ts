/**
 * Parses arguments and representations, whose types in the schema are right already. Each resolver calls one function,
 * which returns values of the domain, or throws a `PublicError` with the faults of all arguments of the field. A faulty
 * id is the only fault of a representation.
 */
import {
  addFault,
  badUserInput,
  checkText,
  type Fault,
  memberOf,
  parseIdArgument,
  parseMomentArgument,
  requireIdArgument,
  throwFault,
  tooMany,
} from '../graphql/faults.ts';
import type { CreateMaintenanceInput, QueryMaintenancesArgs } from './__generated__/types.ts';
import { type MaintenanceKey, parseMaintenanceId } from './model.ts';

/** Faults that only arguments of repair requests have, in addition to those of any field. */
export const OWN_FAULT_CODES = ['EMPTY', 'NEGATIVE', 'NOT_LATER', 'CONTRADICTORY'] as const;
type OwnCode = (typeof OWN_FAULT_CODES)[number];
type OwnFault = Fault<OwnCode>;

const MALFORMED_ID =
  'must be the id of a Maintenance: "<residence id>:<maintenance id>", each of at most 256 characters';
const STATES_SIZE = { entries: 100 } as const;

/**
 * The largest arguments, by their coordinates in the schema. Characters are UTF-16 units. `npm run codegen` writes them
 * to docs/reliability.md.
 */
export const SIZES = {
  'Query.maintenances(states:)': STATES_SIZE,
  'Residence.maintenances(states:)': STATES_SIZE,
  'CreateMaintenanceInput.description': { characters: 10_000 },
  'CreateMaintenanceInput.contact': { characters: 1000 },
  'CreateMaintenanceInput.pictureFilenames': { entries: 20, characters: 256 },
  'Mutation.deleteMaintenances(ids:)': { entries: 500, residences: 100 },
} as const;

export function parseListArguments(args: QueryMaintenancesArgs) {
  const faults: OwnFault[] = [];
  const residenceId = parseIdArgument(args.residenceId, 'residenceId', faults);
  const { entries } = SIZES['Query.maintenances(states:)'];
  if ((args.states?.length ?? 0) > entries) addFault(faults, 'states', 'TOO_MANY', tooMany(entries));
  for (const name of ['first', 'offset'] as const)
    if ((args[name] ?? 0) < 0) addFault(faults, name, 'NEGATIVE', 'must not be negative');
  if (!residenceId || faults.length > 0) throw badUserInput(faults);
  return { ...args, residenceId };
}

export function parseCreateInput(input: CreateMaintenanceInput) {
  const { description, contact, pictureFilenames } = input;
  const faults: OwnFault[] = [];
  const residenceId = parseIdArgument(input.residenceId, 'input.residenceId', faults);
  const startTime = parseMomentArgument(input.startTime, 'input.startTime', faults);
  const finishTime = parseMomentArgument(input.finishTime, 'input.finishTime', faults);
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
  return parseMaintenanceId(value) ?? throwFault(argument, 'NOT_AN_ID', MALFORMED_ID);
}

export function parseKeys(ids: readonly string[]): MaintenanceKey[] {
  const { entries, residences } = SIZES['Mutation.deleteMaintenances(ids:)'];
  if (ids.length === 0) throwFault<OwnCode>('ids', 'EMPTY', 'must not be empty');
  if (ids.length > entries) throwFault('ids', 'TOO_MANY', tooMany(entries));
  const faults: OwnFault[] = [];
  const parsed = ids.map((id) => parseMaintenanceId(id));
  const keys = parsed.filter((key) => key !== undefined);
  if (new Set(keys.map(({ residenceId }) => residenceId)).size > residences)
    addFault(faults, 'ids', 'TOO_MANY', `must not be of more than ${residences} residences`);
  for (const [index, key] of parsed.entries()) if (!key) addFault(faults, `ids[${index}]`, 'NOT_AN_ID', MALFORMED_ID);
  if (faults.length > 0) throw badUserInput(faults);
  return keys;
}

/**
 * Returns the key in a representation of a `Maintenance`: `id`, or `residence { id } maintenanceId`, or both if they
 * agree.
 */
export function parseRepresentedKey(representation: unknown): MaintenanceKey {
  const members = (representation ?? {}) as Record<string, unknown>;
  const key = members.id == null ? undefined : parseKey(members.id, 'representations.id');
  const faults: Fault[] = [];
  const residence = members.residence ?? (key && { id: key.residenceId });
  const residenceId = parseIdArgument(memberOf(residence, 'id'), 'representations.residence.id', faults);
  const maintenanceId = parseIdArgument(
    members.maintenanceId ?? key?.maintenanceId,
    'representations.maintenanceId',
    faults,
  );
  if (key && (residenceId !== key.residenceId || maintenanceId !== key.maintenanceId))
    throwFault<OwnCode>('representations', 'CONTRADICTORY', 'must not hold two keys that disagree');
  if (!residenceId || !maintenanceId) throw badUserInput(faults);
  return { residenceId, maintenanceId };
}

/** Returns the id in a representation of a `Residence`. */
export function parseRepresentedResidenceId(representation: unknown) {
  return requireIdArgument(memberOf(representation, 'id'), 'representations.id');
}
