/**
 * Parses arguments and representations, whose types in the schema are right already. Each resolver calls one function,
 * which returns values of the domain, or throws a `PublicError` with the faults of all arguments of the field. A faulty
 * id, or a contradiction, is the only fault of a representation.
 */
import {
  addFault,
  badUserInput,
  type Fault,
  listParser,
  memberOf,
  parseIdArgument,
  parseMomentArgument,
  requireIdArgument,
  textParser,
  throwFault,
  tooMany,
} from '../graphql/faults.ts';
import type { QueryMaintenancesArgs } from './__generated__/types.ts';
import { type MaintenanceKey, parseMaintenanceId } from './model.ts';

/** Faults that only arguments of repair requests have, in addition to those of any field. */
export const OWN_FAULT_CODES = ['EMPTY', 'NEGATIVE', 'NOT_LATER', 'CONTRADICTORY'] as const;
type OwnCode = (typeof OWN_FAULT_CODES)[number];
type OwnFault = Fault<OwnCode>;

const MALFORMED_ID =
  'must be the id of a Maintenance: "<residence id>:<maintenance id>", each of at most 256 characters';

/**
 * The largest arguments and members of inputs, by their names: wherever a name stands, it means the same. Characters
 * are UTF-16 units. `npm run codegen` writes the sizes to docs/reliability.md.
 */
export const SIZES = {
  states: { entries: 100 },
  description: { characters: 10_000 },
  contact: { characters: 1000 },
  pictureFilenames: { entries: 20, characters: 256 },
  ids: { entries: 500, residences: 100 },
} as const;

/** The parsers of the members of all inputs, by their names. */
const MEMBERS = {
  residenceId: parseIdArgument,
  startTime: parseMomentArgument,
  finishTime: parseMomentArgument,
  description: textParser(SIZES.description.characters),
  contact: textParser(SIZES.contact.characters),
  pictureFilenames: listParser(SIZES.pictureFilenames.entries, textParser(SIZES.pictureFilenames.characters)),
};
type Given = { readonly [Name in keyof typeof MEMBERS]?: Parameters<(typeof MEMBERS)[Name]>[0] | null };
type Values = { readonly [Name in keyof typeof MEMBERS]: NonNullable<ReturnType<(typeof MEMBERS)[Name]>> };
/** Compares parsed members, and adds the faults. A faulty member is undefined, a list lacks its faulty entries. */
type Comparison = (parsed: Partial<Values>, faults: OwnFault[]) => void;

export function parseListArguments(args: QueryMaintenancesArgs) {
  const faults: OwnFault[] = [];
  const residenceId = parseIdArgument(args.residenceId, 'residenceId', faults);
  const { entries } = SIZES.states;
  if ((args.states?.length ?? 0) > entries) addFault(faults, 'states', 'TOO_MANY', tooMany(entries));
  for (const name of ['first', 'offset'] as const)
    if ((args[name] ?? 0) < 0) addFault(faults, name, 'NEGATIVE', 'must not be negative');
  if (!residenceId || faults.length > 0) throw badUserInput(faults);
  return { ...args, residenceId };
}

/**
 * Returns the members that are not null. An input with a member that `MEMBERS` lacks does not compile. The comparisons
 * run after all members are parsed. Faults have the order of the members.
 */
export function parseInput<I extends Given>(
  input: I & Record<Exclude<keyof I, keyof Given>, never>,
  ...comparisons: readonly Comparison[]
): { readonly [Name in keyof I]: Values[Name & keyof Values] } {
  const faults: OwnFault[] = [];
  const parsed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(input))
    if (value !== null) parsed[name] = MEMBERS[name as keyof Given](value as never, `input.${name}`, faults);
  for (const compare of comparisons) compare(parsed, faults);
  if (faults.length === 0) return parsed as never;
  const places = Object.keys(input);
  const placeOf = ({ argument }: OwnFault) => places.indexOf(argument.split(/[.[]/)[1] ?? '');
  throw badUserInput(faults.sort((a, b) => placeOf(a) - placeOf(b)));
}

export const compareTimes: Comparison = ({ startTime, finishTime }, faults) => {
  if (startTime && finishTime && finishTime <= startTime)
    addFault(faults, 'input.finishTime', 'NOT_LATER', 'must be later than input.startTime');
};

export function parseKey(value: unknown, argument = 'id'): MaintenanceKey {
  return parseMaintenanceId(value) ?? throwFault(argument, 'NOT_AN_ID', MALFORMED_ID);
}

export function parseKeys(ids: readonly string[]): MaintenanceKey[] {
  if (ids.length === 0) throwFault<OwnCode>('ids', 'EMPTY', 'must not be empty');
  const faults: OwnFault[] = [];
  const keys = listParser(SIZES.ids.entries, parseKeyArgument)(ids, 'ids', faults) ?? [];
  const { residences } = SIZES.ids;
  if (new Set(keys.map(({ residenceId }) => residenceId)).size > residences)
    addFault(faults, 'ids', 'TOO_MANY', `must not be of more than ${residences} residences`);
  if (faults.length > 0) throw badUserInput(faults);
  return keys;
}

function parseKeyArgument(id: string, argument: string, faults: Fault[]): MaintenanceKey | undefined {
  return parseMaintenanceId(id) ?? addFault(faults, argument, 'NOT_AN_ID', MALFORMED_ID);
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
  const given = members.maintenanceId ?? key?.maintenanceId;
  const maintenanceId = parseIdArgument(given, 'representations.maintenanceId', faults);
  if (key && (residenceId !== key.residenceId || maintenanceId !== key.maintenanceId))
    throwFault<OwnCode>('representations', 'CONTRADICTORY', 'must not hold two keys that disagree');
  if (!residenceId || !maintenanceId) throw badUserInput(faults);
  return { residenceId, maintenanceId };
}

/** Returns the id in a representation of a `Residence`. */
export function parseRepresentedResidenceId(representation: unknown) {
  return requireIdArgument(memberOf(representation, 'id'), 'representations.id');
}
